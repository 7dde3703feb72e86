//! The table of what asyncio's debug mode does: each row has a verdict, and each test that a verdict names exists.

use crate::Finding;
use crate::asyncio_tests::exists;
use crate::source::Source;

pub(crate) const PAGE: &str = "docs/asyncio-debug.md";

/// What asyncio does in debug mode only: rows 1 to 21 of its list.
const ROWS: usize = 21;
/// What it says in any mode.
const SAID: usize = 22;

const VERDICTS: [&str; 2] = ["done: ", "not here: "];

/// What is wrong with the page, given all sources.
pub(crate) fn check(page: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, message: String| {
        findings.push(Finding { path: PAGE.to_owned(), line, message });
    };
    let (mut numbered, mut said) = (Vec::new(), 0);
    let mut section = "";
    for (number, line) in (1..).zip(page.lines()) {
        section = line.strip_prefix("## ").unwrap_or(section);
        let Some((name, verdict)) = row(line) else { continue };
        match section {
            "Only in debug mode" => numbered.push(name.split(" | ").next().unwrap_or_default().to_owned()),
            "In any mode" => said += 1,
            _ => {}
        }
        let what = VERDICTS.iter().find_map(|start| verdict.strip_prefix(start));
        if what.is_none_or(|what| what.trim().is_empty()) {
            find(number, format!("{name} has no verdict: one of {VERDICTS:?} and which tests, or why"));
        }
        let quoted = verdict.split('`').skip(1).step_by(2);
        let tests: Vec<&str> = quoted.filter(|text| is_test(text)).collect();
        // A place in the code, as `debug = "stacks"`, is no proof.
        if verdict.starts_with(VERDICTS[0]) && tests.is_empty() {
            find(number, format!("{name} is done by no test: name one as `file::test`"));
        }
        for test in tests.into_iter().filter(|test| !exists(test, sources)) {
            find(number, format!("there is no test {test}: name one that there is"));
        }
    }
    let expected: Vec<String> = (1..=ROWS).map(|row| row.to_string()).collect();
    if numbered != expected {
        find(0, format!("\"Only in debug mode\" has the rows {numbered:?}; there are {ROWS}, in order"));
    }
    if said != SAID {
        find(0, format!("\"In any mode\" has {said} rows; there are {SAID}"));
    }
    findings
}

/// Whether quoted text names a test: `file::test`, all of it in small letters, and no macro's attribute.
fn is_test(text: &str) -> bool {
    text.split_once("::").is_some_and(|(file, test)| {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        is_name(file) && is_name(test)
    })
}

/// The name and the verdict of a row of a table, its last cell; head and rule left out.
fn row(line: &str) -> Option<(&str, &str)> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (name, verdict) = cells.rsplit_once(" | ")?;
    (verdict != "here").then_some((name, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(row: &str) -> Vec<String> {
        let sources = [Source::new("runtime/tests/locks.rs", "#[test]\nfn a_lock_is_fair() {}\n".to_owned())];
        let rows: Vec<String> = (1..=ROWS).map(|number| format!("| {number} {row}\n")).collect();
        let rows = rows.concat();
        let said = format!("| `x` {row}\n").repeat(SAID);
        let page = format!("## Only in debug mode\n\n{rows}\n## In any mode\n\n{said}");
        check(&page, &sources).into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn a_row_names_tests_that_there_are_or_says_why_not() {
        assert_eq!(found("| a | done: fair: `locks::a_lock_is_fair` |"), Vec::<String>::new());
        assert_eq!(found("| a | not here: there are no locks |"), Vec::<String>::new());
    }

    #[test]
    fn a_row_without_a_verdict_or_without_a_test_is_found() {
        for row in ["| a | ? |", "| a | done |", "| a | not here:  |", "| a | done: `Runner::debug` |"] {
            assert_eq!(found(row).len(), ROWS + SAID, "{row}");
        }
        assert_eq!(found("| a | done: `locks::another` |").len(), ROWS + SAID);
    }

    #[test]
    fn a_row_that_is_missing_is_found() {
        assert_eq!(check("# Nothing\n", &[]).len(), 2);
    }
}
