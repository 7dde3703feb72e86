//! The table as it stands in the document.

use std::fmt;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) situation: String,
    pub(crate) who: String,
    pub(crate) command: String,
    pub(crate) message: String,
    pub(crate) exit: i32,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {} | {}", self.situation, self.who, self.command, self.exit)
    }
}

/// The rows below the heading that begins with "situation".
pub(crate) fn read(text: &str) -> Vec<Row> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| situation |")).skip(2);
    let rows: Vec<Row> = lines.by_ref().take_while(|line| line.starts_with('|')).map(row).collect();
    assert!(!rows.is_empty(), "there is no table");
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [situation, who, command, message, exit] = cells[..] else { panic!("not five cells: {line}") };
    Row {
        situation: situation.to_owned(),
        who: who.to_owned(),
        command: command.trim_matches('`').to_owned(),
        message: message.to_owned(),
        exit: exit.parse().unwrap_or_else(|_| panic!("no exit code: {line}")),
    }
}

/// Whether a text is what a template says, in which `…` stands for any text.
pub(crate) fn fits(text: &str, template: &str) -> bool {
    let mut parts = template.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    // A template that ends in words says where the text ends; the last of them may be found too early.
    open || rest.is_empty()
        || template.rsplit('…').next().is_some_and(|last| template != last && text.ends_with(last))
}
