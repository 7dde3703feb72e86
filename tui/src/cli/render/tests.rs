//! Every table as a person sees it, and as CSV.

use super::*;
use crate::cli::samples;

const TERMINAL: Look = Look { color: false, ascii: false, width: Some(100), limit: Some(50) };

fn text(table: Table, flags: &Flags, look: Look) -> String {
    let mut out = Vec::new();
    write(&mut out, table, &samples::snapshot(), flags, look).unwrap();
    String::from_utf8(out).unwrap()
}

fn words_of(table: Table) -> String {
    text(table, &Flags::default(), Look::default())
}

#[test]
fn processes_in_words() {
    insta::assert_snapshot!(words_of(Table::Processes));
}

#[test]
fn tasks_in_words() {
    insta::assert_snapshot!(words_of(Table::Tasks));
}

#[test]
fn tree_in_words() {
    insta::assert_snapshot!(words_of(Table::Tree));
}

#[test]
fn loops_in_words() {
    insta::assert_snapshot!(words_of(Table::Loops));
}

/// A table as a terminal of 80 columns shows it, one of 200, and as JSON.
fn in_every_form(table: Table) -> String {
    let json = Flags { json: true, ..Flags::default() };
    let on = |columns| {
        let look = Look { width: Some(columns), ..TERMINAL };
        let text = text(table, &Flags::default(), look);
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        text
    };
    format!("[80]\n{}[200]\n{}[json]\n{}", on(80), on(200), text(table, &json, Look::default()))
}

#[test]
fn sites_in_every_form() {
    insta::assert_snapshot!(in_every_form(Table::Sites));
}

#[test]
fn timers_in_every_form() {
    insta::assert_snapshot!(in_every_form(Table::Timers));
}

#[test]
fn io_in_every_form() {
    insta::assert_snapshot!(in_every_form(Table::Io));
}

#[test]
fn sync_in_every_form() {
    insta::assert_snapshot!(in_every_form(Table::Sync));
}

#[test]
fn blocking_in_every_form() {
    insta::assert_snapshot!(in_every_form(Table::Blocking));
}

#[test]
fn warnings_in_words() {
    insta::assert_snapshot!(words_of(Table::Warnings));
}

#[test]
fn tree_in_ascii_on_a_narrow_terminal_with_colour() {
    let look = Look { color: true, ascii: true, width: Some(48), limit: Some(3) };
    let text = text(Table::Tree, &Flags::default(), look);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text.replace('\x1b', "ESC"));
}

#[test]
fn tasks_on_a_terminal_fit_its_width() {
    let text = text(Table::Tasks, &Flags::default(), TERMINAL);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn every_table_as_csv() {
    let csv = Flags { csv: true, ..Flags::default() };
    let text: String = Table::ALL
        .map(|table| format!("[{}]\n{}", table.as_str(), text(table, &csv, Look::default())))
        .concat();
    insta::assert_snapshot!(text);
}

#[test]
fn no_terminal_escape_of_the_observed_program_comes_through() {
    for (json, csv) in [(false, false), (false, true), (true, false)] {
        let flags = Flags { json, csv, ..Flags::default() };
        for table in Table::ALL {
            let text = text(table, &flags, Look::default());
            assert!(!text.contains('\x1b'), "{table:?}: {text}");
        }
    }
}
