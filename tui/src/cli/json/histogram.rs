//! Histograms with every bucket.

use super::super::export::HistogramRow;
use super::value::{HistJson, PlaceJson, rfc3339};
use super::{Counts, Head, SCHEMA, write_rows, write_unclosed};
use loopscope_inspector::model::Histograms;
use serde::Serialize;
use std::io::{self, Write};

/// One histogram; a bucket is `[low_ns, high_ns, count]`.
#[derive(Debug, Serialize)]
struct HistogramJson<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum_ns: Option<u64>,
    buckets: Vec<[u64; 3]>,
}

impl<'a> From<&'a HistogramRow> for HistogramJson<'a> {
    fn from(row: &'a HistogramRow) -> Self {
        let histogram = &row.histogram;
        let buckets = histogram.hist.buckets().iter();
        Self {
            name: &row.name,
            kind: histogram.key.kind.as_str(),
            loop_id: histogram.key.loop_id,
            site: histogram.key.site.as_ref().map(PlaceJson::from),
            pool: histogram.key.pool.as_deref(),
            count: histogram.hist.count(),
            sum_ns: histogram.sum_ns,
            buckets: buckets.map(|bucket| [bucket.low_ns, bucket.high_ns, bucket.count]).collect(),
        }
    }
}

/// Writes the document of `export`. `since` is when counting began.
pub(crate) fn write_histograms(
    out: &mut dyn Write,
    reading: &Histograms,
    rows: &[HistogramRow],
    total: u64,
) -> io::Result<()> {
    open(out, reading, rows, total)?;
    out.write_all(b",\"histograms\":[")?;
    write_rows(out, rows.iter().map(HistogramJson::from), true)?;
    writeln!(out, "]}}")
}

/// One histogram in a few numbers.
#[derive(Debug, Serialize)]
struct SummaryJson<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum_ns: Option<u64>,
    hist: HistJson,
}

/// Writes the document of `hist`.
pub(crate) fn write_hist(
    out: &mut dyn Write,
    reading: &Histograms,
    rows: &[HistogramRow],
    total: u64,
) -> io::Result<()> {
    open(out, reading, rows, total)?;
    out.write_all(b",\"hist\":[")?;
    let rows = rows.iter().map(|row| SummaryJson {
        name: &row.name,
        kind: row.histogram.key.kind.as_str(),
        loop_id: row.histogram.key.loop_id,
        site: row.histogram.key.site.as_ref().map(PlaceJson::from),
        pool: row.histogram.key.pool.as_deref(),
        sum_ns: row.histogram.sum_ns,
        hist: HistJson::from(&row.summary),
    });
    write_rows(out, rows, true)?;
    writeln!(out, "]}}")
}

/// Begins a document and leaves its object open.
fn open(out: &mut dyn Write, reading: &Histograms, rows: &[HistogramRow], total: u64) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<String>,
    }
    let dropped = reading.lost.saturating_add(reading.left_out);
    let head = Head {
        schema: SCHEMA,
        taken_at: rfc3339(reading.taken_at),
        processes: vec![(&reading.process).into()],
        counts: Some(Counts { total, shown: rows.len() as u64, dropped }),
    };
    write_unclosed(out, &Document { head, since: reading.since.map(rfc3339) })
}
