//! What the program does, as sentences: events in, state and effects out.

mod connection;
mod palette;
mod storm;
mod tables;
mod warnings;

use super::event::{Data, Effect, Event, Excerpt, Step};
use super::question::{Answer, Listing, Question, Shape, TableQuestion};
use super::sample::{SECOND, answer, attached, identity, key, overview, page, press, task_picture};
use super::state::{Overlay, State, Tab};
use super::update::update;
use crate::keys::Context;
use crate::view::view;
use loopscope_inspector::model::{Place, WallTime};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use std::time::Duration;

/// Attached, with the first picture of Overview, at 80×24.
fn started() -> State {
    let mut state = attached(80, 24);
    answer(&mut state, 11);
    state
}

/// Attached, on the screen with this number, with a table of so many rows.
fn on(screen: &str, total: u64) -> State {
    let mut state = started();
    let _ = update(&mut state, key(screen));
    answer(&mut state, total);
    state
}

/// On Tasks, with a table of so many rows.
fn on_tasks(total: u64) -> State {
    let mut state = started();
    let _ = update(&mut state, key("2"));
    answer(&mut state, total);
    state
}

fn said(state: &State) -> &str {
    state.note.as_ref().map_or("", |(note, _)| note.text.as_str())
}

fn asked(state: &State) -> TableQuestion {
    match state.question() {
        Some(Question::Table(question)) => question,
        other => panic!("a table asks for its rows, not for {other:?}"),
    }
}

fn tick(state: &mut State, seconds: u64) -> Step {
    update(state, Event::Tick(Duration::from_secs(seconds)))
}

fn give(state: &mut State, question: Question, answer: Answer) -> Step {
    update(state, Event::Data(Data::Answer(identity(), Box::new((question, answer)))))
}

// Overview.

#[test]
fn enter_on_the_verdict_goes_to_the_worst_problem() {
    let mut state = started();
    // The stuck loop is below the verdict, and leads to the same task.
    for keys in [&["Enter"][..], &["Esc", "Down", "Enter"]] {
        press(&mut state, keys);
        assert_eq!(state.pages.last().map(|page| page.id), Some(12));
    }
}

#[test]
fn enter_on_a_loop_shows_its_tasks() {
    let mut state = started();
    press(&mut state, &["Down", "Down", "Down", "Down", "Enter"]);
    assert_eq!((state.tab, state.tasks.table.window.filter.as_str()), (Tab::Tasks, "loop=0"));
}

#[test]
fn a_healthy_verdict_says_that_there_is_nothing_to_go_to() {
    let mut state = started();
    give(&mut state, Question::Overview, Answer::Overview(Box::new(overview(false))))
        .changed
        .then_some(())
        .unwrap();
    let _ = update(&mut state, key("Home"));
    let _ = update(&mut state, key("Enter"));
    assert_eq!(said(&state), "All is well: there is nothing to go to.");
}

// Tasks.

#[test]
fn only_the_rows_around_the_screen_are_asked_for() {
    let mut state = on_tasks(1_000_000);
    let rows = u64::from(state.list_rows());
    assert_eq!(
        asked(&state),
        TableQuestion {
            of: Listing::Tasks,
            shape: Shape::Tree { expanded: true, except: std::collections::BTreeSet::new() },
            filter: String::new(),
            sort: "busy",
            descending: true,
            offset: 0,
            limit: 3 * rows,
            around: None,
            histograms: None,
            why: None,
        }
    );
    let _ = update(&mut state, key("G"));
    let question = asked(&state);
    assert!(
        question.offset <= 1_000_000 - rows && question.offset + question.limit >= 1_000_000,
        "{question:?}"
    );
    assert_eq!(state.tasks.table.window.cursor, 999_999);
}

#[test]
fn a_flat_table_is_gone_through_as_far_as_an_agent_gives_rows() {
    let mut state = on_tasks(1_000_000);
    let _ = update(&mut state, key("t"));
    answer(&mut state, 1_000_000);
    let _ = update(&mut state, key("G"));
    assert_eq!(state.tasks.table.window.cursor, 199_999);
    let question = asked(&state);
    assert!(question.offset + question.limit <= 200_000, "{question:?}");
    answer(&mut state, 1_000_000);
    assert!(state.tasks.selected().is_some());
}

#[test]
fn moving_by_a_row_asks_nothing_new() {
    let mut state = on_tasks(1_000_000);
    let before = asked(&state);
    for _ in 0..u64::from(state.list_rows()) + 3 {
        let _ = update(&mut state, key("j"));
    }
    assert_eq!(asked(&state), before);
    assert!(state.tasks.selected().is_some(), "the row is in memory");
}

#[test]
fn the_selection_stays_on_its_task_when_rows_come_above_it_in_the_tree() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Down", "Down"]);
    let selected = state.tasks.selected().map(|task| task.id);
    let mut newer = page(0, 60, 11);
    newer.rows.insert(0, newer.rows[10].clone());
    newer.rows[0].task.id = 500;
    newer.total = 12;
    let question = state.question().unwrap();
    let _ = give(&mut state, question, Answer::Tasks(Box::new(newer)));
    assert_eq!((state.tasks.selected().map(|task| task.id), state.tasks.table.window.cursor), (selected, 4));
}

#[test]
fn rates_are_taken_over_a_picture_s_time_though_the_table_is_gone_through_meanwhile() {
    let mut state = on_tasks(11);
    let mut give_at = |at_ns: u64, polls: u64| {
        let mut page = page(0, 60, 11);
        page.taken_at = WallTime(page.taken_at.0 + at_ns);
        page.process.uptime_ns = Some(725 * SECOND + at_ns);
        page.rows[0].task.polls = polls;
        let question = state.question().unwrap();
        let _ = give(&mut state, question, Answer::Tasks(Box::new(page)));
        let node = state.tasks.row(0).unwrap().clone();
        state.tasks.rates(&node).map(|rates| rates.polls_per_s)
    };
    assert_eq!(give_at(SECOND, 1_457), Some(100.0));
    // 40 ms later, because of a key: still over the time since the picture before.
    assert_eq!(give_at(SECOND + 40_000_000, 1_461), Some(100.0));
}

#[test]
fn a_followed_task_is_asked_for_and_a_move_lets_it_go() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "f"]);
    assert_eq!(asked(&state).around, Some(7));
    press(&mut state, &["j"]);
    assert_eq!(asked(&state).around, None);
}

#[test]
fn a_followed_task_that_is_gone_is_let_go_and_said_so() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "f"]);
    let question = state.question().unwrap();
    let _ = give(&mut state, question, Answer::Tasks(Box::default()));
    assert_eq!((state.tasks.follow, state.tasks.table.window.cursor), (None, 0));
    assert_eq!(said(&state), "Task #7 is not in this table any more; it is no longer followed.");
}

#[test]
fn rows_of_a_table_that_is_not_shown_any_more_are_thrown_away() {
    let mut state = on_tasks(11);
    let old = state.question().unwrap();
    let _ = update(&mut state, key("t"));
    assert_eq!(give(&mut state, old, Answer::Tasks(Box::new(page(0, 3, 3)))), Step::nothing());
    assert_eq!(state.tasks.table.window.total(), 11);
}

#[test]
fn sorting_leaves_the_tree_then_goes_through_the_columns() {
    let mut state = on_tasks(11);
    press(&mut state, &["s"]);
    assert_eq!((asked(&state).shape, asked(&state).sort), (Shape::Flat, "busy"));
    press(&mut state, &["s"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("polls", true));
    press(&mut state, &["S", "S", "S", "i"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("id", true));
}

#[test]
fn collapsing_is_asked_of_the_process() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "e"]);
    let collapsed = Shape::Tree { expanded: true, except: [7].into() };
    assert_eq!(asked(&state).shape, collapsed);
    press(&mut state, &["Right"]);
    assert_eq!(asked(&state).shape, Shape::Tree { expanded: true, except: [].into() });
    press(&mut state, &["E"]);
    assert_eq!(asked(&state).shape, Shape::Tree { expanded: false, except: [].into() });
}

#[test]
fn all_children_are_shown_first_where_some_are_hidden() {
    let mut state = on_tasks(11);
    press(&mut state, &["e", "E"]);
    assert_eq!(asked(&state).shape, Shape::Tree { expanded: true, except: [].into() });
    press(&mut state, &["E", "e", "E"]);
    assert_eq!(asked(&state).shape, Shape::Tree { expanded: true, except: [].into() });
}

#[test]
fn left_goes_to_the_parent_of_a_leaf() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Down", "Down", "h"]);
    assert_eq!(state.tasks.selected().map(|task| task.id), Some(7));
}

#[test]
fn a_filter_applies_with_enter_and_goes_with_esc() {
    let mut state = on_tasks(11);
    for c in ["/", "i", "d", "=", "7", "Enter"] {
        let _ = update(&mut state, key(c));
    }
    assert_eq!((asked(&state).filter.as_str(), state.tasks.table.window.typing.is_none()), ("id=7", true));
    let _ = update(&mut state, key("Esc"));
    assert_eq!((asked(&state).filter.as_str(), state.tab), ("", Tab::Tasks));
    let _ = update(&mut state, key("Esc"));
    assert_eq!(state.tab, Tab::Overview);
}

#[test]
fn while_a_filter_is_typed_letters_are_letters_but_control_c_quits() {
    let mut state = on_tasks(11);
    for c in ["/", "q", "?", "Space", "w"] {
        assert_eq!(update(&mut state, key(c)).effects, []);
    }
    assert_eq!(
        state.tasks.table.window.typing.as_ref().map(|typing| typing.line.text()).as_deref(),
        Some("q? w")
    );
    assert_eq!(update(&mut state, key("Ctrl-C")).effects, [Effect::Quit(None)]);
}

#[test]
fn a_paste_goes_into_the_line_that_is_typed_and_nowhere_else() {
    let mut state = on_tasks(11);
    let _ = update(&mut state, Event::Paste("qqq".to_owned()));
    assert_eq!(said(&state), "There is no line to paste into; / starts a filter on a table.");
    let _ = update(&mut state, key("/"));
    let _ = update(&mut state, Event::Paste("id=7\n".to_owned()));
    assert_eq!(
        state.tasks.table.window.typing.as_ref().map(|typing| typing.line.text()).as_deref(),
        Some("id=7")
    );
}

// Task page and chain.

#[test]
fn enter_drills_in_and_esc_comes_back_step_by_step() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Enter"]);
    assert_eq!((state.context(), state.question()), (Context::Task, Some(Question::Task(7))));
    press(&mut state, &["w"]);
    assert_eq!(state.context(), Context::Why);
    press(&mut state, &["Down", "Enter"]);
    assert_eq!((state.context(), state.question()), (Context::Task, Some(Question::Task(9))));
    press(&mut state, &["Esc"]);
    assert_eq!(state.question(), Some(Question::Task(7)));
    press(&mut state, &["Esc"]);
    assert_eq!(state.context(), Context::Tasks);
}

#[test]
fn source_lines_are_read_once_for_each_place() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Enter"]);
    let at = |line| Place { file: "src/main.rs".to_owned(), line, column: 9 };
    state.pages[0].excerpts.clear();
    let step = give(&mut state, Question::Task(7), Answer::Task(Some(Box::new(task_picture(7)))));
    assert_eq!(step.effects, [Effect::Read(at(61)), Effect::Read(at(37))]);
    let step = give(&mut state, Question::Task(7), Answer::Task(Some(Box::new(task_picture(7)))));
    assert_eq!(step.effects, []);
    let excerpt = Excerpt { first: 36, lines: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()] };
    let _ = update(&mut state, Event::Data(Data::Source(at(37), excerpt.clone())));
    assert_eq!(state.pages[0].excerpts.get(&at(37)), Some(&excerpt));
}

#[test]
fn a_task_that_is_gone_keeps_its_last_picture_and_says_so() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Enter"]);
    let _ = give(&mut state, Question::Task(7), Answer::Task(None));
    let page = state.pages.last().unwrap();
    assert!(matches!(page.seen, super::task::Seen::Gone(_)));
    assert_eq!(page.picture().map(|picture| picture.task.id), Some(7));
}

#[test]
fn the_editor_opens_where_the_task_waits() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down"]);
    let place = Place { file: "src/main.rs".to_owned(), line: 61, column: 9 };
    assert_eq!(update(&mut state, key("o")).effects, [Effect::Edit(place)]);
}

#[test]
fn y_copies_the_selected_task_in_words() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down"]);
    let text = "#7 handler idle: lock \"db\" held by #9 writer, 1.2 s, src/main.rs:37".to_owned();
    assert_eq!(update(&mut state, key("y")).effects, [Effect::Copy(text)]);
}

// Pausing.

#[test]
fn a_paused_picture_stays_and_the_newest_is_shown_when_it_goes_on() {
    let mut state = started();
    press(&mut state, &["Space"]);
    let readings = state.overview.history[&0].len();
    let mut newer = overview(false);
    newer.taken_at = WallTime(newer.taken_at.0 + SECOND);
    assert_eq!(
        give(&mut state, Question::Overview, Answer::Overview(Box::new(newer.clone()))),
        Step::nothing()
    );
    assert_eq!(state.overview.picture, Some(overview(true)));
    assert!(state.overview.history[&0].len() > readings, "the reading goes on");
    let _ = update(&mut state, key("Space"));
    assert_eq!(state.overview.picture, Some(newer));
}

#[test]
fn while_paused_rows_that_were_not_there_are_still_read() {
    let mut state = on_tasks(1_000);
    let first = state.question().unwrap();
    let _ = update(&mut state, key("Space"));
    assert_eq!(give(&mut state, first, Answer::Tasks(Box::new(page(0, 3, 3)))), Step::nothing());
    let _ = update(&mut state, key("G"));
    let question = state.question().unwrap();
    let Question::Table(asked) = question.clone() else { panic!("{question:?}") };
    let _ = give(&mut state, question, Answer::Tasks(Box::new(page(asked.offset, asked.limit, 1_000))));
    assert!(state.tasks.selected().is_some());
}

// Everything else.

#[test]
fn a_key_that_does_nothing_says_why_and_the_note_goes_after_a_while() {
    let mut state = started();
    assert_eq!(update(&mut state, key("z")), Step::changed());
    assert_eq!(said(&state), "z does nothing here; ? lists the keys.");
    assert_eq!(tick(&mut state, 2), Step::nothing());
    assert_eq!(tick(&mut state, 60), Step::changed());
    assert_eq!(state.note, None);
}

#[test]
fn esc_and_a_key_right_behind_it_are_two_keys_though_they_come_as_one() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "w"]);
    let both = Event::Key(KeyEvent::new(KeyCode::Char('t'), KeyModifiers::ALT));
    let _ = update(&mut state, both);
    assert_eq!((state.context(), state.tasks.window().tree), (Context::Tasks, false));
    let quit = Event::Key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT));
    assert_eq!(update(&mut state, quit).effects, [Effect::Quit(None)]);
}

#[test]
fn help_lies_over_the_screen_and_goes_with_the_same_key_or_esc() {
    let mut state = on_tasks(11);
    for close in ["?", "Esc"] {
        let _ = update(&mut state, key("?"));
        assert_eq!(state.overlay, Some(Overlay::Help(0)));
        let _ = update(&mut state, key(close));
        assert_eq!((state.overlay.is_none(), state.context()), (true, Context::Tasks));
    }
}

#[test]
fn the_end_is_asked_for_by_q_by_control_c_and_by_the_system() {
    for event in [key("q"), key("Ctrl-C")] {
        assert_eq!(update(&mut started(), event).effects, [Effect::Quit(None)]);
    }
    assert_eq!(update(&mut started(), Event::Terminate(15)).effects, [Effect::Quit(Some(15))]);
}

#[test]
fn a_click_selects_and_a_second_opens() {
    let mut state = on_tasks(11);
    let click = |row| {
        Event::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 2,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    // Header, tabs, status and titles are above the rows.
    let _ = update(&mut state, click(5));
    assert_eq!((state.tasks.table.window.cursor, state.context()), (1, Context::Tasks));
    let _ = update(&mut state, click(5));
    assert_eq!(state.question(), Some(Question::Task(7)));
    let _ = update(&mut state, click(1));
    assert_eq!(state.context(), Context::Overview);
}

#[test]
fn a_click_on_a_title_sorts_by_it_and_another_turns_it_round() {
    let mut state = on_tasks(11);
    let click = Event::Mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 4,
        row: 3,
        modifiers: KeyModifiers::NONE,
    });
    let _ = update(&mut state, click.clone());
    assert_eq!((asked(&state).sort, asked(&state).descending), ("id", false));
    let _ = update(&mut state, click);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("id", true));
}

fn events() -> impl Strategy<Value = Event> {
    let code = prop_oneof![
        20 => prop::char::range(' ', '~').prop_map(KeyCode::Char),
        2 => any::<char>().prop_map(KeyCode::Char),
        // Screens, and what tables do.
        8 => prop::sample::select(vec!['1', '2', '3', '4', '5', '6', '7', 's', 'i', '/', ' ']).prop_map(KeyCode::Char),
        12 => prop::sample::select(vec![
            KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Enter, KeyCode::Esc, KeyCode::Tab,
            KeyCode::BackTab, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
            KeyCode::Delete, KeyCode::F(1), KeyCode::Insert,
        ]),
    ];
    let modifiers = prop_oneof![4 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL), 1 => Just(KeyModifiers::ALT)];
    let mouse = (0u16..300, 0u16..100, 0usize..4).prop_map(|(column, row, kind)| {
        let kinds = [
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Down(MouseButton::Right),
            MouseEventKind::ScrollUp,
            MouseEventKind::ScrollDown,
        ];
        Event::Mouse(MouseEvent { kind: kinds[kind], column, row, modifiers: KeyModifiers::NONE })
    });
    prop_oneof![
        30 => (code, modifiers).prop_map(|(code, modifiers)| Event::Key(KeyEvent::new(code, modifiers))),
        4 => mouse,
        2 => (0u16..250, 0u16..80).prop_map(|(width, height)| Event::Resize(width, height)),
        1 => (0u64..100).prop_map(|seconds| Event::Tick(Duration::from_secs(seconds))),
        1 => any::<String>().prop_map(Event::Paste),
        1 => any::<String>().prop_map(|why| Event::Data(Data::Silent(why))),
        1 => any::<Option<String>>().prop_map(|how| Event::Data(Data::Ended(how))),
        1 => any::<String>().prop_map(Event::Failed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_events_at_any_size_panics_or_draws_outside(
        width in 0u16..220,
        height in 0u16..70,
        events in prop::collection::vec((events(), any::<bool>(), 0u64..2_000), 0..60),
    ) {
        let mut state = attached(width, height);
        answer(&mut state, 11);
        for (event, answered, total) in events {
            let _ = update(&mut state, event);
            if answered {
                answer(&mut state, total);
            }
            let mut buf = Buffer::empty(state.area());
            if let Some(at) = view(&state, state.area(), &mut buf) {
                prop_assert!(state.area().contains(at));
            }
            let mut other = Buffer::empty(Rect::new(0, 0, 80, 24));
            let _ = view(&state, other.area, &mut other);
        }
    }
}
