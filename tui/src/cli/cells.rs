//! Text in the cells of a terminal: how wide it is, how it is cut and filled up, and how it is coloured.

use ratatui::text::Span;

/// Columns of the terminal that a text takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { Span::raw(text).width() }
}

/// Cuts a text to a width and marks the cut.
pub(crate) fn cut(text: &str, columns: usize, ascii: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if ascii { '~' } else { '…' };
    let mut kept = String::new();
    let mut used = 1; // the mark
    let mut buffer = [0; 4];
    for character in text.chars() {
        used += width(character.encode_utf8(&mut buffer));
        if used > columns {
            break;
        }
        kept.push(character);
    }
    if columns > 0 {
        kept.push(mark);
    }
    kept
}

/// What a piece of text means; the colour is only a second sign, never the only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Nothing special.
    #[default]
    Plain,
    /// A heading.
    Heading,
    /// Of little interest: what is over.
    Faint,
    /// Something to look at.
    Warning,
    /// Something that does not work.
    Error,
}

impl Ink {
    /// The text between the escape sequences of its colour, in the sixteen colours that every terminal lets its user choose.
    pub(crate) fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Heading => "1",
            Self::Faint => "2",
            Self::Warning => "33",
            Self::Error => "31",
            Self::Plain => "",
        };
        if code.is_empty() || !color || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(cut("worker", 6, false), "worker");
        assert_eq!(cut("worker", 5, false), "work…");
        assert_eq!(cut("worker", 5, true), "work~");
        assert_eq!(cut("日本語", 6, false), "日本語");
        assert_eq!(cut("日本語", 5, false), "日本…");
        assert_eq!(cut("日本語", 4, false), "日…");
        assert_eq!(cut("worker", 1, false), "…");
        assert_eq!(cut("worker", 0, false), "");
    }

    #[test]
    fn only_what_is_to_be_coloured_is() {
        assert_eq!(Ink::Error.paint("blocked", true), "\x1b[31mblocked\x1b[0m");
        assert_eq!(Ink::Error.paint("blocked", false), "blocked");
        assert_eq!(Ink::Plain.paint("blocked", true), "blocked");
    }
}
