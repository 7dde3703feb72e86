//! The life of an entry, and what is counted of those that have none.

use super::*;

impl Figures for u32 {
    fn differs(&self, told: &Self) -> bool {
        self != told
    }
}

/// Something without a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Nameless(u8);

impl Key for Nameless {
    fn number(&self) -> Option<u64> {
        None
    }
}

/// One turn in which these are offered. Returns what became of them, and which are gone.
fn turn<K: Key>(ledger: &mut Ledger<K, u32>, offers: &[(K, u32)]) -> (Vec<Offer>, Vec<u64>) {
    ledger.begin();
    let become_of = offers.iter().map(|&(key, figures)| ledger.offer(key, figures)).collect();
    let mut gone = Vec::new();
    ledger.end(|_, number, _| gone.push(number));
    gone.sort_unstable();
    (become_of, gone)
}

#[test]
fn a_client_is_told_what_is_new_what_has_changed_and_what_is_gone_once() {
    let mut ledger = Ledger::new(8);
    assert_eq!(turn(&mut ledger, &[(7, 1), (9, 1)]), (vec![Offer::New(7), Offer::New(9)], vec![]));
    assert_eq!(turn(&mut ledger, &[(7, 1), (9, 2)]), (vec![Offer::Same(7), Offer::Changed(9)], vec![]));
    assert_eq!(turn(&mut ledger, &[(9, 2)]), (vec![Offer::Same(9)], vec![7]));
    assert_eq!(turn(&mut ledger, &[(9, 2)]), (vec![Offer::Same(9)], vec![]));
    assert_eq!((ledger.told(&7), ledger.told(&9)), (None, Some(&2)));
}

#[test]
fn what_comes_back_soon_is_introduced_anew_under_its_number() {
    let mut ledger = Ledger::new(8);
    let (read, write) = (Nameless(0), Nameless(1));
    let first = turn(&mut ledger, &[(read, 1)]).0[0];
    assert_eq!(first, Offer::New(NUMBERS_FROM));
    assert_eq!(turn(&mut ledger, &[(write, 1)]), (vec![Offer::New(NUMBERS_FROM + 1)], vec![NUMBERS_FROM]));
    assert_eq!(turn(&mut ledger, &[(read, 1)]), (vec![first], vec![NUMBERS_FROM + 1]));
}

#[test]
fn a_number_is_used_again_when_the_client_has_forgotten_what_had_it() {
    let mut ledger = Ledger::new(1 << 20);
    turn(&mut ledger, &[(Nameless(0), 1)]);
    for _ in 0..GONE_TURNS {
        let (offers, _) = turn(&mut ledger, &[(Nameless(1), 1)]);
        assert_ne!(offers, [Offer::New(NUMBERS_FROM)]);
    }
    assert_eq!(turn(&mut ledger, &[(Nameless(2), 1)]).0, [Offer::New(NUMBERS_FROM)]);
    // A year of waits that come and go takes as many numbers as there are within a few turns.
    for round in 0..1000_u32 {
        turn(&mut ledger, &[(Nameless(u8::try_from(round % 251).unwrap()), 1)]);
    }
    assert!(ledger.number_next - NUMBERS_FROM <= GONE_TURNS + 3, "{}", ledger.number_next - NUMBERS_FROM);
    assert!(ledger.entries.len() as u64 <= GONE_TURNS + 1);
}

#[test]
fn what_finds_no_room_is_counted_once_and_comes_in_when_there_is_some() {
    let mut ledger = Ledger::new(2);
    assert_eq!(turn(&mut ledger, &[(1, 0), (2, 0), (3, 0), (4, 0)]).0[2..], [Offer::Full, Offer::Full]);
    assert_eq!(ledger.newly_full(), 2);
    turn(&mut ledger, &[(1, 0), (2, 0), (3, 0), (4, 0)]);
    assert_eq!(ledger.newly_full(), 0);
    turn(&mut ledger, &[(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
    assert_eq!(ledger.newly_full(), 1);
    for _ in 0..=GONE_TURNS {
        turn(&mut ledger, &[(1, 0)]);
    }
    assert_eq!(turn(&mut ledger, &[(1, 0), (4, 0)]).0, [Offer::Same(1), Offer::New(4)]);
}

#[test]
fn a_touch_counts_as_an_offer_of_the_same_only() {
    let mut ledger = Ledger::new(8);
    turn(&mut ledger, &[(1, 5)]);
    ledger.begin();
    assert!(!ledger.touch(&1, |&told| told == 6));
    assert!(!ledger.touch(&2, |_| true));
    assert!(ledger.touch(&1, |&told| told == 5));
    let mut gone = Vec::new();
    ledger.end(|_, number, _| gone.push(number));
    assert_eq!(gone, [0; 0]);
    turn(&mut ledger, &[]);
    ledger.begin();
    assert!(!ledger.touch(&1, |_| true), "it must be introduced anew");
}

#[test]
fn tasks_that_nobody_saw_are_counted() {
    let mut unseen = Unseen::default();
    // A hundred spawned before anybody looked, three of them to be seen, two of which find room.
    unseen.spawned([(0, 100)]);
    unseen.began(3);
    unseen.introduced();
    unseen.introduced();
    assert_eq!(unseen.newly(), 1);
    // Five more, of which two are seen, and a new loop with four, of which none is.
    unseen.spawned([(0, 105), (1, 4)]);
    unseen.began(5);
    unseen.introduced();
    unseen.introduced();
    assert_eq!(unseen.newly(), 3 + 4);
    // The loop is gone with its counts; what it had spawned stays unseen.
    unseen.spawned([(0, 105)]);
    assert_eq!(unseen.newly(), 0);
    // One that is spawned while the tasks are walked is seen before it is counted.
    unseen.introduced();
    assert_eq!(unseen.newly(), 0);
    unseen.spawned([(0, 106)]);
    assert_eq!(unseen.newly(), 0);
}
