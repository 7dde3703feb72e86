//! Sites, Timers and I/O: what they ask, where Enter leads from them, and that Esc comes back.

use super::{answer, asked, give, key, on, press, said, started, update};
use crate::app::event::{Data, Effect, Event, Step};
use crate::app::question::{Answer, Listing, Page, Question, Shape, TableQuestion};
use crate::app::state::{State, Tab};
use crate::keys::Context;
use loopscope_inspector::model::{Place, Site};
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

fn tasks_filter(state: &State) -> &str {
    &state.tasks.window().filter
}

#[test]
fn each_table_asks_for_the_rows_around_the_screen_in_its_own_order() {
    for (screen, of, sort, descending, why) in [
        ("4", Listing::Sites, "busy", true, [None; 2]),
        ("5", Listing::Timers, "deadline_in", false, [None; 2]),
        ("6", Listing::Io, "fd", false, [None; 2]),
        ("7", Listing::Sync, "held_for", true, [Some(7), Some(14)]),
    ] {
        let mut state = on(screen, 1_000_000);
        let rows = u64::from(state.list_rows());
        let first = TableQuestion {
            of,
            shape: Shape::Flat,
            filter: String::new(),
            sort,
            descending,
            offset: 0,
            limit: 3 * rows,
            around: None,
            histograms: None,
            why: why[0],
        };
        assert_eq!(asked(&state), first);
        press(&mut state, &["j", "j", "j"]);
        let moved = TableQuestion { why: why[1], ..first };
        assert_eq!(asked(&state), moved, "moving by a row asks for no other rows");
        answer(&mut state, 1_000_000);
        let _ = update(&mut state, key("G"));
        let last = asked(&state);
        assert!(last.offset > 199_000 && last.offset + last.limit <= 200_000, "{last:?}");
    }
}

#[test]
fn sorting_goes_through_the_columns_of_each_table() {
    let mut state = on("4", 6);
    press(&mut state, &["s"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("live", true));
    press(&mut state, &["S", "S", "i"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("site", true));
    let mut state = on("6", 6);
    press(&mut state, &["i"]);
    assert_eq!((asked(&state).sort, asked(&state).descending), ("fd", true));
}

#[test]
fn enter_on_a_site_shows_its_tasks_and_esc_comes_back_to_it() {
    let mut state = on("4", 6);
    press(&mut state, &["Down", "Enter"]);
    assert_eq!(state.context(), Context::Tasks);
    assert_eq!(asked(&state).filter, "site=\"src/net/connection.rs:112\" loop=0");
    press(&mut state, &["Enter"]);
    assert_eq!(state.context(), Context::Task);
    press(&mut state, &["Esc", "Esc"]);
    assert_eq!((state.context(), state.sites.table.window.cursor), (Context::Sites, 1));
    assert_eq!(tasks_filter(&state), "", "the filter that Tasks had before");
}

#[test]
fn a_filter_typed_over_the_tasks_of_a_site_goes_first() {
    let mut state = on("2", 11);
    press(&mut state, &["/", "i", "d", "=", "7", "Enter", "4", "Enter"]);
    let of_site = tasks_filter(&state).to_owned();
    press(&mut state, &["/", "Ctrl-U", "w", "Enter"]);
    assert_eq!(tasks_filter(&state), "w");
    press(&mut state, &["Esc"]);
    assert_eq!((state.tab, tasks_filter(&state)), (Tab::Tasks, of_site.as_str()));
    press(&mut state, &["Esc"]);
    assert_eq!((state.tab, tasks_filter(&state)), (Tab::Sites, "id=7"));
}

#[test]
fn going_to_another_screen_by_its_number_forgets_where_enter_came_from() {
    let mut state = on("4", 6);
    press(&mut state, &["Enter", "2", "Esc"]);
    assert_eq!((state.tab, tasks_filter(&state)), (Tab::Tasks, ""));
    press(&mut state, &["Esc"]);
    assert_eq!(state.tab, Tab::Overview);
}

#[test]
fn enter_on_a_timer_opens_who_waits_for_it_and_esc_comes_back() {
    let mut state = on("5", 5);
    press(&mut state, &["Down", "Enter"]);
    assert_eq!(state.question(), Some(Question::Task(8)));
    press(&mut state, &["Esc"]);
    assert_eq!((state.context(), state.timers.window.cursor), (Context::Timers, 1));
    press(&mut state, &["Down", "Down", "Enter"]);
    assert_eq!(state.context(), Context::Timers);
    let _ = update(&mut state, key("Enter"));
    assert_eq!(said(&state), "No task waits for this timer; o opens the editor at its place.");
}

#[test]
fn enter_on_a_descriptor_opens_who_waits_or_lets_one_be_chosen() {
    let mut state = on("6", 6);
    press(&mut state, &["Down", "Enter"]);
    assert_eq!(state.question(), Some(Question::Task(9)));
    press(&mut state, &["Esc", "Down", "Enter"]);
    assert_eq!((state.context(), tasks_filter(&state)), (Context::Tasks, "id=7 or id=9 or id=14"));
    press(&mut state, &["Esc", "Down"]);
    assert_eq!((state.context(), state.io.window.cursor), (Context::Io, 3));
    let _ = update(&mut state, key("Enter"));
    assert_eq!(said(&state), "No task waits for this descriptor now.");
}

#[test]
fn enter_on_a_lock_opens_who_holds_it_and_on_a_queue_who_waits() {
    let mut state = on("7", 7);
    press(&mut state, &["Enter"]);
    assert_eq!(state.question(), Some(Question::Task(9)));
    press(&mut state, &["Esc", "Down", "Down", "Enter"]);
    assert_eq!((state.context(), tasks_filter(&state)), (Context::Tasks, "id=15 or id=1"));
    press(&mut state, &["Esc", "Down", "Enter"]);
    assert_eq!(state.question(), Some(Question::Task(14)));
    press(&mut state, &["Esc", "Down", "Down"]);
    assert_eq!((state.context(), state.sync.window.cursor), (Context::Sync, 5));
    let _ = update(&mut state, key("Enter"));
    assert_eq!(said(&state), "No task waits for this, and none holds it.");
}

#[test]
fn the_chain_and_the_page_of_who_waits_are_one_key_away() {
    let mut state = on("6", 6);
    press(&mut state, &["Down", "w"]);
    assert_eq!((state.context(), state.question()), (Context::Why, Some(Question::Task(9))));
    press(&mut state, &["Esc", "3"]);
    assert_eq!((state.context(), state.question()), (Context::Task, Some(Question::Task(9))));
    let mut state = on("4", 6);
    let _ = update(&mut state, key("3"));
    assert_eq!(said(&state), "3 is the page of the selected task, and no task is selected here.");
}

#[test]
fn esc_clears_the_filter_of_a_table_then_leads_to_overview() {
    for (screen, filter, tab) in [
        ("4", "live>1", Tab::Sites),
        ("5", "kind=sleep", Tab::Timers),
        ("6", "fd=12", Tab::Io),
        ("7", "kind=lock", Tab::Sync),
        ("8", "name=leak", Tab::Warnings),
    ] {
        let mut state = on(screen, 6);
        press(&mut state, &["/"]);
        let _ = update(&mut state, Event::Paste(filter.to_owned()));
        press(&mut state, &["Enter"]);
        assert_eq!(asked(&state).filter, filter);
        press(&mut state, &["Esc"]);
        assert_eq!((state.tab, asked(&state).filter.as_str()), (tab, ""));
        press(&mut state, &["Esc"]);
        assert_eq!(state.tab, Tab::Overview);
    }
}

#[test]
fn a_column_of_another_table_is_a_mistake_in_a_filter() {
    let mut state = on("5", 5);
    let _ = update(&mut state, key("/"));
    let _ = update(&mut state, Event::Paste("peer=10.0.0.7".to_owned()));
    let mistake = state.typing().and_then(|typing| typing.mistake.clone()).unwrap();
    assert_eq!((mistake.at, mistake.message.contains("no column `peer`")), (0, true), "{mistake:?}");
    let _ = update(&mut state, key("Enter"));
    assert!(state.typing().is_some(), "a filter with a mistake is not applied");
}

#[test]
fn rows_of_a_table_that_is_not_on_top_are_thrown_away() {
    let mut state = on("4", 6);
    let old = state.question().unwrap();
    let _ = update(&mut state, key("6"));
    let page: Page<Site> = Page::default();
    assert_eq!(give(&mut state, old, Answer::Sites(Box::new(page))), Step::nothing());
    assert_eq!(state.sites.table.window.total(), 6);
}

#[test]
fn a_paused_table_stays_and_a_silent_process_leaves_its_rows() {
    let mut state = on("6", 6);
    let before = state.io.clone();
    let question = state.question().unwrap();
    let _ = update(&mut state, key("Space"));
    assert_eq!(give(&mut state, question.clone(), Answer::Io(Box::default())), Step::nothing());
    assert_eq!(state.io, before);
    let _ = update(&mut state, key("Space"));
    let _ = update(&mut state, Event::Data(Data::Silent("stopped".to_owned())));
    assert_eq!(state.io, before);
    assert_eq!(give(&mut state, question, Answer::Io(Box::default())), Step::changed());
    assert_eq!(state.io.window.total(), 0);
}

#[test]
fn nothing_is_asked_of_a_process_that_has_ended() {
    for (screen, context) in
        [("4", Context::Sites), ("5", Context::Timers), ("6", Context::Io), ("7", Context::Sync)]
    {
        let mut state = on(screen, 6);
        let _ = update(&mut state, Event::Data(Data::Ended(None)));
        let _ = update(&mut state, key("Enter"));
        assert_eq!((state.context(), state.question()), (context, None));
        assert_eq!(
            said(&state),
            "The process has ended, so nothing more can be asked; p lists those that run."
        );
    }
}

#[test]
fn the_lines_around_the_selected_site_are_read_once() {
    let mut state = started();
    let _ = update(&mut state, key("4"));
    let question = state.question().unwrap();
    let mut first = on("4", 6);
    let (_, page) = first.sites.table.page.take().unwrap();
    let step = give(&mut state, question, Answer::Sites(Box::new(page)));
    let place = |file: &str, line| Place { file: file.to_owned(), line, column: 9 };
    assert_eq!(step.effects, [Effect::Read(place("src/main.rs", 40))]);
    let step = update(&mut state, key("j"));
    assert_eq!(step.effects, [Effect::Read(place("src/net/connection.rs", 112))]);
    assert_eq!(update(&mut state, key("k")).effects, []);
    assert_eq!(update(&mut state, key("o")).effects, [Effect::Edit(place("src/main.rs", 40))]);
}

#[test]
fn y_copies_the_selected_row_in_words() {
    let copied = |screen, down: &[&str]| {
        let mut state = on(screen, 6);
        press(&mut state, down);
        match update(&mut state, key("y")).effects.as_slice() {
            [Effect::Copy(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(copied("4", &[]), "worker src/main.rs:40: 8 live of 8, busy 1 min 33 s");
    assert_eq!(copied("5", &[]), "timeout late by 3.1 s, #12 worker, src/main.rs:41");
    assert_eq!(copied("5", &["Down", "Down"]), "interval in 340 ms, #22, src/main.rs:74");
    assert_eq!(copied("7", &[]), "lock \"db\", held by #9 writer: 3 tasks waiting, src/db.rs:61");
    assert_eq!(
        copied("6", &["Down"]),
        "fd 12 tcp local 10.0.0.1:41234 peer 10.0.0.7:5432: read 1,234,567,890 B, written 411,522,630 B"
    );
}

#[test]
fn clicks_select_open_sort_and_go_to_screens() {
    let mut state = on("4", 6);
    let click = |column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    };
    // Header, tabs, status and titles are above the rows.
    let _ = update(&mut state, click(5, 5));
    assert_eq!((state.context(), state.sites.table.window.cursor), (Context::Sites, 1));
    let _ = update(&mut state, click(5, 3));
    assert_eq!(asked(&state).sort, "name");
    let _ = update(&mut state, click(35, 1));
    assert_eq!(state.context(), Context::Timers);
    // Below the rows lies the panel, which is no row.
    let _ = update(&mut state, key("4"));
    let _ = update(&mut state, click(5, 20));
    assert_eq!((state.context(), state.sites.table.window.cursor), (Context::Sites, 0));
}

#[test]
fn of_very_many_that_wait_those_that_wait_longest_are_shown_and_that_is_said() {
    let mut state = on("6", 6);
    let (asked, mut page) = state.io.page.take().unwrap();
    page.rows[0].waiting = (100..200).collect();
    let _ = give(&mut state, Question::Table(asked), Answer::Io(Box::new(page)));
    let _ = update(&mut state, key("Enter"));
    assert_eq!(tasks_filter(&state).matches("id=").count(), 64);
    assert_eq!(said(&state), "The 64 that wait longest of 100 tasks.");
}

#[test]
fn where_there_is_no_row_it_is_not_called_unread() {
    for screen in ["2", "4", "5", "6", "7", "8"] {
        let mut state = on(screen, 0);
        press(&mut state, &["Enter"]);
        assert_eq!(said(&state), "There is no row here.", "{screen}");
        let mut state = started();
        let _ = update(&mut state, key(screen));
        let _ = update(&mut state, key("Enter"));
        assert_eq!(said(&state), "This row has not been read yet.", "{screen}");
    }
}
