//! Text with roles: what every view writes with.
//!
//! A [`Pen`] collects pieces of text, each with a [`Role`], and becomes a line. It sees to what no view should have to
//! think of: with `--ascii` nothing but ASCII is drawn, and what does not fit is cut with a sign that says so.
//!
//! Text of the observed program must be escaped before it comes here (`model::words` does); control characters that come
//! nevertheless are drawn as `?`, so that none can reach the terminal.

use crate::theme::{Role, Theme};
use loopscope_inspector::model::words;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Collects one line of text.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    theme: &'a Theme,
    spans: Vec<Span<'static>>,
}

impl<'a> Pen<'a> {
    /// An empty line.
    pub(super) fn new(theme: &'a Theme) -> Self {
        Self { theme, spans: Vec::new() }
    }

    /// Adds text.
    pub(super) fn put(mut self, role: Role, text: impl AsRef<str>) -> Self {
        let shown = self.shown(text.as_ref());
        self.spans.push(Span::styled(shown, self.theme.style(role)));
        self
    }

    /// Adds plain text.
    pub(super) fn text(self, text: impl AsRef<str>) -> Self {
        self.put(Role::Text, text)
    }

    /// Adds text that matters less.
    pub(super) fn dim(self, text: impl AsRef<str>) -> Self {
        self.put(Role::Dim, text)
    }

    /// Adds a cell of exactly this width.
    pub(super) fn cell(mut self, role: Role, text: impl AsRef<str>, width: u16, right: bool) -> Self {
        let shown = cut(&self.shown(text.as_ref()), usize::from(width), self.theme.glyphs.cut);
        let room = usize::from(width).saturating_sub(Span::raw(shown.as_str()).width());
        let padding = " ".repeat(room);
        let padded = if right { format!("{padding}{shown}") } else { format!("{shown}{padding}") };
        self.spans.push(Span::styled(padded, self.theme.style(role)));
        self
    }

    /// Adds a gap to a cell.
    pub(super) fn gap(mut self, width: u16) -> Self {
        self.spans.push(Span::raw(" ".repeat(usize::from(width))));
        self
    }

    /// The width so far.
    pub(super) fn width(&self) -> u16 {
        u16::try_from(self.spans.iter().map(Span::width).sum::<usize>()).unwrap_or(u16::MAX)
    }

    fn shown(&self, text: &str) -> String {
        let plain: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        if self.theme.is_ascii() { words::ascii(&plain).into_owned() } else { plain }
    }

    /// Draws the line into the first line of an area.
    pub(super) fn draw(self, area: Rect, buf: &mut Buffer) {
        let area = Rect { height: area.height.min(1), ..area }.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let excess = self.width() > area.width;
        let glyph = self.theme.glyphs.cut;
        let line = Line::from(self.spans);
        line.render(area, buf);
        if excess && let Some(cell) = buf.cell_mut((area.right() - 1, area.y)) {
            cell.set_symbol(glyph);
        }
    }

    /// Draws the line and gives the whole of it one style on top, as for the selected row.
    pub(super) fn draw_as(self, style: Style, area: Rect, buf: &mut Buffer) {
        let line = Rect { height: area.height.min(1), ..area }.intersection(buf.area);
        self.draw(area, buf);
        buf.set_style(line, style);
    }
}

/// `text` in at most `width` columns; what is longer is cut with a sign.
pub(super) fn cut(text: &str, width: usize, sign: &str) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0;
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        let wide = Span::raw(grapheme.symbol).width();
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        shown.push_str(grapheme.symbol);
    }
    if width > 0 {
        shown.push_str(sign);
    }
    shown
}

/// `text` without its beginning, in at most `width` columns: of a place the line number matters more than the root.
pub(super) fn cut_front(text: &str, width: usize, sign: &str) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let graphemes: Vec<_> =
        Span::raw(text).styled_graphemes(Style::new()).map(|grapheme| grapheme.symbol.to_owned()).collect();
    let mut used = 0;
    let mut kept = Vec::new();
    for symbol in graphemes.iter().rev() {
        let wide = Span::raw(symbol.as_str()).width();
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        kept.push(symbol.as_str());
    }
    if width > 0 {
        kept.push(sign);
    }
    kept.into_iter().rev().collect()
}

/// The line of an area that is `number` lines below its top; empty if that is outside.
pub(super) fn line_of(area: Rect, number: u16) -> Rect {
    if number < area.height {
        Rect { y: area.y + number, height: 1, ..area }
    } else {
        Rect { height: 0, ..area }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Depth, Palette};

    #[test]
    fn what_is_too_long_is_cut_with_a_sign() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdef", 4, "…"), "abc…");
        assert_eq!(cut("abcdef", 1, "…"), "…");
        assert_eq!(cut("abcdef", 0, "…"), "");
        assert_eq!(cut("日本語", 5, "…"), "日本…");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut_front("src/main.rs:40", 8, "…"), "…n.rs:40");
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let theme = Theme::new(Depth::None, Palette::Dark, false);
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 1));
        Pen::new(&theme).text("a\x1b[2J\nb").draw(buf.area, &mut buf);
        assert_eq!(buf, Buffer::with_lines(["a?[2J?b "]));
    }

    #[test]
    fn a_line_that_sticks_out_says_so() {
        let theme = Theme::new(Depth::None, Palette::Dark, false);
        let mut buf = Buffer::empty(Rect::new(0, 0, 5, 1));
        Pen::new(&theme).text("abc").text("def").draw(buf.area, &mut buf);
        assert_eq!(buf, Buffer::with_lines(["abcd…"]));
    }

    #[test]
    fn with_ascii_only_ascii_is_drawn() {
        let theme = Theme::new(Depth::None, Palette::Dark, true);
        let mut buf = Buffer::empty(Rect::new(0, 0, 9, 1));
        Pen::new(&theme).text("3 µs → ä").draw(buf.area, &mut buf);
        assert_eq!(buf, Buffer::with_lines(["3 us -> ?"]));
    }
}
