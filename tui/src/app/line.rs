//! A line being typed: text, a cursor, and the keys that every line editor knows.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The longest line that can be typed or pasted, in characters.
pub(crate) const LINE_CHARS_MAX: usize = 500;

/// A line being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    chars: Vec<char>,
    /// In characters, from 0 to the length.
    cursor: usize,
}

impl Line {
    /// A line with this text, the cursor behind it.
    pub(crate) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect();
        Self { cursor: chars.len(), chars }
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// The text before the cursor.
    pub(crate) fn before_cursor(&self) -> String {
        self.chars[..self.cursor].iter().collect()
    }

    /// Puts text at the cursor, without control characters and up to the limit.
    pub(crate) fn insert(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.chars.len() == LINE_CHARS_MAX {
                break;
            }
            self.chars.insert(self.cursor, c);
            self.cursor += 1;
        }
    }

    /// What a key does to the line; `false` if it does nothing.
    pub(crate) fn key(&mut self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.chars.len(),
            KeyCode::Char('u') if control => {
                self.chars.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('k') if control => self.chars.truncate(self.cursor),
            KeyCode::Char('w') if control => {
                let start = self.word_start();
                self.chars.drain(start..self.cursor);
                self.cursor = start;
            }
            KeyCode::Char(_) if control || event.modifiers.contains(KeyModifiers::ALT) => return false,
            KeyCode::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.chars.remove(self.cursor);
            }
            KeyCode::Delete if self.cursor < self.chars.len() => {
                self.chars.remove(self.cursor);
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.chars.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.chars.len(),
            _ => return false,
        }
        true
    }

    fn word_start(&self) -> usize {
        let before = &self.chars[..self.cursor];
        let end = before.iter().rposition(|c| !c.is_whitespace()).map_or(0, |index| index + 1);
        before[..end].iter().rposition(|c| c.is_whitespace()).map_or(0, |index| index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(start: &str, keys: &[(KeyCode, KeyModifiers)]) -> (String, String) {
        let mut line = Line::new(start);
        for &(code, modifiers) in keys {
            line.key(KeyEvent::new(code, modifiers));
        }
        (line.text(), line.before_cursor())
    }

    fn check(start: &str, keys: &[(KeyCode, KeyModifiers)], text: &str, before: &str) {
        assert_eq!(typed(start, keys), (text.to_owned(), before.to_owned()));
    }

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;

    #[test]
    fn characters_go_in_at_the_cursor() {
        check("", &[(KeyCode::Char('ä'), NONE), (KeyCode::Char('b'), NONE)], "äb", "äb");
        check("ac", &[(KeyCode::Left, NONE), (KeyCode::Char('b'), NONE)], "abc", "ab");
    }

    #[test]
    fn a_word_a_tail_or_everything_before_can_be_deleted() {
        check("state=idle name~x", &[(KeyCode::Char('w'), CTRL)], "state=idle ", "state=idle ");
        check("state=idle  ", &[(KeyCode::Char('w'), CTRL)], "", "");
        check("abc", &[(KeyCode::Left, NONE), (KeyCode::Char('u'), CTRL)], "c", "");
        check("abc", &[(KeyCode::Home, NONE), (KeyCode::Right, NONE), (KeyCode::Char('k'), CTRL)], "a", "a");
    }

    #[test]
    fn deleting_at_the_ends_does_nothing() {
        check("a", &[(KeyCode::Delete, NONE)], "a", "a");
        check("a", &[(KeyCode::Home, NONE), (KeyCode::Backspace, NONE), (KeyCode::Left, NONE)], "a", "");
        check("a", &[(KeyCode::Char('e'), CTRL), (KeyCode::Right, NONE)], "a", "a");
    }

    #[test]
    fn a_paste_loses_its_control_characters_and_what_is_too_long() {
        let mut line = Line::default();
        line.insert("a\x1b[31m\nb");
        assert_eq!(line.text(), "a[31mb");
        line.insert(&"x".repeat(2 * LINE_CHARS_MAX));
        assert_eq!(line.text().chars().count(), LINE_CHARS_MAX);
    }
}
