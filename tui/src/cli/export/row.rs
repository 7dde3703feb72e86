//! A histogram as filters and sorting see it.

use loopscope_inspector::model::query::{Column, ColumnKind, Row, Value};
use loopscope_inspector::model::{Histogram, HistogramKind, Summary};
use std::borrow::Cow;

/// One histogram that is shown or written.
#[derive(Clone, Debug)]
pub(crate) struct HistogramRow {
    /// What it is called.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) histogram: Histogram,
    /// The same in a few numbers.
    pub(crate) summary: Summary,
}

impl HistogramRow {
    pub(crate) fn new(name: String, histogram: Histogram) -> Self {
        let summary = histogram.hist.summary();
        Self { name, histogram, summary }
    }
}

const fn column(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

impl Row for HistogramRow {
    const COLUMNS: &'static [Column] = &[
        column("name", ColumnKind::Text),
        column("kind", ColumnKind::OneOf(HistogramKind::NAMES)),
        column("loop", ColumnKind::Id),
        column("site", ColumnKind::Place),
        column("pool", ColumnKind::Text),
        column("count", ColumnKind::Number),
        column("sum", ColumnKind::Duration),
        column("min", ColumnKind::Duration),
        column("max", ColumnKind::Duration),
        column("mean", ColumnKind::Duration),
        column("p50", ColumnKind::Duration),
        column("p90", ColumnKind::Duration),
        column("p99", ColumnKind::Duration),
        column("p999", ColumnKind::Duration),
        column("p9999", ColumnKind::Duration),
    ];

    fn value(&self, column: usize) -> Value<'_> {
        let key = &self.histogram.key;
        match Self::COLUMNS.get(column).map_or("", |column| column.name) {
            "name" => Value::text(&self.name),
            "kind" => Value::text(key.kind.as_str()),
            "loop" => Value::maybe(key.loop_id),
            "site" => {
                key.site.as_ref().map_or(Value::Absent, |site| Value::Text(Cow::Owned(site.to_string())))
            }
            "pool" => Value::maybe_text(key.pool.as_deref()),
            "count" => Value::Number(self.summary.count),
            "sum" => Value::maybe(self.histogram.sum_ns),
            "min" => Value::maybe(self.summary.min_ns),
            "max" => Value::maybe(self.summary.max_ns),
            "mean" => Value::maybe(self.summary.mean_ns),
            "p50" => Value::maybe(self.summary.p50_ns),
            "p90" => Value::maybe(self.summary.p90_ns),
            "p99" => Value::maybe(self.summary.p99_ns),
            "p999" => Value::maybe(self.summary.p999_ns),
            "p9999" => Value::maybe(self.summary.p9999_ns),
            _ => Value::Absent,
        }
    }
}
