//! A selected row and the first row on the screen, for lists that are wholly in memory.
//!
//! # Invariants
//!
//! After [`Cursor::settle`] with the list as it is now: the cursor is on a row that can be stood on (if there is one), and
//! that row is on the screen. A list may shrink or change between two events; every use settles first.

/// A selected row and the first row on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The selected row.
    pub(crate) at: usize,
    /// The first row on the screen.
    pub(crate) top: usize,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// So many rows, up if negative.
    By(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
}

impl Cursor {
    /// Moves over a list of which `stands` says what can be stood on; `screen` is the number of rows on the screen.
    /// `false` if the cursor is where it was.
    pub(crate) fn go(&mut self, to: Move, stands: &[bool], screen: usize) -> bool {
        self.settle(stands, screen);
        let before = self.at;
        let last = stands.len().saturating_sub(1);
        let (wanted, up) = match to {
            Move::Top => (0, false),
            Move::Bottom => (last, true),
            Move::By(rows) => (self.at.saturating_add_signed(rows).min(last), rows < 0),
        };
        // The next row in the direction of the move, else the last one passed.
        let down_from = |start: usize| (start..stands.len()).find(|&row| stands[row]);
        let up_from = |start: usize| (0..=start.min(last)).rev().find(|&row| stands.get(row) == Some(&true));
        let found = if up {
            up_from(wanted).or_else(|| down_from(wanted))
        } else {
            down_from(wanted).or_else(|| up_from(wanted))
        };
        self.at = found.unwrap_or(0);
        self.settle(stands, screen);
        self.at != before
    }

    /// Brings the cursor onto a row and the row onto the screen.
    pub(crate) fn settle(&mut self, stands: &[bool], screen: usize) {
        let last = stands.len().saturating_sub(1);
        self.at = self.at.min(last);
        if stands.get(self.at) != Some(&true) {
            let below = (self.at..stands.len()).find(|&row| stands[row]);
            self.at = below.or_else(|| (0..self.at).rev().find(|&row| stands[row])).unwrap_or(0);
        }
        self.top = self.top.min(stands.len().saturating_sub(screen));
        if self.at < self.top {
            self.top = self.at;
        }
        if screen > 0 && self.at >= self.top + screen {
            self.top = self.at + 1 - screen;
        }
        // The headings above the first row belong to it.
        if !stands[..self.at.min(stands.len())].contains(&true) && self.at < screen {
            self.top = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headings_are_stepped_over() {
        let stands = [false, true, false, false, true];
        let mut cursor = Cursor::default();
        cursor.settle(&stands, 10);
        assert_eq!(cursor.at, 1);
        assert!(cursor.go(Move::By(1), &stands, 10));
        assert_eq!(cursor.at, 4);
        assert!(!cursor.go(Move::By(1), &stands, 10));
        assert!(cursor.go(Move::By(-1), &stands, 10));
        assert_eq!(cursor, Cursor { at: 1, top: 0 });
    }

    #[test]
    fn the_first_row_brings_its_heading_onto_the_screen() {
        let stands = [false, false, true, true, true, true];
        let mut cursor = Cursor::default();
        cursor.go(Move::Bottom, &stands, 3);
        assert_eq!(cursor, Cursor { at: 5, top: 3 });
        cursor.go(Move::Top, &stands, 3);
        assert_eq!(cursor, Cursor { at: 2, top: 0 });
    }

    proptest! {
        #[test]
        fn the_cursor_stands_on_a_row_of_the_screen(
            stands in proptest::collection::vec(any::<bool>(), 0..30),
            moves in proptest::collection::vec((-40isize..40, 0usize..12), 0..20),
        ) {
            let mut cursor = Cursor::default();
            for (by, screen) in moves {
                let to = match by { -40..-35 => Move::Top, 35.. => Move::Bottom, _ => Move::By(by) };
                cursor.go(to, &stands, screen);
                prop_assert!(cursor.at < stands.len() || cursor.at == 0);
                prop_assert!(stands.get(cursor.at) == Some(&true) || !stands.contains(&true));
                if screen > 0 {
                    prop_assert!(cursor.top <= cursor.at && cursor.at < cursor.top + screen);
                }
            }
        }
    }
}
