//! A histogram as horizontal bars, one line a bin.

use super::pen::{Pen, line_of};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Hist, Summary, words};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// One line: values of at most `upper_ns`, and more than the line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bin {
    upper_ns: u64,
    count: u64,
}

/// The steps of a decade, the finest first.
const STEPS: [&[u64]; 2] = [&[1, 2, 5], &[1]];

/// The values in at most `lines` bins between round numbers, from the first to the last that has any.
fn bins(hist: &Hist, lines: usize) -> Vec<Bin> {
    for steps in STEPS {
        let bins = fill(hist, steps);
        if bins.len() <= lines {
            return bins;
        }
    }
    // Still too many: the ends are summed up.
    let mut bins = fill(hist, STEPS[1]);
    let excess = bins.len() - lines;
    let low: u64 = bins.drain(..excess).map(|bin| bin.count).sum();
    if let Some(first) = bins.first_mut() {
        first.count += low;
    }
    bins
}

fn fill(hist: &Hist, steps: &[u64]) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    let mut decade: u64 = 1;
    while let Some(next) = decade.checked_mul(10) {
        bins.extend(steps.iter().map(|step| Bin { upper_ns: decade.saturating_mul(*step), count: 0 }));
        decade = next;
    }
    bins.push(Bin { upper_ns: u64::MAX, count: 0 });
    for bucket in hist.buckets() {
        let index = bins.partition_point(|bin| bin.upper_ns < bucket.high_ns).min(bins.len() - 1);
        bins[index].count = bins[index].count.saturating_add(bucket.count);
    }
    let first = bins.iter().position(|bin| bin.count > 0);
    let last = bins.iter().rposition(|bin| bin.count > 0);
    match (first, last) {
        (Some(first), Some(last)) => bins[first..=last].to_vec(),
        _ => Vec::new(),
    }
}

/// Draws a histogram with its title and its summary; returns the lines used.
pub(crate) fn draw(theme: &Theme, title: &str, hist: &Hist, area: Rect, buf: &mut Buffer) -> u16 {
    super::rows::heading(Pen::new(theme), theme, title, area.width).draw(line_of(area, 0), buf);
    if hist.is_empty() {
        Pen::new(theme).dim("no values yet").draw(line_of(area, 1), buf);
        return area.height.min(2);
    }
    Pen::new(theme).dim(summary(&hist.summary())).draw(line_of(area, 1), buf);
    let room = usize::from(area.height.saturating_sub(2));
    if room == 0 {
        return area.height;
    }
    let bins = bins(hist, room);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
    let mut line = 2;
    for bin in &bins {
        let label = if bin.upper_ns == u64::MAX {
            "more".to_owned()
        } else {
            format!("≤ {}", words::duration(bin.upper_ns))
        };
        let bar = bar(theme, bin.count, most, area.width.saturating_sub(10 + 1 + 1 + 12));
        Pen::new(theme)
            .cell(Role::Dim, label, 10, true)
            .gap(1)
            .put(Role::Accent, &bar)
            .gap(u16::from(!bar.is_empty()))
            .text(words::count(bin.count))
            .draw(line_of(area, line), buf);
        line += 1;
    }
    line.min(area.height)
}

/// One line that sums a histogram up.
pub(super) fn summary(summary: &Summary) -> String {
    let mut parts = vec![words::counted(summary.count, "value")];
    let quantiles =
        [("p50", summary.p50_ns), ("p90", summary.p90_ns), ("p99", summary.p99_ns), ("max", summary.max_ns)];
    parts.extend(
        quantiles.iter().filter_map(|(name, ns)| ns.map(|ns| format!("{name} {}", words::duration(ns)))),
    );
    parts.join("  ")
}

/// A bar of at most `width` columns; something is never drawn as nothing.
fn bar(theme: &Theme, count: u64, most: u64, width: u16) -> String {
    if count == 0 || most == 0 {
        return String::new();
    }
    let cells = (count as f64 / most as f64 * f64::from(width)).round() as usize;
    theme.glyphs.full.repeat(cells.clamp(1, usize::from(width.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Depth, Palette};
    use loopscope_inspector::model::Bucket;

    fn hist(values: &[(u64, u64)]) -> Hist {
        Hist::from_buckets(
            values.iter().map(|&(ns, count)| Bucket { low_ns: ns, high_ns: ns, count }).collect(),
        )
    }

    #[test]
    fn bins_lie_between_round_numbers_and_hold_every_value() {
        let bins = bins(&hist(&[(900, 3), (1_000, 4), (1_001, 5), (4_000, 6)]), 10);
        assert_eq!(
            bins,
            [
                Bin { upper_ns: 1_000, count: 7 },
                Bin { upper_ns: 2_000, count: 5 },
                Bin { upper_ns: 5_000, count: 6 }
            ]
        );
    }

    #[test]
    fn with_less_room_bins_are_wider_and_still_hold_every_value() {
        let all = hist(&[(1, 1), (1_000, 1), (1_000_000, 1), (u64::MAX, 1)]);
        for lines in 1..80 {
            let bins = bins(&all, lines);
            assert!(bins.len() <= lines);
            assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 4);
        }
    }

    #[test]
    fn a_rare_value_has_a_bar() {
        let theme = Theme::new(Depth::None, Palette::Dark, true);
        let mut buf = Buffer::empty(Rect::new(0, 0, 40, 4));
        let used = draw(&theme, "Polls", &hist(&[(1_000, 1_000), (2_000, 1)]), buf.area, &mut buf);
        assert_eq!(used, 4);
        buf.set_style(buf.area, ratatui::style::Style::reset());
        assert_eq!(
            buf,
            Buffer::with_lines([
                "Polls ----------------------------------",
                "1,001 values  p50 1.0 us  p90 1.0 us  p~",
                " <= 1.0 us ################ 1,000       ",
                " <= 2.0 us # 1                          ",
            ])
        );
    }
}
