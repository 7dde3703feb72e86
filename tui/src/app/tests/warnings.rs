//! Warnings: what is asked, groups that are folded, the page of one, and the way to its task and back.

use super::{answer, asked, give, key, on, press, said, started, update};
use crate::app::event::Effect;
use crate::app::question::{Answer, Listing, Question, Shape, Warned};
use crate::app::sample::found;
use crate::app::state::{State, Tab};
use crate::app::warnings::Line;
use crate::keys::Context;
use loopscope_inspector::model::{Place, Warning};

/// The lines, shortly: the name of a group, or what a warning is about.
fn lines(state: &State) -> Vec<String> {
    let (_, page) = state.warnings.table.page.as_ref().unwrap();
    let line = |line: &Line| match line {
        Line::Group(group) => format!("{} {}", group.name, group.count),
        Line::Warning(warning) => format!("  {:?}", warning.task),
    };
    page.rows.iter().map(line).collect()
}

/// Presses keys, and the process does not answer meanwhile.
fn keys(state: &mut State, names: &[&str]) {
    for name in names {
        let _ = update(state, key(name));
    }
}

fn given(state: &mut State, rows: Vec<Warning>) {
    let question = state.question().unwrap();
    let _ = give(
        state,
        question,
        Answer::Warnings(Box::new(Warned { total: rows.len() as u64, rows, ..Warned::default() })),
    );
}

#[test]
fn in_groups_they_come_as_the_process_has_them_and_all_at_once() {
    let state = on("8", 4);
    let question = asked(&state);
    assert_eq!((question.of, question.offset, question.limit), (Listing::Warnings, 0, 500));
    assert!(matches!(question.shape, Shape::Tree { .. }));
    let expected =
        ["blocked 1", "  Some(12)", "deadlock 2", "  Some(13)", "slow-poll 58", "  Some(12)", "  Some(31)"];
    assert_eq!(lines(&state), expected);
}

#[test]
fn a_group_is_folded_and_its_warning_stays_selected_as_the_group() {
    let mut state = on("8", 4);
    keys(&mut state, &["Down", "Left"]);
    assert_eq!(lines(&state)[..3], ["blocked 1", "deadlock 2", "  Some(13)"]);
    assert_eq!(state.warnings.table.window.cursor, 0);
    let _ = update(&mut state, key("h"));
    assert_eq!(said(&state), "The warnings of this group are hidden already.");
    keys(&mut state, &["Right"]);
    assert_eq!(lines(&state).len(), 7);
    keys(&mut state, &["E"]);
    assert_eq!(lines(&state), ["blocked 1", "deadlock 2", "slow-poll 58"]);
    keys(&mut state, &["E"]);
    assert_eq!(lines(&state).len(), 7);
}

#[test]
fn the_selection_stays_on_its_warning_when_others_come_above_it() {
    let mut state = on("8", 4);
    keys(&mut state, &["G"]);
    assert_eq!(state.warnings.selected().unwrap().task, Some(31));
    let mut more = found::warnings();
    more.truncate(4);
    more.insert(0, Warning { task: Some(77), ..more[0].clone() });
    given(&mut state, more);
    assert_eq!(state.warnings.selected().unwrap().task, Some(31));
    assert_eq!(state.warnings.table.window.cursor, 7);
}

#[test]
fn the_flat_table_is_sorted_by_the_process() {
    let mut state = on("8", 4);
    keys(&mut state, &["t"]);
    answer(&mut state, 4);
    assert_eq!((asked(&state).shape, asked(&state).sort), (Shape::Flat, "for"));
    assert_eq!(lines(&state).len(), 4);
    press(&mut state, &["s"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("count", true));
    let _ = update(&mut state, key("h"));
    assert_eq!(said(&state), "The flat table has no groups; t shows them.");
}

#[test]
fn enter_opens_the_page_then_the_task_and_esc_comes_back_step_by_step() {
    let mut state = on("8", 4);
    press(&mut state, &["Enter"]);
    assert_eq!(state.context(), Context::Warning);
    assert!(matches!(state.question(), Some(Question::Table(asked)) if asked.of == Listing::Warnings));
    press(&mut state, &["w"]);
    assert_eq!((state.context(), state.question()), (Context::Why, Some(Question::Task(12))));
    press(&mut state, &["Esc", "Enter"]);
    assert_eq!((state.context(), state.question()), (Context::Task, Some(Question::Task(12))));
    press(&mut state, &["Esc"]);
    assert_eq!(state.context(), Context::Warning);
    press(&mut state, &["Esc"]);
    assert_eq!((state.context(), state.tab), (Context::Warnings, Tab::Warnings));
    press(&mut state, &["Esc"]);
    assert_eq!(state.tab, Tab::Overview);
}

#[test]
fn the_page_of_a_warning_follows_it_and_stays_when_it_is_gone() {
    let mut state = on("8", 4);
    press(&mut state, &["Enter"]);
    let mut later = found::warnings();
    later[0].for_ns = Some(5);
    later[0].message = "loop 0 blocked 4.2 s".to_owned();
    given(&mut state, later);
    let page = state.warning.as_ref().unwrap();
    assert_eq!((page.seen.for_ns, page.gone), (Some(5), false));
    given(&mut state, Vec::new());
    let page = state.warning.as_ref().unwrap();
    assert_eq!((page.seen.for_ns, page.gone), (Some(5), true));
}

#[test]
fn the_source_of_the_place_and_of_one_s_own_frame_is_read_once() {
    let mut state = on("8", 4);
    let step = update(&mut state, key("Enter"));
    let read = |file: &str, line, column| Effect::Read(Place::new(file, line, column));
    assert_eq!(step.effects, [read("src/main.rs", 40, 9), read("src/billing.rs", 31, 0)]);
    assert_eq!(update(&mut state, key("Down")).effects, []);
    for _ in 0..30 {
        let _ = update(&mut state, key("Down"));
        let frame = matches!(
            state.warning.as_ref().unwrap().selected(),
            Some(crate::app::warning::Row::Frame(4, ..))
        );
        if frame {
            break;
        }
    }
    assert_eq!(update(&mut state, key("o")).effects, [Effect::Edit(Place::new("src/main.rs", 44, 0))]);
}

#[test]
fn a_problem_of_no_task_and_no_loop_has_a_page_too() {
    let mut state = started();
    let mut picture = crate::app::sample::overview(true);
    picture.problems = vec![found::warnings().remove(4)];
    let _ = give(&mut state, Question::Overview, Answer::Overview(Box::new(picture.clone())));
    keys(&mut state, &["Home", "Enter"]);
    assert_eq!((state.context(), state.question()), (Context::Warning, Some(Question::Overview)));
    let _ = update(&mut state, key("Enter"));
    assert_eq!(said(&state), "This warning is of no single task or loop; o opens its place.");
    picture.problems.clear();
    let _ = give(&mut state, Question::Overview, Answer::Overview(Box::new(picture)));
    assert!(state.warning.as_ref().unwrap().gone);
    answer(&mut state, 11);
    press(&mut state, &["Esc"]);
    assert_eq!(state.context(), Context::Overview);
}
