//! A small graph of the last readings, one column each, the newest at the right.

use crate::theme::Theme;

/// The last `width` readings, each from 0.0 to 1.0. A reading of exactly nothing is a blank, so that what little there is
/// can be told from it.
pub(super) fn spark(theme: &Theme, readings: impl DoubleEndedIterator<Item = f64>, width: u16) -> String {
    let mut cells: Vec<&str> =
        readings.rev().take(usize::from(width)).map(|reading| height(theme, reading)).collect();
    cells.resize(usize::from(width), " ");
    cells.into_iter().rev().collect()
}

fn height(theme: &Theme, reading: f64) -> &'static str {
    if reading.is_nan() || reading <= 0.0 {
        return " ";
    }
    let steps = theme.glyphs.heights.len();
    let step = (reading.min(1.0) * steps as f64).ceil() as usize;
    theme.glyphs.heights[step.clamp(1, steps) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Depth, Palette};

    #[test]
    fn the_newest_reading_is_at_the_right_and_nothing_is_a_blank() {
        let theme = Theme::new(Depth::None, Palette::Dark, false);
        let readings = [0.0, 0.01, 0.5, 1.0, 7.0, f64::NAN];
        assert_eq!(spark(&theme, readings.into_iter(), 8), "   ▁▄██ ");
        assert_eq!(spark(&theme, readings.into_iter(), 3), "██ ");
        assert_eq!(spark(&theme, readings.into_iter(), 0), "");
    }
}
