//! What is wrong with a filter or a sort, and where.

use super::Column;
use crate::model::spelling::closest;
use crate::model::words::{NAME_CHARS_MAX, escape};
use std::fmt;

/// What is wrong with a filter or a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    position: usize,
    message: String,
    suggestion: Option<String>,
    is_no_column: bool,
}

impl QueryError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self { position, message: message.into(), suggestion: None, is_no_column: false }
    }

    pub(super) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// No column is called that.
    pub(super) fn no_column(position: usize, name: &str, columns: &[Column]) -> Self {
        let near = closest(name, columns.iter().map(|column| column.name));
        let message = format!("there is no column `{}`", escape(name, NAME_CHARS_MAX));
        Self { is_no_column: true, ..Self::new(position, message).suggest(near) }
    }

    /// Whether a column was named that there is not, so that it helps to say which there are.
    pub fn is_no_column(&self) -> bool {
        self.is_no_column
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
