//! The table of asyncio's test classes: each has a verdict, and each test that a verdict names exists.

use crate::Finding;
use crate::source::Source;

pub(crate) const PAGE: &str = "docs/asyncio-tests.md";

/// The files of CPython's `Lib/test/test_asyncio` that the table is about.
const FILES: [&str; 14] = [
    "test_runners",
    "test_tasks",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_streams",
    "test_server",
    "test_locks",
    "test_queues",
    "test_subprocess",
    "test_threads",
    "test_futures",
    "test_staggered",
    "test_eager_task_factory",
];

const VERDICTS: [&str; 3] = ["covered: ", "not applicable: ", "left: "];

/// What is wrong with the page, given all sources.
pub(crate) fn check(page: &str, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, message: String| {
        findings.push(Finding { path: PAGE.to_owned(), line, message });
    };
    for file in FILES {
        let section = page.split("\n## ").find(|section| section.lines().next() == Some(file));
        if !section.is_some_and(|section| section.lines().any(|line| row(line).is_some())) {
            find(0, format!("no class of {file}: give it a section with a row a class"));
        }
    }
    for (number, line) in page.lines().enumerate() {
        let Some((class, verdict)) = row(line) else { continue };
        let said = VERDICTS.iter().find_map(|start| verdict.strip_prefix(start));
        if said.is_none_or(|said| said.trim().is_empty()) {
            find(number + 1, format!("{class} has no verdict: one of {VERDICTS:?} and what or why"));
        }
        let quoted: Vec<&str> = verdict.split('`').skip(1).step_by(2).collect();
        let tests: Vec<&str> = quoted.iter().copied().filter(|text| text.contains("::")).collect();
        let as_another =
            quoted.iter().any(|name| *name != class && page.contains(&format!("\n| `{name}` | ")));
        if verdict.starts_with(VERDICTS[0]) && tests.is_empty() && !as_another {
            find(
                number + 1,
                format!(
                    "{class} is covered by no test: name one as `file::test`, or the class whose tests it repeats"
                ),
            );
        }
        for test in tests.into_iter().filter(|test| !exists(test, sources)) {
            find(number + 1, format!("there is no test {test}: name one that there is"));
        }
    }
    findings
}

/// The class and the verdict of a row of a table, head and rule left out.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(3, " | ");
    Some((cells.next()?.trim_end_matches('`'), cells.nth(1)?))
}

/// Whether a file of that name, or one in a folder of that name, has such a function.
pub(crate) fn exists(test: &str, sources: &[Source]) -> bool {
    let mut parts = test.rsplit("::");
    let (Some(name), Some(file)) = (parts.next(), parts.next()) else { return false };
    let head = format!("fn {name}(");
    sources.iter().any(|source| {
        let of_file =
            source.path.strip_suffix(".rs").is_some_and(|path| path.split('/').any(|part| part == file));
        of_file && source.text.contains(&head)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_row(row: &str) -> Vec<String> {
        let sources = [
            Source::new("runtime/tests/locks.rs", "#[test]\nfn a_lock_is_fair() {}\n".to_owned()),
            Source::new("tui/tests/attaching/hall.rs", "#[test]\nfn it_attaches() {}\n".to_owned()),
        ];
        let sections = FILES.map(|file| format!("\n## {file}\n\n{row}\n")).concat();
        let mut found: Vec<String> =
            check(&sections, &sources).into_iter().map(|found| found.message).collect();
        found.dedup();
        found
    }

    #[test]
    fn a_row_names_tests_that_there_are_or_a_reason() {
        assert!(
            check_row("| `LockTests` | 12 | covered: `locks::a_lock_is_fair`, `attaching::it_attaches` |")
                .is_empty()
        );
        assert!(check_row("| `CTests` | 0 (3 with its bases) | not applicable: there is no C |").is_empty());
        assert!(check_row("| `SslTests` | 1 | left: with TLS |").is_empty());
    }

    #[test]
    fn a_row_without_a_verdict_or_with_an_empty_one_is_found() {
        for row in ["| `A` | 1 | ? |", "| `A` | 1 | left:  |", "| `A` | 1 | covered |"] {
            assert_eq!(check_row(row).len(), 1, "{row}");
        }
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        assert_eq!(check_row("| `A` | 1 | covered: `locks::another` |").len(), 1);
        assert_eq!(check_row("| `A` | 1 | covered: by hand |").len(), 1);
        assert_eq!(check_row("| `A` | 1 | covered: as `A` |").len(), 1);
        assert_eq!(check_row("| `A` | 1 | covered: as `B` |").len(), 1);
        assert!(check_row("| `A` | 1 | left: later |\n| `B` | 1 | covered: as `A` |").is_empty());
    }

    #[test]
    fn a_file_without_a_class_is_found() {
        assert_eq!(check("# Nothing\n", &[]).len(), FILES.len());
    }
}
