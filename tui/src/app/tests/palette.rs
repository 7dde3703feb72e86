//! Commands that are typed, and the menu of what to copy.

use super::super::event::{Data, Effect, Event};
use super::super::sample::{answer, key, press};
use super::super::state::{Overlay, State, Tab};
use super::super::update::update;
use super::{asked, on_tasks, said, started};
use crate::app::palette::Choice;
use crate::keys::{Context, TABLE};
use crate::theme::Palette as Tones;
use std::time::Duration;

/// Opens the palette and types a line.
fn typed(state: &mut State, line: &str) {
    let _ = update(state, key(":"));
    for c in line.chars() {
        let _ = update(state, key(&c.to_string()));
    }
}

/// Types a line and has it done.
fn command(state: &mut State, line: &str) -> Vec<Effect> {
    typed(state, line);
    update(state, key("Enter")).effects
}

fn choices(state: &State) -> Vec<Choice> {
    match &state.overlay {
        Some(Overlay::Palette(palette)) => palette.choices(),
        other => panic!("the palette is open, not {other:?}"),
    }
}

fn lines(state: &State) -> Vec<String> {
    choices(state).into_iter().map(|choice| choice.line).collect()
}

fn line(state: &State) -> String {
    match &state.overlay {
        Some(Overlay::Palette(palette)) => palette.line.text(),
        other => panic!("the palette is open, not {other:?}"),
    }
}

/// What is wrong with the line, and at which character.
fn hint(state: &State) -> Option<(String, usize)> {
    match &state.overlay {
        Some(Overlay::Palette(palette)) => {
            palette.hint(&palette.choices()).map(|mistake| (mistake.message, mistake.at))
        }
        _ => None,
    }
}

#[test]
fn every_row_of_the_key_table_is_a_command_with_its_keys() {
    let mut state = on_tasks(11);
    typed(&mut state, "");
    let choices = choices(&state);
    assert_eq!(choices.len(), TABLE.len());
    let mut names: Vec<&str> = choices.iter().map(|choice| choice.line.as_str()).collect();
    assert!(names.iter().all(|name| !name.is_empty()));
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "no two commands are called the same: {names:?}");
    let keys =
        |name: &str| choices.iter().find(|choice| choice.line == name).map(|choice| choice.keys.as_str());
    assert_eq!((keys("top"), keys("io"), keys("goto")), (Some("gg Home"), Some("6"), Some("")));
}

#[test]
fn letters_of_a_name_or_a_word_of_the_help_find_a_command() {
    let mut state = on_tasks(11);
    typed(&mut state, "exall");
    assert_eq!(lines(&state), ["expand-all"]);
    press(&mut state, &["Esc"]);
    typed(&mut state, "clipboard");
    assert_eq!(lines(&state), ["copy"]);
    let _ = update(&mut state, key("Enter"));
    assert!(said(&state).starts_with("Copied"), "{}", said(&state));
}

#[test]
fn each_screen_is_a_command_and_a_beginning_is_enough() {
    for (line, tab) in
        [("sites", Tab::Sites), ("timers", Tab::Timers), ("io", Tab::Io), ("ov", Tab::Overview)]
    {
        let mut state = on_tasks(11);
        assert_eq!(command(&mut state, line), []);
        assert_eq!((state.tab, state.overlay), (tab, None), "{line}");
    }
}

#[test]
fn commands_do_what_they_say() {
    let mut state = on_tasks(11);
    let _ = command(&mut state, "theme light");
    assert_eq!(state.theme.palette(), Tones::Light);
    let _ = command(&mut state, "theme mo");
    assert_eq!(state.theme.palette(), Tones::Mono);
    let _ = command(&mut state, "filter state=idle");
    assert_eq!(asked(&state).filter, "state=idle");
    let _ = command(&mut state, "sort -blocks");
    assert_eq!((asked(&state).sort, asked(&state).descending), ("blocks", true));
    let _ = command(&mut state, "interval 250ms");
    assert_eq!(state.wishes.interval, Duration::from_millis(250));
    let _ = command(&mut state, "pause");
    assert!(state.paused.is_some());
    assert_eq!(command(&mut state, "mouse"), [Effect::Mouse(false)]);
    for line in ["goto 42", "43", "#44"] {
        let _ = command(&mut state, line);
    }
    assert_eq!(state.pages.iter().map(|page| page.id).collect::<Vec<_>>(), [42, 43, 44]);
    assert_eq!(command(&mut state, "quit"), [Effect::Quit(None)]);
}

#[test]
fn what_is_wrong_with_a_command_is_pointed_at_and_the_line_stays() {
    let cases = [
        ("qiut", "there is no command `qiut`; did you mean `quit`?", 0),
        ("theme lihgt", "there is no theme `lihgt`; did you mean `light`?", 6),
        ("filter nmae=x", "there is no column `nmae`; did you mean `name`?", 7),
        ("sort -bussy", "this table cannot be sorted by `bussy`; did you mean `busy`?", 5),
        ("interval 1ms", "the shortest interval is 50ms", 9),
        ("goto writer", "a task is named by its number, as in goto 42", 5),
        ("quit now", "`quit` takes nothing behind it", 5),
    ];
    for (text, message, at) in cases {
        let mut state = on_tasks(11);
        assert_eq!(command(&mut state, text), [], "{text}");
        assert_eq!((hint(&state), line(&state).as_str()), (Some((message.to_owned(), at)), text));
        // Another letter takes it away.
        let _ = update(&mut state, key("x"));
        assert_ne!(hint(&state).map(|(message, _)| message).as_deref(), Some(message));
    }
}

#[test]
fn a_command_of_another_screen_says_where_it_works() {
    let mut state = started();
    let _ = command(&mut state, "sort -busy");
    let message = "`sort` works in Tasks, Sites, Timers, I/O, Sync and Warnings, not in Overview";
    assert_eq!(hint(&state), Some((message.to_owned(), 0)));
    assert!(choices(&state).is_empty() || choices(&state).iter().all(|choice| !choice.works));
}

#[test]
fn tab_completes_the_command_and_then_what_stands_behind_it() {
    let mut state = on_tasks(11);
    typed(&mut state, "the");
    let _ = update(&mut state, key("Tab"));
    assert_eq!((line(&state).as_str(), lines(&state).len()), ("theme ", 4));
    for name in ["s", "Tab"] {
        let _ = update(&mut state, key(name));
    }
    assert_eq!(line(&state), "theme safe");
    press(&mut state, &["Esc"]);
    typed(&mut state, "filter busy>1ms sta");
    let _ = update(&mut state, key("Tab"));
    assert_eq!(line(&state), "filter busy>1ms state");
}

#[test]
fn an_empty_line_does_nothing_and_a_chosen_row_is_done() {
    let mut state = on_tasks(11);
    assert_eq!(command(&mut state, ""), []);
    assert_eq!((state.overlay.is_none(), state.context()), (true, Context::Tasks));
    typed(&mut state, "");
    let at = lines(&state).iter().position(|line| line == "shape").unwrap();
    for _ in 0..at {
        let _ = update(&mut state, key("Down"));
    }
    let _ = update(&mut state, key("Enter"));
    assert!(!state.tasks.window().tree, "shape shows the flat table");
    // What takes something waits for it.
    typed(&mut state, "got");
    let _ = update(&mut state, key("Enter"));
    assert_eq!(line(&state), "goto ");
}

#[test]
fn earlier_commands_come_back_also_after_another_process_was_chosen() {
    let mut state = on_tasks(11);
    let _ = command(&mut state, "theme light");
    let _ = command(&mut state, "pause");
    let _ = command(&mut state, "processes");
    typed(&mut state, "dr");
    for expected in ["processes", "pause", "theme light", "theme light"] {
        let _ = update(&mut state, key("Ctrl-P"));
        assert_eq!(line(&state), expected);
    }
    for expected in ["pause", "processes", "dr"] {
        let _ = update(&mut state, key("Ctrl-N"));
        assert_eq!(line(&state), expected);
    }
}

#[test]
fn filters_that_were_typed_come_back_with_up() {
    let mut state = on_tasks(11);
    for filter in ["i", "z"] {
        press(&mut state, &["/", "Ctrl-U", filter, "Enter"]);
    }
    press(&mut state, &["/", "Ctrl-U", "n", "Up", "Up"]);
    let text = |state: &State| state.typing().map(|typing| typing.line.text());
    assert_eq!(text(&state).as_deref(), Some("i"));
    press(&mut state, &["Down", "Down"]);
    assert_eq!(text(&state).as_deref(), Some("n"));
}

#[test]
fn the_palette_lies_over_what_is_there_and_gives_it_back() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "w"]);
    typed(&mut state, "x");
    assert_eq!(state.context(), Context::Palette);
    let _ = update(&mut state, key("Esc"));
    assert_eq!(state.context(), Context::Why);
    // A letter that would quit is a letter, but Ctrl-C quits.
    typed(&mut state, "q");
    assert_eq!(line(&state), "q");
    assert_eq!(update(&mut state, key("Ctrl-C")).effects, [Effect::Quit(None)]);
}

#[test]
fn a_paste_goes_into_the_palette() {
    let mut state = on_tasks(11);
    typed(&mut state, "filter ");
    let _ = update(&mut state, Event::Paste("state=idle\n".to_owned()));
    assert_eq!(line(&state), "filter state=idle");
}

#[test]
fn a_process_that_ends_meanwhile_leaves_the_palette_open() {
    let mut state = on_tasks(11);
    typed(&mut state, "goto 7");
    let _ = update(&mut state, Event::Data(Data::Ended(None)));
    let _ = update(&mut state, key("Enter"));
    assert!(said(&state).starts_with("The process has ended"), "{}", said(&state));
    assert!(state.pages.is_empty());
}

#[test]
fn the_menu_lists_the_parts_and_copies_the_chosen_one() {
    let mut state = on_tasks(11);
    press(&mut state, &["Down", "Enter", "Y"]);
    let Some(Overlay::Menu(menu)) = &state.overlay else { panic!("a menu") };
    let shown: Vec<(&str, &str)> =
        menu.items.iter().map(|item| (item.label, item.text.lines().next().unwrap_or_default())).collect();
    assert_eq!(
        shown,
        [
            ("number", "7"),
            ("name", "handler"),
            ("place", "src/main.rs:61"),
            ("spawned at", "src/main.rs:37"),
            ("chain", "#7 handler  spawned at src/main.rs:37"),
            ("all of it", "#7 handler idle: lock \"db\" held by #9 writer, 1.2 s, src/main.rs:37"),
        ]
    );
    let _ = update(&mut state, key("Down"));
    let step = update(&mut state, key("Enter"));
    assert_eq!(step.effects, [Effect::Copy("handler".to_owned())]);
    assert_eq!(said(&state), "Copied, if the terminal allows it: handler");
    assert_eq!(state.context(), Context::Task);
}

#[test]
fn where_nothing_is_selected_there_is_no_menu() {
    let mut state = started();
    let _ = update(&mut state, key("2"));
    let _ = update(&mut state, key("Y"));
    assert_eq!((said(&state), state.overlay.is_none()), ("There is nothing to copy.", true));
    answer(&mut state, 11);
    let _ = update(&mut state, key("Y"));
    assert_eq!(state.context(), Context::Menu);
}

#[test]
fn a_key_that_has_nothing_to_act_on_yet_says_why() {
    let mut state = on_tasks(11);
    let _ = update(&mut state, key("x"));
    assert_eq!(
        said(&state),
        "Cancelling a task needs the right `control`; nobody has it unless the process was started with LOOPSCOPE_CONTROL=1, or its code grants it (Agent::builder().control(true)): start it so."
    );
}
