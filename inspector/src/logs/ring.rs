//! The latest lines: as many as fit into two limits, the oldest go first.

use super::fork_lock::ForkLock;
use crate::model::LogLine;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lines that are kept: minutes of what a busy service says, and a second of what it says when all is let through.
pub const LINES_MAX: usize = 4_096;
/// Bytes that they may take together, so that long lines cannot take more than so many short ones.
pub const BYTES_MAX: usize = 4 << 20;
/// Lines that are read at once, so that nobody who logs waits for a reader.
pub const READ_MAX: usize = 256;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In the order they were kept.
    pub lines: Vec<Arc<LogLine>>,
    /// Where to go on.
    pub next: u64,
    /// Lines between the number that was asked for and the first, which had to make room.
    pub missed: u64,
    /// Events since the process began that the filter let through and that were never kept.
    pub lost: u64,
}

#[derive(Debug)]
pub(super) struct Ring {
    kept: ForkLock<Kept>,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    /// With the bytes that each takes.
    lines: VecDeque<(Arc<LogLine>, usize)>,
    bytes: usize,
    /// The last number that was given.
    last: u64,
}

impl Kept {
    fn clear(&mut self) {
        *self = Self { lines: VecDeque::new(), bytes: 0, last: self.last };
    }

    fn push(&mut self, mut line: Arc<LogLine>, bytes: usize) {
        while self.lines.len() >= LINES_MAX || (self.bytes + bytes > BYTES_MAX && !self.lines.is_empty()) {
            if let Some((_, bytes)) = self.lines.pop_front() {
                self.bytes -= bytes;
            }
        }
        self.last += 1;
        if let Some(line) = Arc::get_mut(&mut line) {
            line.number = self.last;
        }
        self.bytes += bytes;
        self.lines.push_back((line, bytes));
    }

    fn read(&self, from: u64, max: usize) -> Batch {
        let first = self.last + 1 - self.lines.len() as u64;
        // Whoever asks for what is not there yet, as after a fork, begins with what comes.
        let from = from.clamp(1, self.last + 1);
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        let lines: Vec<_> =
            self.lines.iter().skip(skipped).take(max.min(READ_MAX)).map(|(line, _)| line.clone()).collect();
        let next = lines.last().map_or(from.max(first), |line| line.number + 1);
        Batch { lines, next, missed: first.saturating_sub(from), lost: 0 }
    }
}

/// What a line takes.
fn bytes_of(line: &LogLine) -> usize {
    let texts = line.target.len() + line.message.len() + line.file.as_ref().map_or(0, String::len);
    let fields: usize = line.fields.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
    let spans: usize = line.spans.iter().map(|name| name.len() + 24).sum();
    size_of::<LogLine>() + texts + fields + spans
}

impl Ring {
    pub(super) const fn new() -> Self {
        let kept = Kept { lines: VecDeque::new(), bytes: 0, last: 0 };
        Self { kept: ForkLock::new(kept), lost: AtomicU64::new(0) }
    }

    /// Keeps a line and gives it its number.
    pub(super) fn push(&self, line: LogLine) {
        let bytes = bytes_of(&line);
        let line = Arc::new(line);
        match self.kept.lock(Kept::clear) {
            Some(mut kept) => kept.push(line, bytes),
            None => self.lose(),
        }
    }

    /// Counts an event that cannot be kept.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self, from: u64, max: usize) -> Batch {
        let batch = match self.kept.lock(Kept::clear) {
            Some(kept) => kept.read(from, max),
            None => Batch { next: from, ..Batch::default() },
        };
        Batch { lost: self.lost.load(Relaxed), ..batch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(length: usize) -> LogLine {
        LogLine { message: "x".repeat(length), ..LogLine::default() }
    }

    fn numbers(batch: &Batch) -> Vec<u64> {
        batch.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn lines_are_numbered_from_one_and_read_from_where_one_left_off() {
        let ring = Ring::new();
        assert_eq!((numbers(&ring.read(0, 10)), ring.read(0, 10).next), (vec![], 1));
        for _ in 0..5 {
            ring.push(line(1));
        }
        let batch = ring.read(0, 3);
        assert_eq!((numbers(&batch), batch.next, batch.missed), (vec![1, 2, 3], 4, 0));
        let batch = ring.read(batch.next, 3);
        assert_eq!((numbers(&batch), batch.next, batch.missed), (vec![4, 5], 6, 0));
        let batch = ring.read(batch.next, 3);
        assert_eq!((numbers(&batch), batch.next, batch.missed), (vec![], 6, 0));
        assert_eq!(ring.read(u64::MAX, usize::MAX).next, 6, "a number from nowhere is no way out of range");
    }

    #[test]
    fn the_oldest_make_room_and_whoever_comes_late_is_told_how_many_he_missed() {
        let ring = Ring::new();
        for _ in 0..LINES_MAX + 10 {
            ring.push(line(1));
        }
        let batch = ring.read(3, 2);
        assert_eq!((numbers(&batch), batch.next, batch.missed), (vec![11, 12], 13, 8));
        assert_eq!(ring.read(0, usize::MAX).lines.len(), READ_MAX);
    }

    #[test]
    fn long_lines_are_limited_by_their_bytes() {
        let ring = Ring::new();
        for _ in 0..100 {
            ring.push(line(BYTES_MAX / 4));
        }
        assert_eq!(numbers(&ring.read(0, 100)), [98, 99, 100]);
        ring.push(line(BYTES_MAX * 2));
        assert_eq!(numbers(&ring.read(0, 100)), [101], "one is always kept");
        ring.push(line(1));
        assert_eq!(numbers(&ring.read(0, 100)), [102]);
    }

    proptest! {
        #[test]
        fn whoever_follows_sees_every_line_once_or_is_told_that_it_is_gone(
            steps in prop::collection::vec((0..40usize, 0..20usize), 1..60),
        ) {
            let ring = Ring::new();
            let (mut from, mut seen, mut missed, mut pushed) = (1, 0, 0, 0);
            for (pushes, max) in steps {
                for _ in 0..pushes {
                    ring.push(line(BYTES_MAX / 30));
                }
                pushed += pushes as u64;
                let batch = ring.read(from, max);
                missed += batch.missed;
                seen += batch.lines.len() as u64;
                prop_assert!(batch.lines.is_sorted_by_key(|line| line.number));
                from = batch.next;
            }
            loop {
                let batch = ring.read(from, READ_MAX);
                missed += batch.missed;
                seen += batch.lines.len() as u64;
                from = batch.next;
                if batch.lines.is_empty() { break; }
            }
            prop_assert_eq!(seen + missed, pushed);
        }
    }
}
