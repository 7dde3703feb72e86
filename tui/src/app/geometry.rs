//! Where things lie on the screen: the few rectangles that both sides need.
//!
//! The views draw into them; the update needs them to know how many rows a screenful is and what a click hit. Nothing
//! here depends on anything but sizes.

use ratatui::layout::Rect;

/// The narrowest terminal that is drawn in.
pub(crate) const WIDTH_MIN: u16 = 60;
/// The lowest terminal that is drawn in.
pub(crate) const HEIGHT_MIN: u16 = 12;
/// From this width on there is a second column beside the lists.
pub(crate) const WIDTH_TWO_COLUMNS: u16 = 116;

/// The columns before the cells of a row, for the mark of the selected one.
pub(crate) const MARK: u16 = 2;

/// The width that is left for the cells of a table.
pub(crate) fn cells_width(body: Rect) -> u16 {
    body.width.saturating_sub(MARK + 1)
}

/// The parts that every screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The process.
    pub(crate) header: Rect,
    /// The screens, and how fresh the picture is.
    pub(crate) tabs: Rect,
    /// The screen itself.
    pub(crate) body: Rect,
    /// One line for what the program has to say.
    pub(crate) note: Rect,
    /// The bottom bar.
    pub(crate) keys: Rect,
}

/// The parts of a terminal of this size; `None` if it is too small.
pub(crate) fn frame(area: Rect) -> Option<Frame> {
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        return None;
    }
    let line = |y: u16| Rect { y: area.y + y, height: 1, ..area };
    Some(Frame {
        header: line(0),
        tabs: line(1),
        body: Rect { y: area.y + 2, height: area.height - 4, ..area },
        note: line(area.height - 2),
        keys: line(area.height - 1),
    })
}

/// The parts of the body of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// What is shown, in words; the filter while it is typed.
    pub(crate) status: Rect,
    /// The titles of the columns; the mistake in a filter while it is typed.
    pub(crate) titles: Rect,
    /// The rows.
    pub(crate) rows: Rect,
    /// What is shown below the rows; empty where there is no room.
    pub(crate) panel: Rect,
}

/// From this height of the body on there is room below the rows of a table.
const HEIGHT_PANEL: u16 = 20;

/// From this height of the body on there is room for histograms there.
const HEIGHT_BARS: u16 = 30;
/// The lowest histogram that can be read.
pub(crate) const BARS_MIN: u16 = 5;
/// What histograms take where there is room.
const BARS: u16 = 12;

/// Whether there is room for histograms below the rows of a table.
pub(crate) fn has_bars(body: Rect) -> bool {
    body.height >= HEIGHT_BARS
}

/// What a screen wants below the rows of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panel {
    /// Nothing.
    None,
    /// So many lines, if they take no more than a third.
    Lines(u16),
    /// So many lines, and histograms below them.
    LinesAndBars(u16),
    /// Histograms.
    Large,
}

/// The parts of a body that is a table.
pub(crate) fn table(body: Rect, panel: Panel) -> Table {
    let below = match panel {
        Panel::None => 0,
        _ if body.height < HEIGHT_PANEL => 0,
        Panel::LinesAndBars(wanted) if has_bars(body) => wanted.saturating_add(BARS).min(body.height * 2 / 5),
        Panel::Lines(wanted) | Panel::LinesAndBars(wanted) => wanted.min(body.height / 3),
        Panel::Large => (body.height * 2 / 5).clamp(8, 18),
    };
    let line = |y: u16| Rect { y: body.y + y.min(body.height), height: u16::from(y < body.height), ..body };
    let top = body.height.min(2);
    Table {
        status: line(0),
        titles: line(1),
        rows: Rect { y: body.y + top, height: body.height - top - below, ..body },
        panel: Rect { y: body.bottom() - below, height: below, ..body },
    }
}

/// The list and the second column of a body, which is empty where the terminal is not wide enough.
pub(crate) fn columns(body: Rect) -> (Rect, Rect) {
    if body.width < WIDTH_TWO_COLUMNS {
        return (body, Rect { x: body.x + body.width, width: 0, ..body });
    }
    let side = (body.width * 2 / 5).clamp(48, 72);
    let list = Rect { width: body.width - side - 2, ..body };
    (list, Rect { x: body.x + list.width + 2, width: side, ..body })
}

/// The rectangle of an overlay: as large as the screen allows up to a size that is still read with ease.
pub(crate) fn overlay(body: Rect) -> Rect {
    let width = body.width.saturating_sub(4).min(116);
    let height = body.height.saturating_sub(2).max(body.height.min(4));
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height }
}

/// The parts of the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaletteParts {
    /// The line that is typed.
    pub(crate) line: Rect,
    /// What there is to say about it.
    pub(crate) hint: Rect,
    /// What fits it.
    pub(crate) list: Rect,
}

/// The parts of the palette over a body.
pub(crate) fn palette(body: Rect) -> PaletteParts {
    let parts = table(inside(overlay(body)), Panel::None);
    PaletteParts { line: parts.status, hint: parts.titles, list: parts.rows }
}

/// The rows inside the frame of an overlay.
pub(crate) fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + area.width.min(2),
        y: area.y + area.height.min(1),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_lies_inside_at_any_size() {
        for panel in
            [Panel::None, Panel::Lines(7), Panel::Lines(u16::MAX), Panel::LinesAndBars(9), Panel::Large]
        {
            check_parts(panel);
        }
    }

    fn check_parts(panel: Panel) {
        for width in 0..140 {
            for height in 0..80 {
                let area = Rect::new(0, 0, width, height);
                let Some(frame) = frame(area) else {
                    assert!(width < WIDTH_MIN || height < HEIGHT_MIN);
                    continue;
                };
                let table = table(frame.body, panel);
                let (list, side) = columns(frame.body);
                let parts = [
                    frame.header,
                    frame.tabs,
                    frame.body,
                    frame.note,
                    frame.keys,
                    table.status,
                    table.titles,
                ];
                for part in parts.into_iter().chain([
                    table.rows,
                    table.panel,
                    list,
                    side,
                    overlay(frame.body),
                    inside(overlay(frame.body)),
                ]) {
                    assert_eq!(part, part.intersection(area), "{part:?} in {area:?}");
                }
                assert!(table.rows.height > table.panel.height);
            }
        }
    }

    #[test]
    fn the_parts_of_a_table_fit_into_any_body() {
        for height in 0..5 {
            let body = Rect::new(3, 4, 10, height);
            let parts = table(body, Panel::Large);
            assert_eq!(parts.status.height + parts.titles.height + parts.rows.height, height);
        }
    }
}
