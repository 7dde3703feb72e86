//! The frames of a stack, drawn.

use super::pen::Pen;
use crate::app::frames::function;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Frame, words};

/// One frame; those of one's own code stand out.
pub(super) fn frame<'a>(number: usize, frame: &Frame, own: bool, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let mark = if own { theme.glyphs.arrow } else { " " };
    let role = if own { Role::Strong } else { Role::Dim };
    let pen = pen.put(Role::Accent, format!("{mark} ")).dim(format!("{number:>2}  "));
    match &frame.at {
        // The place first: it is what is looked for, and names of generic functions are long.
        Some(at) if own => pen.put(role, words::place(at)).dim("  ").text(function(frame)),
        Some(at) => pen.put(role, function(frame)).dim(format!("  {}", words::place(at))),
        None => pen.put(role, function(frame)),
    }
}
