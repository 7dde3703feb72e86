//! A line that is typed, drawn.

use super::pen::Pen;
use crate::app::line::Line;
use crate::app::table::Mistake;
use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;

/// A line that is typed behind a prompt, and under it what is wrong with it. Returns where the cursor is.
pub(super) fn draw(
    theme: &Theme,
    prompt: &str,
    typed: &Line,
    mistake: Option<&Mistake>,
    (area, below): (Rect, Rect),
    buf: &mut Buffer,
) -> Position {
    let prompt = format!(" {prompt} ");
    let before = Span::raw(typed.before_cursor()).width();
    // A line longer than the screen is pushed to the left until the cursor is seen.
    let room = usize::from(area.width).saturating_sub(prompt.len() + 1);
    let pushed = before.saturating_sub(room);
    let shown: String = typed.text().chars().skip(pushed).collect();
    Pen::new(theme).put(Role::Key, &prompt).put(Role::Strong, shown).draw(area, buf);
    if let Some(mistake) = mistake {
        let column = prompt.len() + mistake.at.saturating_sub(pushed).min(room);
        let long = Span::raw(&mistake.message).width();
        let pen = Pen::new(theme);
        // Where it has no room behind the caret it stands before it.
        let pen = if column + 2 + long <= usize::from(below.width) || column < long + 1 {
            pen.gap(u16::try_from(column).unwrap_or(0)).put(Role::Bad, "^ ").text(&mistake.message)
        } else {
            let gap = u16::try_from(column - long - 1).unwrap_or(0);
            pen.gap(gap).text(&mistake.message).put(Role::Bad, " ^")
        };
        pen.draw(below, buf);
    }
    let x = area.x + u16::try_from(prompt.len() + before - pushed).unwrap_or(0);
    Position::new(x.min(area.right().saturating_sub(1)), area.y)
}
