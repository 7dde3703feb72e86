//! A hierarchical timing wheel over entries that live elsewhere: constant time to insert and to cancel.
//!
//! Nine levels of 64 slots. Level 0 has the resolution of a tick; a slot of level *n* spans a whole turn of level *n - 1* and
//! is spread over the lower levels when the wheel reaches it. Entries are linked in order of insertion, and those of one tick
//! fire in order of their exact deadline.
//!
//! # Invariants
//!
//! An entry stands in at most one slot; the slot's bit is set exactly while the slot is not empty; every entry's tick is later
//! than the wheel's.

use crate::telemetry::waiter::NIL;

const LEVELS: usize = 9;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Ticks that the wheel spans; what is later waits in the last level and is put in order when its slot comes.
const SPAN: u64 = 1 << (SLOT_BITS as usize * LEVELS);

/// The entries a wheel links.
pub(crate) trait Nodes {
    /// Link to the previous entry.
    fn prev(&self, index: u32) -> u32;
    /// Link to the next entry.
    fn next(&self, index: u32) -> u32;
    fn set_prev(&self, index: u32, to: u32);
    fn set_next(&self, index: u32, to: u32);
    /// The slot that the entry stands in.
    fn slot(&self, index: u32) -> u16;
    fn set_slot(&self, index: u32, slot: u16);
    /// When the entry is due, in nanoseconds.
    fn deadline(&self, index: u32) -> u64;
}

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The tick the wheel stands at: everything due by then has fired.
    now: u64,
    /// A tick is `1 << shift` nanoseconds.
    shift: u32,
    occupied: [u64; LEVELS],
    /// First and last entry of every slot; the last is only meant if there is a first.
    ends: Box<[(u32, u32)]>,
    len: usize,
    due: Vec<(u64, u32)>,
}

impl Wheel {
    /// An empty wheel with ticks of `1 << shift` nanoseconds, standing at `now_ns`.
    pub(crate) fn new(shift: u32, now_ns: u64) -> Self {
        Self {
            now: now_ns >> shift,
            shift,
            occupied: [0; LEVELS],
            ends: vec![(NIL, NIL); LEVELS * SLOTS].into(),
            len: 0,
            due: Vec::new(),
        }
    }

    /// Entries in the wheel.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The first tick that is not before `ns`.
    #[inline]
    fn tick_of(&self, ns: u64) -> u64 {
        (ns >> self.shift) + u64::from(ns & ((1 << self.shift) - 1) != 0)
    }

    #[inline]
    fn slot_for(&self, tick: u64) -> usize {
        // The highest bit in which the tick differs from now says how many levels up it belongs.
        let distance = ((self.now ^ tick) | (SLOTS as u64 - 1)).min(SPAN - 1);
        let level = distance.ilog2() / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS)) & (SLOTS as u64 - 1);
        level as usize * SLOTS + usize::try_from(slot).unwrap_or(0)
    }

    /// Puts an entry in, due at its deadline or, if that is past, at the next tick.
    #[inline]
    pub(crate) fn insert(&mut self, nodes: &impl Nodes, index: u32) {
        self.len += 1;
        self.link(nodes, index);
    }

    #[inline]
    fn link(&mut self, nodes: &impl Nodes, index: u32) {
        let tick = self.tick_of(nodes.deadline(index)).max(self.now + 1);
        // What is beyond the span waits in the farthest slot and is put in order when that comes.
        let tick = tick.min((self.now | (SPAN - 1)).max(self.now + 1));
        let slot = self.slot_for(tick);
        nodes.set_next(index, NIL);
        #[expect(clippy::cast_possible_truncation, reason = "576 slots")]
        nodes.set_slot(index, slot as u16);
        let (head, last) = self.ends[slot];
        if head == NIL {
            nodes.set_prev(index, NIL);
            self.ends[slot] = (index, index);
            self.occupied[slot / SLOTS] |= 1 << (slot % SLOTS);
        } else {
            nodes.set_next(last, index);
            nodes.set_prev(index, last);
            self.ends[slot].1 = index;
        }
    }

    /// Takes an entry out before it fired.
    #[inline]
    pub(crate) fn remove(&mut self, nodes: &impl Nodes, index: u32) {
        self.len -= 1;
        let slot = usize::from(nodes.slot(index));
        let (prev, next) = (nodes.prev(index), nodes.next(index));
        let ends = &mut self.ends[slot];
        if prev == NIL {
            ends.0 = next;
        } else {
            nodes.set_next(prev, next);
        }
        if next == NIL {
            ends.1 = prev;
        } else {
            nodes.set_prev(next, prev);
        }
        if ends.0 == NIL {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    /// The next slot that holds anything: its number and the tick at which it begins.
    #[inline]
    fn next_slot(&self) -> Option<(usize, u64)> {
        (0..LEVELS).find_map(|level| {
            let occupied = self.occupied[level];
            if occupied == 0 {
                return None;
            }
            let bits = SLOT_BITS * u32::try_from(level).unwrap_or(0);
            let at = (self.now >> bits) & (SLOTS as u64 - 1);
            let ahead = occupied.rotate_right(u32::try_from(at).unwrap_or(0)).trailing_zeros();
            let slot = (at + u64::from(ahead)) & (SLOTS as u64 - 1);
            let turn = 1_u64 << (bits + SLOT_BITS);
            let mut tick = (self.now & !(turn - 1)) + (slot << bits);
            if tick <= self.now {
                // Only the last level wraps: what lies in the others is in the present turn and ahead.
                tick += turn;
            }
            Some((level * SLOTS + usize::try_from(slot).unwrap_or(0), tick))
        })
    }

    /// The nanosecond at which the wheel must be advanced next: the earliest deadline, rounded up to its tick, or the moment
    /// at which a slot is to be spread.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        // A slot may begin after the last nanosecond there is.
        self.next_slot().map(|(_, tick)| tick.saturating_mul(1 << self.shift))
    }

    /// Advances to `now_ns` and hands every entry that is due to `fire`, unlinked, in order of deadline.
    pub(crate) fn advance(&mut self, nodes: &impl Nodes, now_ns: u64, mut fire: impl FnMut(u32)) {
        let to = now_ns >> self.shift;
        while let Some((slot, tick)) = self.next_slot() {
            if tick > to {
                break;
            }
            self.now = tick;
            self.take_slot(nodes, slot);
            let due = std::mem::take(&mut self.due);
            for (_, index) in &due {
                self.len -= 1;
                fire(*index);
            }
            self.due = due;
            self.due.clear();
        }
        self.now = self.now.max(to);
    }

    /// Empties a slot: what is due goes to `due`, the rest to lower levels.
    fn take_slot(&mut self, nodes: &impl Nodes, slot: usize) {
        let (mut index, _) = std::mem::replace(&mut self.ends[slot], (NIL, NIL));
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        let mut order = 0;
        while index != NIL {
            let next = nodes.next(index);
            let deadline = nodes.deadline(index);
            if self.tick_of(deadline) <= self.now {
                self.due.push((deadline, index));
                order += 1;
            } else {
                self.link(nodes, index);
            }
            index = next;
        }
        // Equal deadlines keep their order of insertion, which the list has and index order has not.
        if order > 1 {
            self.due.sort_by_key(|(deadline, _)| *deadline);
        }
    }

    /// Moves an empty wheel on, so that the next insertion is measured from `now_ns`.
    pub(crate) fn skip_to(&mut self, now_ns: u64) {
        debug_assert_eq!(self.len, 0);
        self.now = self.now.max(now_ns >> self.shift);
    }

    /// Forgets all entries.
    pub(crate) fn clear(&mut self, shift: u32, now_ns: u64) {
        self.ends.fill((NIL, NIL));
        self.occupied = [0; LEVELS];
        self.len = 0;
        self.shift = shift;
        self.now = now_ns >> shift;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    struct Table(Vec<[Cell<u32>; 2]>, Vec<Cell<u16>>, Vec<u64>);

    impl Table {
        fn new(deadlines: Vec<u64>) -> Self {
            let len = deadlines.len();
            Self((0..len).map(|_| [const { Cell::new(0) }; 2]).collect(), vec![Cell::new(0); len], deadlines)
        }
    }

    impl Nodes for Table {
        fn prev(&self, index: u32) -> u32 {
            self.0[index as usize][0].get()
        }
        fn next(&self, index: u32) -> u32 {
            self.0[index as usize][1].get()
        }
        fn set_prev(&self, index: u32, to: u32) {
            self.0[index as usize][0].set(to);
        }
        fn set_next(&self, index: u32, to: u32) {
            self.0[index as usize][1].set(to);
        }
        fn slot(&self, index: u32) -> u16 {
            self.1[index as usize].get()
        }
        fn set_slot(&self, index: u32, slot: u16) {
            self.1[index as usize].set(slot);
        }
        fn deadline(&self, index: u32) -> u64 {
            self.2[index as usize]
        }
    }

    fn fired(wheel: &mut Wheel, table: &Table, now: u64) -> Vec<u32> {
        let mut fired = Vec::new();
        wheel.advance(table, now, |index| fired.push(index));
        fired
    }

    #[test]
    fn entries_fire_at_their_tick_in_order_of_deadline_then_of_insertion() {
        let table = Table::new(vec![500, 100, 300, 100, 5_000_000]);
        let mut wheel = Wheel::new(0, 0);
        for index in 0..5 {
            wheel.insert(&table, index);
        }
        assert_eq!(wheel.next_due_ns(), Some(64), "the slot of 100 is to be spread at 64");
        assert_eq!(fired(&mut wheel, &table, 99), []);
        assert_eq!(wheel.next_due_ns(), Some(100));
        assert_eq!(fired(&mut wheel, &table, 499), [1, 3, 2]);
        assert_eq!(fired(&mut wheel, &table, 500), [0]);
        assert_eq!(fired(&mut wheel, &table, u64::MAX >> 1), [4]);
        assert_eq!((wheel.len(), wheel.next_due_ns()), (0, None));
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_tick_and_one_beyond_the_span_waits() {
        let table = Table::new(vec![5, u64::MAX >> 1]);
        let mut wheel = Wheel::new(0, 1000);
        wheel.insert(&table, 0);
        wheel.insert(&table, 1);
        assert_eq!(fired(&mut wheel, &table, 1001), [0]);
        assert_eq!(fired(&mut wheel, &table, (u64::MAX >> 1) - 1), []);
        assert_eq!(fired(&mut wheel, &table, u64::MAX >> 1), [1]);
    }

    #[test]
    fn the_end_of_time_is_due_at_the_end_of_time() {
        let table = Table::new(vec![u64::MAX]);
        let mut wheel = Wheel::new(18, 1 << 50);
        wheel.insert(&table, 0);
        assert_eq!(wheel.next_due_ns(), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn the_wheel_agrees_with_a_sorted_list(
            shift in prop_oneof![Just(0_u32), Just(17)],
            deadlines in proptest::collection::vec(prop_oneof![0..1000_u64, 0..10_000_000_u64, 0..(1_u64 << 45), 0..(1_u64 << 62)], 1..120),
            cancelled in proptest::collection::vec(any::<bool>(), 120),
            steps in proptest::collection::vec(prop_oneof![0..1000_u64, 0..50_000_000_u64, 0..(1_u64 << 46), 0..(1_u64 << 60)], 1..12),
        ) {
            let table = Table::new(deadlines.clone());
            let mut wheel = Wheel::new(shift, 0);
            let mut pending: Vec<u32> = (0..u32::try_from(deadlines.len()).unwrap()).collect();
            for index in &pending {
                wheel.insert(&table, *index);
            }
            pending.retain(|index| {
                let cancel = cancelled[*index as usize];
                if cancel {
                    wheel.remove(&table, *index);
                }
                !cancel
            });
            let mut now = 0_u64;
            for step in steps {
                now += step;
                let tick = |ns: u64| ns.div_ceil(1 << shift).max(1);
                let got = fired(&mut wheel, &table, now);
                let (mut want, rest): (Vec<u32>, Vec<u32>) =
                    pending.iter().partition(|index| tick(deadlines[**index as usize]) <= now >> shift);
                want.sort_by_key(|index| (tick(deadlines[*index as usize]), deadlines[*index as usize], *index));
                pending = rest;
                prop_assert_eq!(got, want);
                prop_assert_eq!(wheel.len(), pending.len());
                if let Some(due) = wheel.next_due_ns() {
                    let earliest = pending.iter().map(|index| tick(deadlines[*index as usize]) << shift).min().unwrap();
                    prop_assert!(now < due && due <= earliest, "{} < {} <= {}", now, due, earliest);
                }
            }
        }
    }
}
