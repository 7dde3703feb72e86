//! Every histogram of a process, with exact counts: what exporters write.
//!
//! # Names
//!
//! A histogram is called by its kind and what it is of: `poll.loop0`, `poll.src/main.rs:40`, `waited.default`. One of a place is the sum
//! over all loops. Where two places stand in one line the column is added. What a tag of an HdrHistogram log may not hold (blanks,
//! commas, control characters, what is not ASCII) is written as `%` and two hexadecimal digits for each byte, and so is `%`.

use super::name::named;
use super::{Hist, Place, Process, WallTime};
use std::collections::{BTreeMap, BTreeSet};

named! {
    /// What a histogram is of.
    #[derive(Default)]
    "kind of histogram" HistogramKind {
        /// How long polls took; of a spawn site, or of a loop.
        #[default]
        Poll = "poll",
        /// How long tasks stood in the run queue; of a spawn site, or of a loop.
        Scheduled = "scheduled",
        /// How late timers fired; of a loop.
        Lateness = "lateness",
        /// How long the loop slept in the OS; of a loop.
        IoWait = "io_wait",
        /// How long after readiness a read came; of the place where descriptors are made, or of a loop.
        ReadinessDelay = "readiness_delay",
        /// How long jobs waited for a thread; of a pool.
        Waited = "waited",
        /// How long jobs ran; of a pool.
        Ran = "ran",
    }
}

/// What tells one histogram of a process from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HistogramKey {
    /// What of.
    pub kind: HistogramKind,
    /// The loop; `None` of a pool, and of a sum over several.
    pub loop_id: Option<u64>,
    /// The spawn site, or where descriptors are made; `None` of a whole loop.
    pub site: Option<Place>,
    /// The pool.
    pub pool: Option<String>,
}

/// One histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Which.
    pub key: HistogramKey,
    /// The exact sum of its values; `None` where it is not kept.
    pub sum_ns: Option<u64>,
    /// Its values.
    pub hist: Hist,
}

/// All histograms that were asked for, at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histograms {
    /// When the first was read.
    pub taken_at: WallTime,
    /// When counting began: when the oldest of the loops was made, or when the reading before was taken.
    pub since: Option<WallTime>,
    /// The process.
    pub process: Process,
    /// Values that found no room in any histogram.
    pub lost: u64,
    /// Histograms left out because there were too many.
    pub left_out: u64,
    /// The histograms; none is empty.
    pub rows: Vec<Histogram>,
}

impl Histogram {
    /// What was recorded since `earlier`, of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.sum_ns;
        Self {
            key: self.key.clone(),
            sum_ns: self.sum_ns.zip(before).map(|(now, before)| now.saturating_sub(before)),
            hist: self.hist.since(&earlier.hist),
        }
    }

    fn add(&mut self, other: &Self) {
        self.sum_ns = self.sum_ns.zip(other.sum_ns).map(|(a, b)| a.saturating_add(b));
        self.hist.merge(&other.hist);
        if self.key.loop_id != other.key.loop_id {
            self.key.loop_id = None;
        }
    }
}

impl Histograms {
    /// What was recorded since an earlier reading. A loop that ended in between is in neither; one that began is there in full.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before: BTreeMap<&HistogramKey, &Histogram> =
            earlier.rows.iter().map(|row| (&row.key, row)).collect();
        let rows = self.rows.iter().map(|row| match before.get(&row.key) {
            Some(before) => row.since(before),
            None => row.clone(),
        });
        Self {
            taken_at: self.taken_at,
            since: Some(earlier.taken_at),
            process: self.process.clone(),
            lost: self.lost.saturating_sub(earlier.lost),
            left_out: self.left_out,
            rows: rows.filter(|row| !row.hist.is_empty()).collect(),
        }
    }
}

/// Gives histograms their names, the same ones in every reading.
#[derive(Debug, Default)]
pub struct Names {
    by_key: BTreeMap<HistogramKey, String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// Sums the histograms of a place over the loops, and gives each its name. In the order of kinds, places before loops.
    pub fn name(&mut self, rows: &[Histogram]) -> Vec<(String, Histogram)> {
        let mut sums: BTreeMap<HistogramKey, Histogram> = BTreeMap::new();
        for row in rows {
            let mut key = row.key.clone();
            if key.site.is_some() {
                key.loop_id = None;
            }
            sums.entry(key).and_modify(|sum| sum.add(row)).or_insert_with(|| row.clone());
        }
        // Who shares a line with another is told apart by the column, both of them.
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        for key in sums.keys() {
            *lines.entry(short(key)).or_default() += 1;
        }
        let mut named: Vec<(String, Histogram)> = Vec::with_capacity(sums.len());
        for (key, sum) in sums {
            let name = if let Some(name) = self.by_key.get(&key) {
                name.clone()
            } else {
                let short = short(&key);
                let is_alone = lines.get(&short) == Some(&1) && !self.taken.contains(&short);
                let name = if is_alone { short } else { long(&key) };
                self.taken.insert(name.clone());
                self.by_key.insert(key.clone(), name.clone());
                name
            };
            named.push((name, sum));
        }
        named
    }
}

/// `poll.src/main.rs:40`
fn short(key: &HistogramKey) -> String {
    named_of(key, |place| format!("{}:{}", place.file, place.line))
}

/// `poll.src/main.rs:40:5`
fn long(key: &HistogramKey) -> String {
    named_of(key, ToString::to_string)
}

fn named_of(key: &HistogramKey, place: impl Fn(&Place) -> String) -> String {
    let of = match (&key.site, &key.pool, key.loop_id) {
        (Some(site), _, _) => place(site),
        (None, Some(pool), _) => pool.clone(),
        (None, None, Some(number)) => format!("loop{number}"),
        (None, None, None) => "all".to_owned(),
    };
    tag(&format!("{}.{of}", key.kind))
}

/// A name in the characters that a tag may have.
fn tag(name: &str) -> String {
    use std::fmt::Write as _;
    let mut tag = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b',' && byte != b'%' {
            tag.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(tag, "%{byte:02X}");
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bucket;

    fn row(kind: HistogramKind, loop_id: u64, site: impl Into<Option<Place>>, values: &[u64]) -> Histogram {
        let buckets =
            values.iter().map(|&value| Bucket { low_ns: value, high_ns: value, count: 1 }).collect();
        let key = HistogramKey { kind, loop_id: Some(loop_id), site: site.into(), pool: None };
        Histogram { key, sum_ns: Some(values.iter().sum()), hist: Hist::from_buckets(buckets) }
    }

    fn at(line: u32, column: u32) -> Place {
        Place::new("src/main.rs", line, column)
    }

    fn named(rows: &[Histogram]) -> Vec<(String, u64, Option<u64>)> {
        let named = Names::default().name(rows);
        named.into_iter().map(|(name, row)| (name, row.hist.count(), row.key.loop_id)).collect()
    }

    #[test]
    fn a_place_is_summed_over_the_loops_and_a_loop_is_itself() {
        use HistogramKind::{Lateness, Poll};
        let rows = [
            row(Poll, 0, at(40, 5), &[1, 2]),
            row(Poll, 0, None, &[1, 2]),
            row(Poll, 1, at(40, 5), &[3]),
            row(Poll, 1, at(50, 5), &[4]),
            row(Lateness, 0, None, &[9]),
        ];
        assert_eq!(
            named(&rows),
            [
                ("poll.src/main.rs:40".into(), 3, None),
                ("poll.src/main.rs:50".into(), 1, Some(1)),
                ("poll.loop0".into(), 2, Some(0)),
                ("lateness.loop0".into(), 1, Some(0)),
            ]
        );
        let sums: Vec<_> = Names::default().name(&rows).into_iter().map(|(_, row)| row.sum_ns).collect();
        assert_eq!(sums, [Some(6), Some(4), Some(3), Some(9)]);
    }

    #[test]
    fn places_of_one_line_are_told_apart_by_the_column() {
        use HistogramKind::Poll;
        let mut names = Names::default();
        let of = |names: &mut Names, rows: &[Histogram]| {
            names.name(rows).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let rows =
            [row(Poll, 0, at(40, 5), &[1]), row(Poll, 0, at(40, 25), &[1]), row(Poll, 0, at(9, 1), &[1])];
        let first = of(&mut names, &rows);
        assert_eq!(first, ["poll.src/main.rs:9", "poll.src/main.rs:40:5", "poll.src/main.rs:40:25"]);
        // A name is kept, whatever comes later.
        let later =
            [row(Poll, 0, at(9, 30), &[1]), row(Poll, 0, at(9, 1), &[1]), row(Poll, 0, at(40, 5), &[1])];
        let second = of(&mut names, &later);
        assert_eq!(second, ["poll.src/main.rs:9", "poll.src/main.rs:9:30", "poll.src/main.rs:40:5"]);
    }

    #[test]
    fn a_tag_holds_nothing_that_would_end_it() {
        assert_eq!(tag("poll.my dir/a,b%c.rs:1"), "poll.my%20dir/a%2Cb%25c.rs:1");
        assert_eq!(tag("poll.gr\u{fc}n.rs\n"), "poll.gr%C3%BCn.rs%0A");
    }

    #[test]
    fn an_interval_is_the_difference_of_two_readings() {
        use HistogramKind::Poll;
        let reading = |at_ns, rows: &[Histogram]| Histograms {
            taken_at: WallTime(at_ns),
            rows: rows.to_vec(),
            lost: at_ns,
            ..Histograms::default()
        };
        let before = reading(100, &[row(Poll, 0, None, &[1, 2]), row(Poll, 1, None, &[7])]);
        let after = reading(300, &[row(Poll, 0, None, &[1, 2, 2, 5]), row(Poll, 2, None, &[8])]);
        let interval = after.since(&before);
        assert_eq!(
            (interval.since, interval.taken_at, interval.lost),
            (Some(WallTime(100)), WallTime(300), 200)
        );
        assert_eq!(interval.rows, [row(Poll, 0, None, &[2, 5]), row(Poll, 2, None, &[8])]);
        assert_eq!(after.since(&after).rows, []);
    }

    #[test]
    fn a_sum_that_is_not_known_everywhere_is_not_known() {
        use HistogramKind::Scheduled;
        let unknown = Histogram { sum_ns: None, ..row(Scheduled, 1, at(1, 1), &[5]) };
        let named = Names::default().name(&[row(Scheduled, 0, at(1, 1), &[5]), unknown.clone()]);
        assert_eq!((named[0].1.sum_ns, named[0].1.hist.count()), (None, 2));
        assert_eq!(unknown.since(&unknown).sum_ns, None);
    }
}
