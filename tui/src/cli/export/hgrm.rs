//! HdrHistogram's table of percentiles, as `outputPercentileDistribution` writes it, one after the other.

use super::super::json::rfc3339;
use super::hdr;
use super::row::HistogramRow;
use hdrhistogram::Histogram;
use loopscope_inspector::model::Histograms;
use std::io::{self, Write};

/// Lines for each halving of the distance to 100 %, as HdrHistogram has them unless told otherwise.
const TICKS: u32 = 5;

/// Writes the histograms, each below a comment with its name and time.
pub(super) fn write(out: &mut dyn Write, reading: &Histograms, rows: &[HistogramRow]) -> io::Result<()> {
    let since = reading.since.map(|since| format!("from {} ", rfc3339(since))).unwrap_or_default();
    for row in rows {
        writeln!(out, "#[Histogram {}, in nanoseconds, {since}to {}]", row.name, rfc3339(reading.taken_at))?;
        write_table(out, &hdr::convert(&row.histogram.hist))?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_table(out: &mut dyn Write, histogram: &Histogram<u64>) -> io::Result<()> {
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total: u64 = 0;
    for step in histogram.iter_quantiles(TICKS) {
        total = total.saturating_add(step.count_since_last_iteration());
        let (value, quantile) = (number(step.value_iterated_to()), step.quantile_iterated_to());
        write!(out, "{value:12.2} {quantile:2.12} {total:10}")?;
        if quantile < 1.0 {
            write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "#[Mean    = {:12.2}, StdDeviation   = {:12.2}]", histogram.mean(), histogram.stdev())?;
    writeln!(out, "#[Max     = {:12.2}, Total count    = {:12}]", number(histogram.max()), histogram.len())?;
    // What the digits make of it: the first bucket has twice the steps of the others.
    writeln!(out, "#[Buckets = {:12}, SubBuckets     = {:12}]", histogram.buckets(), 256)
}

#[expect(clippy::cast_precision_loss, reason = "as the format has it")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::super::hdr::tests::hist;
    use super::*;
    use loopscope_inspector::model::{self, WallTime};

    #[test]
    fn tables_of_percentiles_stand_below_their_names() {
        let values: Vec<u64> = (1..=100).map(|step| step * 1_000).collect();
        let row = |name: &str, values: &[u64]| {
            let histogram = model::Histogram { hist: hist(values), ..model::Histogram::default() };
            HistogramRow::new(name.into(), histogram)
        };
        let reading = Histograms {
            since: Some(WallTime(0)),
            taken_at: WallTime(1_500_000_000),
            ..Histograms::default()
        };
        let mut out = Vec::new();
        write(&mut out, &reading, &[row("poll.loop0", &values), row("lateness.loop0", &[7])]).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
