//! What was typed before, and going back through it.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES_MAX: usize = 50;

/// The lines that were carried out, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History(VecDeque<String>);

impl History {
    /// Keeps a line. One that was typed before moves to the end.
    pub(crate) fn keep(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        self.0.retain(|kept| kept != line);
        if self.0.len() == LINES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }
}

/// How far somebody has gone back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recall {
    /// So many lines; 0 is the line that is being typed.
    back: usize,
    /// That line, while an older one is seen.
    draft: String,
}

impl Recall {
    /// The line before the one that is seen; `None` if there is none.
    pub(crate) fn older(&mut self, history: &History, seen: &str) -> Option<String> {
        let index = history.0.len().checked_sub(self.back + 1)?;
        if self.back == 0 {
            seen.clone_into(&mut self.draft);
        }
        self.back += 1;
        history.0.get(index).cloned()
    }

    /// The line after the one that is seen, at last the one that was being typed; `None` if that is seen.
    pub(crate) fn newer(&mut self, history: &History) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            return Some(std::mem::take(&mut self.draft));
        }
        history.0.get(history.0.len().checked_sub(self.back)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &[&str]) -> History {
        let mut history = History::default();
        for line in lines {
            history.keep(line);
        }
        history
    }

    #[test]
    fn going_back_and_forth_ends_at_the_line_that_was_being_typed() {
        let history = history(&["a", "b"]);
        let mut recall = Recall::default();
        assert_eq!(recall.newer(&history), None);
        assert_eq!(recall.older(&history, "draft").as_deref(), Some("b"));
        assert_eq!(recall.older(&history, "b").as_deref(), Some("a"));
        assert_eq!(recall.older(&history, "a"), None);
        assert_eq!(recall.newer(&history).as_deref(), Some("b"));
        assert_eq!(recall.newer(&history).as_deref(), Some("draft"));
        assert_eq!(recall.newer(&history), None);
    }

    #[test]
    fn a_line_is_kept_once_and_an_empty_one_never() {
        assert_eq!(history(&["a", "b", " a ", "", "  "]), history(&["b", "a"]));
    }

    #[test]
    fn only_so_many_lines_are_kept() {
        let mut history = History::default();
        for number in 0..2 * LINES_MAX {
            history.keep(&number.to_string());
        }
        assert_eq!((history.0.len(), history.0.front().map(String::as_str)), (LINES_MAX, Some("50")));
    }
}
