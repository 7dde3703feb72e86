//! Values that occur in several tables: places, frames, histograms, times.

use loopscope_inspector::model::{Frame, Place, Summary, WallTime};
use serde::Serialize;

/// A place in a source file.
#[derive(Debug, Serialize)]
pub(crate) struct PlaceJson<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> From<&'a Place> for PlaceJson<'a> {
    fn from(place: &'a Place) -> Self {
        Self { file: &place.file, line: place.line, column: place.column }
    }
}

/// One frame of a stack.
#[derive(Debug, Serialize)]
pub(crate) struct FrameJson<'a> {
    function: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
}

impl<'a> From<&'a Frame> for FrameJson<'a> {
    fn from(frame: &'a Frame) -> Self {
        Self { function: &frame.function, at: frame.at.as_ref().map(PlaceJson::from) }
    }
}

/// What is said of a histogram.
#[derive(Debug, Serialize)]
#[serde(rename = "HIST")]
pub(crate) struct HistJson {
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p90_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p999_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p9999_ns: Option<u64>,
}

impl From<&Summary> for HistJson {
    fn from(summary: &Summary) -> Self {
        let &Summary { count, min_ns, max_ns, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns } = summary;
        Self { count, min_ns, max_ns, mean_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns }
    }
}

/// A time of the wall clock. Whatever number comes over the wire lies within the calendar: it ends in the year 2554.
pub(crate) fn rfc3339(time: WallTime) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.as_unix_ns()))
        .map_or_else(|_| time.as_unix_ns().to_string(), |timestamp| timestamp.to_string())
}
