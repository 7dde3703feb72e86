//! The help overlay: every row of the table, in its words.

use super::Context;
use super::table::{ALL, TABLE, TABLES};

/// One line of the help overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HelpLine {
    /// The keys, apart by a space; empty for a line of text.
    pub(crate) keys: String,
    /// What they do.
    pub(crate) text: String,
    /// Where, if not everywhere.
    pub(crate) contexts: String,
}

/// The help overlay: every row of the table.
pub(crate) fn help_lines() -> Vec<HelpLine> {
    // Where a key works nearly everywhere, the places it does not are no help.
    let places = |contexts: &[Context]| match contexts {
        most if 2 * most.len() > ALL.len() => String::new(),
        tables if tables == TABLES => "tables".to_owned(),
        some => some.iter().map(|context| context.name()).collect::<Vec<_>>().join(", "),
    };
    TABLE
        .iter()
        .map(|binding| HelpLine {
            keys: binding.keys_text(),
            text: binding.help.to_owned(),
            contexts: places(binding.contexts),
        })
        .collect()
}

/// The help overlay as plain text.
pub(crate) fn help_text() -> String {
    let lines: Vec<String> =
        help_lines().iter().map(|line| format!("{:<16} {}", line.keys, line.text)).collect();
    lines.join("\n")
}
