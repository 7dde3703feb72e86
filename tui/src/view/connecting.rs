//! What is seen before the first picture: what is waited for and for how long, or why nothing will come.

use super::pen::{Pen, line_of};
use super::task::waited;
use crate::app::fold::fold;
use crate::app::link::Link;
use crate::app::state::State;
use crate::theme::Role;
use loopscope_inspector::model::words;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let line = |number: u16| line_of(area, number);
    match &state.link {
        Link::Connecting { target, waiting, since } => {
            let target = words::escape(target, words::TEXT_CHARS_MAX);
            let waiting = words::escape(waiting, words::TEXT_CHARS_MAX);
            Pen::new(theme).gap(2).put(Role::Strong, format!("Attaching to {target}")).draw(line(1), buf);
            Pen::new(theme)
                .gap(2)
                .text(format!("waiting for {waiting}, {}", waited(state, *since)))
                .draw(line(2), buf);
            Pen::new(theme).gap(2).dim("Esc goes back to the list of processes.").draw(line(4), buf);
        }
        Link::Refused { target, why } => {
            let target = words::escape(target, words::TEXT_CHARS_MAX);
            Pen::new(theme)
                .gap(2)
                .put(Role::Bad, format!("{} {target} cannot be attached to", theme.glyphs.bad))
                .draw(line(1), buf);
            let lines = why.lines().flat_map(|text| fold(text, usize::from(area.width.saturating_sub(4))));
            let mut number = 3;
            for text in lines {
                Pen::new(theme)
                    .gap(2)
                    .text(words::escape(&text, words::TEXT_CHARS_MAX))
                    .draw(line(number), buf);
                number += 1;
            }
            Pen::new(theme).gap(2).dim("Esc goes back to the list of processes.").draw(line(number + 1), buf);
        }
        Link::Choosing | Link::Live { .. } | Link::Silent { .. } | Link::Ended { .. } => {}
    }
    None
}
