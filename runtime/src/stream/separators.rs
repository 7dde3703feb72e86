//! What ends a piece of a stream: one separator or several, and how the first of them is found.

use std::io::BufRead as _;

/// One separator or several.
///
/// | what | example |
/// |---|---|
/// | one byte | `b'\n'` |
/// | one text | `"\r\n"`, `b"\r\n"`, `&[u8]` |
/// | several | `["\n", "\r\n"]`, `[&b"\0"[..], b"--"]`, `Vec<String>` |
///
/// Of several the one whose end comes first is found, so the piece that is read is as short as can be.
pub trait Separators: sealed::Find {}

impl<T: sealed::Find> Separators for T {}

/// Where a separator lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) mod sealed {
    use super::Found;

    /// How a separator is found.
    pub trait Find {
        /// The one that ends first and begins at `from` or after.
        fn find(&self, bytes: &[u8], from: usize) -> Option<Found>;

        /// The bytes of the longest.
        fn longest(&self) -> usize;

        /// Whether there is one, and each has at least one byte.
        fn is_valid(&self) -> bool;
    }
}

use sealed::Find;

/// Where the first `byte` is.
#[inline]
pub(super) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    // The library's own fast search, which it offers under this name only. Reading from memory cannot fail.
    let mut rest = bytes;
    let passed = rest.skip_until(byte).unwrap_or(0);
    passed.checked_sub(1).filter(|&last| bytes[last] == byte)
}

fn find_text(text: &[u8], bytes: &[u8], from: usize) -> Option<Found> {
    let (&first, rest) = text.split_first()?;
    let mut from = from;
    loop {
        let start = from + position(bytes.get(from..)?, first)?;
        if bytes[start + 1..].starts_with(rest) {
            return Some(Found { start, end: start + text.len() });
        }
        from = start + 1;
    }
}

/// Of two that end at the same byte the longer one is meant.
fn first_of(found: impl Iterator<Item = Found>) -> Option<Found> {
    found.min_by_key(|found| (found.end, found.start))
}

impl Find for u8 {
    #[inline]
    fn find(&self, bytes: &[u8], from: usize) -> Option<Found> {
        let start = from + position(bytes.get(from..)?, *self)?;
        Some(Found { start, end: start + 1 })
    }

    #[inline]
    fn longest(&self) -> usize {
        1
    }

    fn is_valid(&self) -> bool {
        true
    }
}

macro_rules! one {
    ($(($($generic:tt)*) $text:ty),*) => {
        $(impl<$($generic)*> Find for $text {
            fn find(&self, bytes: &[u8], from: usize) -> Option<Found> {
                find_text(self.as_ref(), bytes, from)
            }

            fn longest(&self) -> usize {
                self.len()
            }

            fn is_valid(&self) -> bool {
                !self.is_empty()
            }
        })*
    };
}

one!(() &[u8], () &str, (const N: usize) &[u8; N]);

macro_rules! several {
    ($(($($generic:tt)*) $texts:ty),*) => {
        $(impl<T: AsRef<[u8]>, $($generic)*> Find for $texts {
            fn find(&self, bytes: &[u8], from: usize) -> Option<Found> {
                first_of(self.iter().filter_map(|text| find_text(text.as_ref(), bytes, from)))
            }

            fn longest(&self) -> usize {
                self.iter().map(|text| text.as_ref().len()).max().unwrap_or(0)
            }

            fn is_valid(&self) -> bool {
                !self.is_empty() && self.iter().all(|text| !text.as_ref().is_empty())
            }
        })*
    };
}

several!(() Vec<T>, (const N: usize) [T; N]);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(separators: &impl Find, text: &str, from: usize, expected: Option<(usize, usize)>) {
        let found = separators.find(text.as_bytes(), from).map(|found| (found.start, found.end));
        assert_eq!(found, expected, "{text:?} from {from}");
    }

    #[test]
    fn a_byte_is_found_where_it_is_and_nowhere_else() {
        check(&b'\n', "", 0, None);
        check(&b'\n', "a", 0, None);
        check(&b'\n', "a\nb\n", 0, Some((1, 2)));
        check(&b'\n', "a\nb\n", 2, Some((3, 4)));
        check(&b'\n', "a\nb\n", 4, None);
        check(&b'\n', "a\nb\n", 9, None);
    }

    #[test]
    fn a_text_is_found_after_a_false_start() {
        check(&"aab", "aaab", 0, Some((1, 4)));
        check(&"aab", "aaa", 0, None);
        check(&b"\r\n", "\r\r\n", 0, Some((1, 3)));
    }

    #[test]
    fn of_several_the_first_end_counts_and_of_those_the_longest() {
        check(&["abcd", "c"], "xabcd", 0, Some((3, 4)));
        check(&["\n", "\r\n"], "ab\r\ncd\n", 0, Some((2, 4)));
        check(&vec!["b".to_owned(), "a".to_owned()], "xxab", 0, Some((2, 3)));
    }
}
