//! The hello program: it opens README and the crate's docs, and both must show the example that is compiled.

use crate::Finding;

/// What asyncio's Hello World may take here.
const HELLO_LINES_MAX: usize = 8;

/// Whether each page's first Rust program is `example`, and `example` is short.
pub(crate) fn check(example: &str, pages: &[(&str, String)]) -> Vec<Finding> {
    let program = program_of(example);
    let mut findings = Vec::new();
    if program.is_empty() || program.len() > HELLO_LINES_MAX {
        let message = format!("{} lines, not 1 to {HELLO_LINES_MAX}; it is a Hello World", program.len());
        findings.push(Finding { path: "examples/src/bin/hello.rs".to_owned(), line: 0, message });
    }
    for (path, page) in pages {
        if first_program(page) != program {
            let message =
                "its first Rust program is not that of examples/src/bin/hello.rs; copy it from there";
            findings.push(Finding { path: (*path).to_owned(), line: 0, message: message.to_owned() });
        }
    }
    findings
}

/// The lines of a program without its docs, inner attributes and the blank lines around them.
fn program_of(example: &str) -> Vec<&str> {
    let is_preface = |line: &&str| line.is_empty() || line.starts_with("//!") || line.starts_with("#![");
    example.trim_end().lines().skip_while(is_preface).collect()
}

/// The first fenced block that is Rust, in Markdown or in the `//!` lines that open a Rust file.
fn first_program(page: &str) -> Vec<&str> {
    let mut lines = page.lines().map(|line| {
        let line = line.strip_prefix("//!").map_or(line, |doc| doc.strip_prefix(' ').unwrap_or(doc));
        line.trim_end()
    });
    while let Some(line) = lines.next() {
        if let Some(tag) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|line| *line != "```").collect();
            if is_rust(tag) {
                return block;
            }
        }
    }
    Vec::new()
}

/// `rust`, `rust,no_run`; rustdoc also reads an untagged block as Rust.
fn is_rust(tag: &str) -> bool {
    matches!(tag.split(',').next(), Some("" | "rust" | "no_run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "//! Hello.\n\n#![allow(x)]\n\nfn main() {\n    a();\n}\n";

    #[test]
    fn the_same_program_in_markdown_and_in_docs_is_fine() {
        let readme = "# A\n```console\n$ b\n```\n```rust\nfn main() {\n    a();\n}\n```\n".to_owned();
        let docs = "//! A\n//!\n//! ```no_run\n//! fn main() {\n//!     a();\n//! }\n//! ```\n".to_owned();
        assert_eq!(check(EXAMPLE, &[("README.md", readme), ("lib.rs", docs)]), []);
    }

    #[test]
    fn a_page_that_shows_something_else_or_nothing_is_found() {
        let other = "```rust\nfn main() {}\n```\n".to_owned();
        let found = check(EXAMPLE, &[("other.md", other), ("empty.md", String::new())]);
        assert_eq!(
            found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["other.md", "empty.md"]
        );
    }

    #[test]
    fn hello_has_one_to_eight_lines() {
        assert_eq!(check("", &[]).len(), 1);
        let example = "//! Long.\n\n".to_owned() + &"line\n".repeat(9);
        assert_eq!(check(&example, &[]).len(), 1);
        let example = "//! Short.\n\n".to_owned() + &"line\n".repeat(8);
        assert_eq!(check(&example, &[]), []);
    }
}
