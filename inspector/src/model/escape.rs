//! Text from an observed program made fit to be shown.
//!
//! A task's name can be a megabyte long and hold terminal escapes, line breaks, or marks that turn the direction of the
//! text. Everything that a person is shown goes through [`escape`].

use std::borrow::Cow;
use std::fmt::Write;

/// How many characters of a name are shown.
pub const NAME_CHARS_MAX: usize = 64;

/// How many characters of any other text are shown: a message, an address, a path.
pub const TEXT_CHARS_MAX: usize = 512;

/// `text` without anything that a terminal obeys or a reader cannot see, `chars_max` characters long at most.
///
/// Control characters, line separators, direction marks and characters that take no room of their own become
/// `\n`, `\t`, `\r` or `\u{1b}`. What is cut off is replaced by one `…`, and no escape is cut in half.
pub fn escape(text: &str, chars_max: usize) -> Cow<'_, str> {
    // A string of so many bytes has at most so many characters: the common case needs no counting.
    if text.len() <= chars_max && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut count = 0;
    // Where to cut if the text turns out too long: the last end of a piece that leaves room for the `…`.
    let mut cut = 0;
    for c in text.chars() {
        let start = shown.len();
        count += push(&mut shown, c);
        if count > chars_max {
            shown.truncate(cut.min(start));
            if chars_max > 0 {
                shown.push('…');
            }
            return Cow::Owned(shown);
        }
        if count < chars_max {
            cut = shown.len();
        }
    }
    Cow::Owned(shown)
}

/// Appends `c`, escaped if need be, and returns how many characters that took.
fn push(shown: &mut String, c: char) -> usize {
    if !is_hidden(c) {
        shown.push(c);
        return 1;
    }
    let start = shown.len();
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ => {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        }
    }
    shown.len() - start
}

/// Whether `c` does something to a terminal or to its neighbours instead of being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                        // soft hyphen
            | '\u{34f}'                     // grapheme joiner
            | '\u{61c}'                     // Arabic letter mark
            | '\u{115f}'..='\u{1160}'       // Hangul fillers
            | '\u{17b4}'..='\u{17b5}'       // inherent Khmer vowels
            | '\u{180b}'..='\u{180f}'       // Mongolian selectors
            | '\u{200b}'..='\u{200f}'       // zero width, direction marks
            | '\u{2028}'..='\u{202e}'       // line separators, direction embeddings and overrides
            | '\u{2060}'..='\u{206f}'       // invisible operators, direction isolates
            | '\u{3164}' | '\u{ffa0}'       // Hangul fillers
            | '\u{fe00}'..='\u{fe0f}'       // variation selectors
            | '\u{feff}'                    // byte order mark
            | '\u{fff0}'..='\u{fffb}'       // interlinear annotation
            | '\u{1d173}'..='\u{1d17a}'     // musical format
            | '\u{e0000}'..='\u{e0fff}'     // tags, more variation selectors
        )
}

#[cfg(test)]
mod tests {
    use super::{escape, is_hidden};
    use proptest::prelude::*;

    fn check(text: &str, chars_max: usize, expected: &str) {
        assert_eq!(escape(text, chars_max), expected);
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        check("worker 7 «ä»", 64, "worker 7 «ä»");
        check("", 0, "");
        check("exact", 5, "exact");
    }

    #[test]
    fn what_a_terminal_obeys_is_spelt_out() {
        check("a\x1b[2Jb", 64, r"a\u{1b}[2Jb");
        check("two\nlines\ttab\r", 64, r"two\nlines\ttab\r");
        check("\u{9b}31m", 64, r"\u{9b}31m");
    }

    #[test]
    fn what_turns_the_direction_or_is_invisible_is_spelt_out() {
        check("a\u{202e}b", 64, r"a\u{202e}b");
        check("\u{2066}\u{200b}\u{feff}", 64, r"\u{2066}\u{200b}\u{feff}");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        check("abcdef", 4, "abc…");
        check("abcd", 4, "abcd");
        check("ab\x1bcdef", 6, "ab…");
        check("äöüß", 3, "äö…");
        check("abc", 1, "…");
        check("abc", 0, "");
        assert_eq!(escape(&"x".repeat(1 << 20), 64).chars().count(), 64);
    }

    proptest! {
        #[test]
        fn no_output_holds_a_control_character_or_is_too_long(text in any::<String>(), chars_max in 0_usize..80) {
            let shown = escape(&text, chars_max);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c)));
            prop_assert!(shown.chars().count() <= chars_max);
        }

        #[test]
        fn escaping_twice_changes_nothing_more(text in any::<String>()) {
            let once = escape(&text, 64);
            let twice = escape(&once, 64);
            prop_assert_eq!(&twice, &once);
        }
    }
}
