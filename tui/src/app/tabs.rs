//! The titles of the screens in the second line: ` 1 Overview  2 Tasks  4 Sites `, where they lie, and which was clicked.

use super::state::Tab;
use ratatui::layout::Rect;

/// From this width on every screen has its title with a blank on either side.
const WIDTH_WIDE: u16 = 100;
/// From this width on it has one blank; below it only the one that is seen has its title, the others their numbers.
const WIDTH_TITLES: u16 = 80;

/// The title of one screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    /// Of which.
    pub(crate) tab: Tab,
    /// With blanks.
    pub(crate) text: String,
}

/// The titles in a line of this width, from its left edge on. Behind them may be those of `pages`, which need room too.
pub(crate) fn titles(width: u16, seen: Tab, pages: bool) -> Vec<Title> {
    let titles_from = if pages { WIDTH_WIDE } else { WIDTH_TITLES };
    Tab::ALL
        .iter()
        .map(|&tab| {
            let text = match width {
                WIDTH_WIDE.. => format!(" {} {} ", tab.number(), tab.title()),
                _ if width >= titles_from => format!(" {} {}", tab.number(), tab.title()),
                _ if tab == seen => format!(" {} {} ", tab.number(), tab.title()),
                _ => format!(" {} ", tab.number()),
            };
            Title { tab, text }
        })
        .collect()
}

/// The screen whose title lies at a column of the line.
pub(crate) fn at(line: Rect, seen: Tab, pages: bool, column: u16) -> Option<Tab> {
    let mut end = usize::from(line.x);
    let wanted = usize::from(column);
    titles(line.width, seen, pages)
        .into_iter()
        .find(|title| {
            end += title.text.len();
            wanted < end
        })
        .map(|title| title.tab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_of_a_title_is_its_screen_s() {
        for width in [60, 80, 99, 100, 200] {
            let line = Rect::new(0, 1, width, 1);
            let mut column = 0;
            for title in titles(width, Tab::Sites, width == 99) {
                for _ in 0..title.text.len() {
                    assert_eq!(at(line, Tab::Sites, width == 99, column), Some(title.tab), "{width}");
                    column += 1;
                }
            }
            assert!(column <= width, "{column} of {width}");
            assert_eq!(at(line, Tab::Sites, width == 99, column), None);
        }
    }
}
