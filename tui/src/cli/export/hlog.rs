//! The interval log of HdrHistogram, version 1.2 with tags.

use super::hdr;
use super::row::HistogramRow;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};
use loopscope_inspector::model::{Histograms, WallTime};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// The greatest value of a line is for people, and by custom in milliseconds.
const MAX_VALUE_DIVISOR: f64 = 1_000_000.0;

/// What is kept from one interval to the next.
#[derive(Default)]
pub(super) struct Log {
    /// When the log begins, once it has begun; the times in it count from there.
    begun: Option<WallTime>,
    serializer: V2DeflateSerializer,
}

impl Log {
    /// Writes one interval, before the first one the head.
    pub(super) fn write(
        &mut self,
        out: &mut dyn Write,
        reading: &Histograms,
        rows: &[HistogramRow],
    ) -> io::Result<()> {
        let since = reading.since.unwrap_or(reading.taken_at).min(reading.taken_at);
        let is_first = self.begun.is_none();
        let begun = *self.begun.get_or_insert(since);
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(MAX_VALUE_DIVISOR);
        if is_first {
            builder.add_comment("[Histogram log format version 1.2]");
            builder.add_comment("[Values in nanoseconds, Interval_Max in milliseconds]");
            builder.with_start_time(SystemTime::from(begun)).with_base_time(SystemTime::from(begun));
        }
        let mut lines = Vec::new();
        let mut log = builder.begin_log_with(&mut lines, &mut self.serializer)?;
        let start = Duration::from_nanos(since.saturating_since_ns(begun));
        let length = Duration::from_nanos(reading.taken_at.saturating_since_ns(since));
        for row in rows {
            // A name is a valid tag by construction.
            let Some(tag) = Tag::new(&row.name) else { continue };
            log.write_histogram(&hdr::convert(&row.histogram.hist), start, length, Some(tag)).map_err(
                |error| match error {
                    IntervalLogWriterError::IoError(error) => error,
                    IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
                },
            )?;
        }
        // The writer begins with the divisor each time; it belongs into the head alone.
        let skipped =
            if is_first { 0 } else { lines.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1) };
        out.write_all(lines.get(skipped..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::hdr::tests::hist;
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use loopscope_inspector::model;

    fn row(name: &str, values: &[u64]) -> HistogramRow {
        let histogram = model::Histogram { hist: hist(values), ..model::Histogram::default() };
        HistogramRow::new(name.into(), histogram)
    }

    fn reading(since_s: u64, taken_s: u64) -> Histograms {
        let at = |seconds| WallTime(seconds * 1_000_000_000);
        Histograms { since: Some(at(since_s)), taken_at: at(taken_s), ..Histograms::default() }
    }

    fn payload(encoded: &str) -> Histogram<u64> {
        let bytes = base64(encoded);
        Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap()
    }

    /// The program itself never reads base 64, so it has no library for it.
    fn base64(text: &str) -> Vec<u8> {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|&digit| digit == byte));
        let mut bits = digits.flat_map(|digit| (0..6).rev().map(move |bit| u8::from(digit >> bit & 1 == 1)));
        let mut bytes = Vec::new();
        while let Some(first) = bits.next() {
            bytes.push(bits.by_ref().take(7).fold(first, |byte, bit| byte << 1 | bit));
        }
        bytes
    }

    #[test]
    fn a_log_of_intervals_is_read_back_with_its_times_tags_and_counts() {
        let mut log = Log::default();
        let mut out = Vec::new();
        let first = [row("poll.loop0", &[5, 5, 1_000_000]), row("poll.src/main.rs:40", &[5])];
        log.write(&mut out, &reading(100, 102), &first).unwrap();
        log.write(&mut out, &reading(102, 105), &[row("poll.loop0", &[7])]).unwrap();
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(
            text.starts_with(
                "#[Histogram log format version 1.2]\n#[Values in nanoseconds, Interval_Max in milliseconds]\n\
                 #[StartTime: 100.000 (seconds since epoch)]\n#[BaseTime: 100.000 (seconds since epoch)]\n\
                 #[MaxValueDivisor: 1000000.000]\nTag=poll.loop0,0.000,2.000,1.004,HIST"
            ),
            "{text}"
        );
        assert_eq!(text.matches('#').count(), 5, "{text}");
        let intervals: Vec<_> = IntervalLogIterator::new(&out)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .map(|interval| {
                let histogram = payload(interval.encoded_histogram());
                let tag = interval.tag().unwrap().as_str().to_owned();
                let times = (interval.start_timestamp().as_secs(), interval.duration().as_secs());
                (tag, times, histogram.len(), histogram.count_at(5))
            })
            .collect();
        assert_eq!(
            intervals,
            [
                ("poll.loop0".into(), (0, 2), 3, 2),
                ("poll.src/main.rs:40".into(), (0, 2), 1, 1),
                ("poll.loop0".into(), (2, 3), 1, 0),
            ]
        );
    }
}
