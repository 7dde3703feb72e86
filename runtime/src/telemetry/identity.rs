//! The word by which a reader knows that what it read belongs together: a seqlock over one entry of a table.
//!
//! ```text
//!   even ──begin──► (even, fields being written) ──publish──► odd ──retire──► even + 2 …
//!   free                                                      live            free
//! ```
//!
//! One writer (the loop) and any number of readers, none of which ever waits for another. A reader that meets a change tries
//! again a few times and then says "unknown"; it never blocks the writer, who does not know about readers.

use super::atomic::{Acquire, AtomicU32, Relaxed, Release, fence};

/// How often a reader tries before it says "unknown". A writer needs a few nanoseconds an entry, so the second try succeeds
/// unless the entry is reused all the time, and then no answer is the right answer.
const READ_TRIES: usize = 4;

/// The word of one entry. Zero is "free".
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Identity(AtomicU32);

impl Identity {
    /// The word that stands for generation `generation` being live.
    #[inline]
    pub(crate) fn live_word(generation: u32) -> u32 {
        (generation << 1) | 1
    }

    /// Writes a new life's fields: whoever reads meanwhile or before finds out.
    #[inline]
    pub(crate) fn publish(&self, generation: u32, fields: impl FnOnce()) {
        self.0.store(generation << 1, Relaxed);
        // Pairs with the reader's Acquire fence: whoever saw one of the fields below also sees the even word above.
        fence(Release);
        fields();
        // Pairs with the reader's Acquire load: whoever sees the odd word sees the fields.
        self.0.store(Self::live_word(generation), Release);
    }

    /// Ends the life: readers see a free entry.
    #[inline]
    pub(crate) fn retire(&self, generation: u32) {
        self.0.store(generation.wrapping_add(1) << 1, Release);
    }

    /// The word now, for the writer.
    #[inline]
    pub(crate) fn word(&self) -> u32 {
        self.0.load(Relaxed)
    }

    /// The generation the word stands for, live or free, for the writer.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.word() >> 1
    }

    /// Puts a free entry at a generation, for the writer.
    #[inline]
    pub(crate) fn set_free(&self, generation: u32) {
        self.0.store(generation << 1, Release);
    }

    /// Whether the entry lives in this very generation.
    #[inline]
    pub(crate) fn is_live(&self, generation: u32) -> bool {
        self.word() == Self::live_word(generation)
    }

    /// Reads fields that belong together, or `None` when the entry is free or changes faster than it can be read.
    #[inline]
    pub(crate) fn read<T>(&self, mut fields: impl FnMut() -> T) -> Option<T> {
        for _ in 0..READ_TRIES {
            let before = self.0.load(Acquire);
            if before & 1 == 0 {
                return None;
            }
            let value = fields();
            // Pairs with the writer's Release fence.
            fence(Acquire);
            if self.0.load(Relaxed) == before {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::telemetry::atomic::AtomicU64;
    use loom::sync::Arc;
    use loom::thread;

    #[derive(Default)]
    struct Entry {
        identity: Identity,
        first: AtomicU64,
        second: AtomicU64,
    }

    #[test]
    fn loom_a_reader_never_sees_fields_of_two_lives() {
        loom::model(|| {
            let entry = Arc::new(Entry::default());
            let writer = Arc::clone(&entry);
            let write = thread::spawn(move || {
                for life in 1..=2_u32 {
                    writer.identity.publish(life, || {
                        writer.first.store(u64::from(life), Relaxed);
                        writer.second.store(u64::from(life), Relaxed);
                    });
                    if life == 1 {
                        writer.identity.retire(life);
                    }
                }
            });
            let seen = entry.identity.read(|| (entry.first.load(Relaxed), entry.second.load(Relaxed)));
            if let Some((first, second)) = seen {
                assert_eq!(first, second);
                assert_ne!(first, 0);
            }
            write.join().unwrap();
        });
    }
}
