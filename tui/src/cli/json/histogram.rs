//! Histograms with every bucket.

use super::super::export::HistogramRow;
use super::value::{HistJson, PlaceJson, rfc3339};
use super::{Counts, Head, SCHEMA, write_rows, write_unclosed};
use loopscope_inspector::model::Histograms;
use serde::Serialize;
use std::io::{self, Write};

/// Which histogram.
#[derive(Debug, Serialize)]
struct KeyJson<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
}

impl<'a> From<&'a HistogramRow> for KeyJson<'a> {
    fn from(row: &'a HistogramRow) -> Self {
        let key = &row.histogram.key;
        Self {
            name: &row.name,
            kind: key.kind.as_str(),
            loop_id: key.loop_id,
            site: key.site.as_ref().map(PlaceJson::from),
            pool: key.pool.as_deref(),
        }
    }
}

/// One histogram; a bucket is `[low_ns, high_ns, count]`.
#[derive(Debug, Serialize)]
struct HistogramJson<'a> {
    #[serde(flatten)]
    key: KeyJson<'a>,
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
            key: row.into(),
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
    #[serde(flatten)]
    key: KeyJson<'a>,
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
        key: row.into(),
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
