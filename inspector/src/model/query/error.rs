//! What is wrong with a filter or a sort, and where.

use super::Column;
use crate::model::words::{NAME_CHARS_MAX, escape};
use std::fmt;

/// What is wrong with a filter or a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    position: usize,
    message: String,
    suggestion: Option<String>,
}

impl QueryError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { position, message: message.into(), suggestion: None }
    }

    pub(super) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// No column is called that.
    pub(super) fn no_column(position: usize, name: &str, columns: &[Column]) -> Self {
        let near = nearest(name, columns.iter().map(|column| column.name));
        Self::new(position, format!("there is no column `{}`", escape(name, NAME_CHARS_MAX))).suggest(near)
    }

    /// The byte of the text at which it goes wrong, at most the length of the text.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is wrong, fit to be shown.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may have been meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// The text with a caret below the mistake, on two lines.
    ///
    /// `text` is what was parsed. Characters that a terminal would obey are shown as `?`, so that the columns stay.
    pub fn caret(&self, text: &str) -> String {
        let mut line = String::new();
        let mut before = 0;
        for (at, c) in text.char_indices() {
            line.push(if escape(c.encode_utf8(&mut [0; 4]), NAME_CHARS_MAX).chars().eq([c]) {
                c
            } else {
                '?'
            });
            before += usize::from(at < self.position);
        }
        format!("{line}\n{:before$}^", "")
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

/// The name that `name` is most likely a slip of, if any is near.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    // A longer one is near to nothing, and need not be compared.
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    names
        .map(|other| (distance(&name, other), other))
        .filter(|&(distance, other)| {
            distance <= 1 + other.len() / 4 || (name.len() >= 3 && other.starts_with(&name))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, other)| other)
}

/// How many letters must be put in, taken out, changed, or exchanged with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}
