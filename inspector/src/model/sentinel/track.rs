//! Numbers over time: whether they only grew through a window.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The most readings of one track: a minute of them.
pub const READINGS_MAX: usize = 64;

/// The most tracks of one kind.
pub const TRACKS_MAX: usize = 1_000;

/// Tracks of one kind, by what they are of.
#[derive(Debug)]
pub(super) struct Tracks<K, V> {
    tracks: HashMap<K, VecDeque<(u64, V)>>,
}

impl<K, V> Default for Tracks<K, V> {
    fn default() -> Self {
        Self { tracks: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Tracks<K, V> {
    /// Takes the values of one reading. What is not among them is forgotten: it is gone, or too small to be looked at.
    pub(super) fn take(&mut self, at_ns: u64, values: impl IntoIterator<Item = (K, V)>) {
        for (key, value) in values {
            if self.tracks.len() >= TRACKS_MAX && !self.tracks.contains_key(&key) {
                continue;
            }
            let track = self.tracks.entry(key).or_default();
            if track.len() >= READINGS_MAX {
                track.pop_front();
            }
            track.push_back((at_ns, value));
        }
        self.tracks.retain(|_, track| track.back().is_some_and(|last| last.0 == at_ns));
    }

    /// The readings of a whole window, without a gap; `None` if there are not as many yet.
    pub(super) fn window(&self, key: &K, window_ns: u64) -> Option<Window<'_, V>> {
        let track = self.tracks.get(key)?;
        let &(end, _) = track.back()?;
        let start = end.checked_sub(window_ns)?;
        let first = track.iter().rposition(|(at, _)| *at <= start)?;
        let readings = || track.iter().skip(first);
        // Between two readings anything may have happened, also that the process was stopped.
        let gap_max = window_ns / 3;
        let has_gap = readings().zip(readings().skip(1)).any(|(a, b)| b.0 - a.0 > gap_max);
        (!has_gap).then_some(Window { track, first })
    }
}

/// The readings of a window, the oldest first.
#[derive(Debug)]
pub(super) struct Window<'a, V> {
    track: &'a VecDeque<(u64, V)>,
    first: usize,
}

impl<V> Window<'_, V> {
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.track.iter().skip(self.first).map(|(_, value)| value)
    }

    pub(super) fn first(&self) -> &V {
        &self.track[self.first].1
    }

    pub(super) fn last(&self) -> &V {
        &self.track[self.track.len() - 1].1
    }

    /// From the first to the last reading.
    pub(super) fn span_ns(&self) -> u64 {
        self.track[self.track.len() - 1].0 - self.track[self.first].0
    }

    /// How much a number grew if it never fell and grew in each third of the window, a tenth of the whole at least.
    pub(super) fn growth(&self, number: impl Fn(&V) -> u64) -> Option<u64> {
        if !self.values().map(&number).is_sorted() {
            return None;
        }
        let (start, span) = (self.track[self.first].0, self.span_ns());
        let at_third = |third: u64| {
            let until = start + span / 3 * third;
            let before = self.track.iter().skip(self.first).take_while(|(at, _)| *at <= until).last();
            before.map_or(0, |(_, value)| number(value))
        };
        let steps = [at_third(0), at_third(1), at_third(2), number(self.last())];
        let grown = steps[3] - steps[0];
        let part_min = (grown / 10).max(1);
        steps.windows(2).all(|step| step[1] - step[0] >= part_min).then_some(grown)
    }
}
