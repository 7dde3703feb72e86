//! The rules that look at one file at a time.

use crate::exceptions::{self, LONG, UNSAFE};
use crate::source::{contains_word, lines_with};
use crate::{Finding, Source};

/// Where a second concept is usually hiding.
pub(crate) const CODE_LINES_MAX: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

/// Words in prose that mean "not finished".
const MARKERS: &[&str] = &["TODO", "FIXME", "XXX"];

/// Macros in code that mean the same.
const UNFINISHED_MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// First folders of paths that exist on one machine only.
const HOME_FOLDERS: &[&str] = &["/home/", "/root/", "/work/", "/Users/"];

/// Crates whose root forbids unsafe code.
const SAFE_CRATE_ROOTS: &[&str] = &["runtime/macros/src/lib.rs", "inspector/src/lib.rs", "tui/src/main.rs"];

/// All findings about `source`.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = names(source);
    findings.extend(markers(source));
    findings.extend(machine_paths(source));
    if source.is_rust() {
        for rule in
            [length, opening, cancel_safety, unsafe_code, unfinished_macros, ignored_tests, safe_roots]
        {
            findings.extend(rule(source));
        }
    }
    if source.path.ends_with("Cargo.toml") {
        findings.extend(shared_lints(source));
    }
    findings
}

fn length(source: &Source) -> Vec<Finding> {
    let lines = source.code_lines();
    if lines <= CODE_LINES_MAX || exceptions::holds(LONG, &source.path) {
        return Vec::new();
    }
    let message = format!(
        "{lines} code lines, more than {CODE_LINES_MAX}; find the second concept and move it (long tests: to \
         `tests.rs` in a folder of the module's name), or add an entry with a reason to LONG in exceptions.rs"
    );
    vec![Finding::new(source, 0, message)]
}

fn opening(source: &Source) -> Vec<Finding> {
    let is_attribute = |line: &&str| line.is_empty() || line.starts_with("#![");
    if source.text.lines().find(|line| !is_attribute(line)).is_some_and(|line| line.starts_with("//!")) {
        return Vec::new();
    }
    vec![Finding::new(source, 1, "does not open with `//!`; say in its first line what the file is")]
}

/// Public asynchronous functions of the runtime without a `# Cancel safety` among the doc lines above.
fn cancel_safety(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("runtime/src/") {
        return Vec::new();
    }
    let text: Vec<&str> = source.text.lines().collect();
    let code: Vec<&str> = source.code.lines().collect();
    let is_documented = |function: usize| {
        (0..function)
            .rev()
            .take_while(|&line| is_above_an_item(text[line].trim(), code[line].trim()))
            .any(|line| text[line].contains("# Cancel safety"))
    };
    let is_public_async = |line: &str| {
        let line = line.trim();
        let returns_future = line.starts_with("pub fn ") && line.contains("-> impl Future<");
        line.starts_with("pub async fn ") || line.starts_with("pub async unsafe fn ") || returns_future
    };
    lines_with(&source.code, is_public_async)
        .into_iter()
        .filter(|number| !is_documented(number - 1))
        .map(|number| {
            let message = "asynchronous, public, but without `# Cancel safety`; say in its docs what is lost when the future \
                           is dropped half-way";
            Finding::new(source, number, message)
        })
        .collect()
}

/// Whether a line can be part of an item's docs and attributes.
fn is_above_an_item(text: &str, code: &str) -> bool {
    text.starts_with("//") || (!code.is_empty() && !code.ends_with([';', '{', '}']))
}

fn unsafe_code(source: &Source) -> Vec<Finding> {
    if exceptions::holds(UNSAFE, &source.path) {
        return Vec::new();
    }
    let message = "`unsafe` outside the listed modules; use what a listed module offers, or add an entry with a \
                   reason to UNSAFE in exceptions.rs";
    let lines = source.lines_with_code_word("unsafe").into_iter();
    lines.map(|line| Finding::new(source, line, message)).collect()
}

fn safe_roots(source: &Source) -> Vec<Finding> {
    if !SAFE_CRATE_ROOTS.contains(&source.path.as_str()) || source.code.contains("#![forbid(unsafe_code)]") {
        return Vec::new();
    }
    vec![Finding::new(source, 1, "this crate has no business with `unsafe`; add `#![forbid(unsafe_code)]`")]
}

fn unfinished_macros(source: &Source) -> Vec<Finding> {
    let find = |name: &&str| {
        let message = format!("leftover `{name}`; finish it or take it out");
        let is_there = |line: &str| {
            let mut calls = line.match_indices(*name);
            calls.any(|(start, _)| contains_word(&line[..start + name.len() - 1], &name[..name.len() - 1]))
        };
        let lines = lines_with(&source.code, is_there).into_iter();
        lines.map(|line| Finding::new(source, line, message.as_str())).collect::<Vec<_>>()
    };
    UNFINISHED_MACROS.iter().flat_map(find).collect()
}

fn ignored_tests(source: &Source) -> Vec<Finding> {
    let message = "an ignored test proves nothing; make it run, or take it out";
    let lines = lines_with(&source.code, |line| line.contains("#[ignore")).into_iter();
    lines.map(|line| Finding::new(source, line, message)).collect()
}

fn markers(source: &Source) -> Vec<Finding> {
    let find = |marker: &&str| {
        let message = format!("leftover `{marker}`; finish it, or open an issue and take the mark out");
        let lines = lines_with(&source.prose, |line| contains_word(line, marker)).into_iter();
        lines.map(|line| Finding::new(source, line, message.as_str())).collect::<Vec<_>>()
    };
    MARKERS.iter().flat_map(find).collect()
}

fn names(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.path == "mod.rs" || source.path.ends_with("/mod.rs") {
        let message =
            "`mod.rs`; write `foo.rs` beside the folder `foo`, so that each open file has its own name";
        findings.push(Finding::new(source, 0, message));
    }
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_owned();
    if source.path.split('/').any(|part| EMPTY_NAMES.contains(&stem(part).as_str())) {
        let message = "a name that says nothing; name it after the one concept inside";
        findings.push(Finding::new(source, 0, message));
    }
    findings
}

fn machine_paths(source: &Source) -> Vec<Finding> {
    let is_there = |line: &str| {
        HOME_FOLDERS.iter().any(|folder| {
            line.match_indices(folder).any(|(start, _)| {
                let before = line[..start].chars().next_back();
                let after = line[start + folder.len()..].chars().next();
                // `/proc/PID/root/…` is no machine's path, and neither is a folder named in general.
                let goes_on = before.is_some_and(|c| c.is_alphanumeric() || "_-.}>)*".contains(c));
                !goes_on && after.is_some_and(char::is_alphanumeric)
            })
        })
    };
    if source.path == "runtime/tests/tidy/rules.rs" {
        return Vec::new(); // the samples below
    }
    let message = "a path of one machine; make it relative, or take it from the environment";
    let lines = lines_with(&source.text, is_there).into_iter();
    lines.map(|line| Finding::new(source, line, message)).collect()
}

/// Every crate's manifest takes the workspace's lints.
fn shared_lints(source: &Source) -> Vec<Finding> {
    let is_root = source.text.contains("[workspace]");
    if is_root || source.text.contains("[lints]\nworkspace = true") {
        return Vec::new();
    }
    vec![Finding::new(
        source,
        0,
        "does not share the workspace's lints; add `[lints]` with `workspace = true`",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines and the first words of what is found in `text` at `path`.
    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let first_words = |message: &str| message.split(';').next().unwrap().to_owned();
        let findings = check(&Source::new(path, text.to_owned()));
        findings.iter().map(|finding| (finding.line, first_words(&finding.message))).collect()
    }

    #[track_caller]
    fn expect(path: &str, text: &str, expected: &[(usize, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(line, words)| (*line, (*words).to_owned())).collect();
        assert_eq!(found(path, text), expected);
    }

    #[test]
    fn a_good_file_has_no_findings() {
        let text = "//! Good.\n\n/// Waits.\n///\n/// # Cancel safety\n/// Nothing is lost.\n#[inline]\npub async fn wait() {}\n";
        expect("runtime/src/good.rs", text, &[]);
    }

    #[test]
    fn more_than_500_code_lines_are_too_many() {
        let file = |lines: usize| format!("//! Long.\n{}", "f();\n// prose\n\n".repeat(lines));
        expect("a.rs", &file(500), &[]);
        expect("a.rs", &file(501), &[(0, "501 code lines, more than 500")]);
    }

    #[test]
    fn a_file_opens_with_its_docs() {
        expect("a.rs", "fn a() {}\n", &[(1, "does not open with `//!`")]);
        expect("a.rs", "#![allow(a, reason = \"b\")]\n//! A.\n", &[]);
        expect("a.rs", "#![allow(a, reason = \"b\")]\nfn a() {}\n", &[(1, "does not open with `//!`")]);
        expect("a.rs", "", &[(1, "does not open with `//!`")]);
        expect("a.rs", "// a\n", &[(1, "does not open with `//!`")]);
        expect("a.toml", "a = 1\n", &[]);
    }

    #[test]
    fn public_async_functions_of_the_runtime_document_their_cancel_safety() {
        let wanted = "asynchronous, public, but without `# Cancel safety`";
        let text = "//! A.\n/// # Cancel safety\npub async fn a() {}\n\n/// Docs.\npub async fn b() {}\n";
        expect("runtime/src/a.rs", text, &[(6, wanted)]);
        // The neighbour's docs are not its own.
        let text = "//! A.\n/// # Cancel safety\npub async fn a() {}\npub async fn b() {}\n";
        expect("runtime/src/a.rs", text, &[(4, wanted)]);
        expect("runtime/src/a.rs", "//! A.\npub fn a() -> impl Future<Output = ()> {}\n", &[(2, wanted)]);
        expect("runtime/src/a.rs", "//! A.\npub(crate) async fn a() {}\n", &[]);
        expect("tui/src/a.rs", "//! A.\npub async fn a() {}\n", &[]);
    }

    #[test]
    fn unsafe_is_for_listed_files_and_prose_may_speak_of_it() {
        let text = "//! unsafe\nfn a() { unsafe { b() } }\nconst C: &str = \"unsafe\";\n";
        expect("a.rs", text, &[(2, "`unsafe` outside the listed modules")]);
    }

    #[test]
    fn the_crates_above_the_runtime_forbid_unsafe_code() {
        let wanted = "this crate has no business with `unsafe`";
        expect("tui/src/main.rs", "//! The program.\n", &[(1, wanted)]);
        expect("tui/src/main.rs", "//! The program.\n// #![forbid(unsafe_code)]\n", &[(1, wanted)]);
        expect("tui/src/main.rs", "//! The program.\n#![forbid(unsafe_code)]\n", &[]);
    }

    #[test]
    fn nothing_unfinished_is_left() {
        expect("a.rs", "//! A.\nfn a() { todo!() }\n", &[(2, "leftover `todo!`")]);
        expect("a.rs", "//! A.\nfn a() { unimplemented!() }\n", &[(2, "leftover `unimplemented!`")]);
        expect("a.rs", "//! A.\nfn a() { b(dbg!(1)); my_dbg!(1) }\n", &[(2, "leftover `dbg!`")]);
        expect("a.rs", "//! A.\nfn a() {} // TODO: b\n", &[(2, "leftover `TODO`")]);
        expect("a.md", "# A\nFIXME later\n", &[(2, "leftover `FIXME`")]);
        expect("a.rs", "//! A.\nconst MARK: &str = \"TODO\";\n", &[]);
    }

    #[test]
    fn every_test_runs() {
        let wanted = "an ignored test proves nothing";
        expect("a.rs", "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}\n", &[(3, wanted)]);
        expect("a.rs", "//! A.\n// #[ignore]\n", &[]);
    }

    #[test]
    fn names_say_what_is_inside() {
        let empty = "a name that says nothing";
        expect("runtime/src/utils.rs", "//! A.\n", &[(0, empty)]);
        expect("runtime/src/helpers/clock.rs", "//! A.\n", &[(0, empty)]);
        expect("runtime/src/common_ground.rs", "//! A.\n", &[]);
        expect("runtime/src/time/mod.rs", "//! A.\n", &[(0, "`mod.rs`")]);
    }

    #[test]
    fn paths_of_one_machine_do_not_belong_here() {
        let wanted = "a path of one machine";
        expect("a.md", "cd /home/ada/loopscope\n", &[(1, wanted)]);
        expect("a.rs", "//! A.\nconst A: &str = \"/root/x\";\n", &[(2, wanted)]);
        expect("a.md", "(`/Users/ada`)\n", &[(1, wanted)]);
        expect("a.md", "/proc/PID/root/tmp and /proc/{pid}/root/tmp, below /home/\n", &[]);
    }

    #[test]
    fn manifests_share_the_lints() {
        let wanted = "does not share the workspace's lints";
        expect("tui/Cargo.toml", "[package]\n", &[(0, wanted)]);
        expect("tui/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n", &[]);
    }
}
