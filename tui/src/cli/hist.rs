//! `hist`: histograms drawn as bars, one below the other.

use super::cells::Ink;
use super::export::{self, HistogramRow};
use super::find::attach;
use super::flags::{Flags, Look};
use super::perform::{fail_on, print};
use super::table::{Align, Column, write_csv, write_rest};
use super::{check, json};
use crate::theme::{Depth, Palette, Theme};
use crate::view::histogram::draw;
use loopscope_inspector::client::Target;
use loopscope_inspector::model::{Histograms, Names};
use loopscope_inspector::wire::HistogramsRequest;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, Write};

/// Bars of one histogram at most.
const BARS_MAX: u16 = 16;

/// Wider bars say no more.
const COLUMNS_MAX: usize = 100;

/// Where lines may be as long as they like.
const COLUMNS_USUAL: usize = 80;

/// Draws the histograms of loops and pools, and those of sites where a filter or `sites` asks for them.
///
/// # Errors
///
/// If there is nobody to ask, or the output cannot be written.
pub(super) async fn show(target: Option<Target>, sites: bool, flags: &Flags) -> anyhow::Result<()> {
    check::histograms(flags)?;
    let chosen = export::Chosen::of(flags)?;
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    let whole = !sites && flags.filter.is_none();
    let reading = client.histograms(&HistogramsRequest { whole, ..HistogramsRequest::default() }).await?;
    let (rows, total) = chosen.rows(Names::default().name(&reading.rows));
    print(|out| write(out, &reading, &rows, total, flags, flags.look()))?;
    fail_on(&mut client, flags).await
}

fn write(
    out: &mut dyn Write,
    reading: &Histograms,
    rows: &[HistogramRow],
    total: u64,
    flags: &Flags,
    look: Look,
) -> io::Result<()> {
    if flags.json {
        return json::write_hist(out, reading, rows, total);
    }
    if flags.csv {
        return write_csv(out, COLUMNS, rows, look);
    }
    for row in rows {
        for (number, line) in lines(row, look).into_iter().enumerate() {
            let ink = if number == 0 { Ink::Heading } else { Ink::Plain };
            writeln!(out, "{}", ink.paint(&line, look.color))?;
        }
        writeln!(out)?;
    }
    if rows.is_empty() {
        writeln!(out, "no histograms")?;
    }
    write_rest(out, total, rows.len(), look)
}

/// The drawing of one histogram.
fn lines(row: &HistogramRow, look: Look) -> Vec<String> {
    let columns = look.width.unwrap_or(COLUMNS_USUAL).clamp(20, COLUMNS_MAX);
    // Colour is put on afterwards; a drawing has none of its own.
    let theme = Theme::new(Depth::None, Palette::Dark, look.ascii);
    let area = Rect::new(0, 0, u16::try_from(columns).unwrap_or(u16::MAX), BARS_MAX + 2);
    let mut buffer = Buffer::empty(area);
    let used = draw(&theme, &row.name, &row.histogram.hist, area, &mut buffer);
    (0..used)
        .map(|y| {
            let cells = (0..area.width).filter_map(|x| buffer.cell((x, y)));
            cells.map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned()
        })
        .collect()
}

/// The columns of the CSV.
const COLUMNS: &[Column<HistogramRow>] = &[
    column("name", |row| row.name.clone()),
    column("kind", |row| row.histogram.key.kind.to_string()),
    column("loop", |row| exact(row.histogram.key.loop_id)),
    column("site", |row| exact(row.histogram.key.site.as_ref())),
    column("pool", |row| exact(row.histogram.key.pool.as_ref())),
    column("count", |row| row.summary.count.to_string()),
    column("sum_ns", |row| exact(row.histogram.sum_ns)),
    column("min_ns", |row| exact(row.summary.min_ns)),
    column("max_ns", |row| exact(row.summary.max_ns)),
    column("mean_ns", |row| exact(row.summary.mean_ns)),
    column("p50_ns", |row| exact(row.summary.p50_ns)),
    column("p90_ns", |row| exact(row.summary.p90_ns)),
    column("p99_ns", |row| exact(row.summary.p99_ns)),
    column("p999_ns", |row| exact(row.summary.p999_ns)),
    column("p9999_ns", |row| exact(row.summary.p9999_ns)),
];

const fn column(name: &'static str, exact: fn(&HistogramRow) -> String) -> Column<HistogramRow> {
    Column { name, heading: "", align: Align::Left, words: None, exact }
}

fn exact(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::{Bucket, Hist, Histogram, HistogramKey, HistogramKind, Place, Process};

    fn rows() -> Vec<HistogramRow> {
        let hist = |values: &[(u64, u64)]| {
            let bucket = |&(ns, count): &(u64, u64)| Bucket { low_ns: ns, high_ns: ns, count };
            Hist::from_buckets(values.iter().map(bucket).collect())
        };
        let site = Some(Place::new("src/main.rs", 40, 5));
        let of = |kind, site, hist| Histogram {
            key: HistogramKey { kind, loop_id: Some(0), site, pool: None },
            sum_ns: Some(7),
            hist,
        };
        let polls = hist(&[(800, 30), (1_500, 700), (4_000, 200), (90_000, 3), (2_000_000, 1)]);
        let rows =
            [of(HistogramKind::Poll, site, polls), of(HistogramKind::Lateness, None, hist(&[(100_000, 2)]))];
        Names::default().name(&rows).into_iter().map(|(name, row)| HistogramRow::new(name, row)).collect()
    }

    fn said(flags: &Flags, look: Look) -> String {
        let mut out = Vec::new();
        let process = Process { pid: 4711, ..Process::default() };
        let reading = Histograms { process, ..Histograms::default() };
        write(&mut out, &reading, &rows(), 3, flags, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn histograms_as_bars_as_csv_and_as_json() {
        let words = said(&Flags::default(), Look { width: Some(60), ..Look::default() });
        let ascii = said(&Flags::default(), Look { width: Some(40), ascii: true, ..Look::default() });
        let csv = said(&Flags { csv: true, ..Flags::default() }, Look::default());
        let json = said(&Flags { json: true, ..Flags::default() }, Look::default());
        insta::assert_snapshot!([words, ascii, csv, json].join("----\n"));
    }

    #[test]
    fn what_is_written_of_a_histogram_can_be_asked_for() {
        use loopscope_inspector::model::query::Filter;
        for column in COLUMNS.iter().filter(|column| !["loop", "kind"].contains(&column.name)) {
            let value = if column.name.ends_with("_ns") { ">1ns" } else { "!=99" };
            let filter = format!("{}{value}", column.name);
            assert!(Filter::parse::<HistogramRow>(&filter).is_ok(), "{filter}");
        }
        let slow = Filter::parse::<HistogramRow>("p90>3us p9999>1ms min<1us").unwrap();
        let found: Vec<bool> = rows().iter().map(|row| slow.matches(row)).collect();
        assert_eq!(found, [true, false]);
    }
}
