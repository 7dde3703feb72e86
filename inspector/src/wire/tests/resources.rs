//! Rows of `io` and `sync`.

use super::place;
use crate::model::{Exit, InCycle, Io, Sync, WaitKind, Waiter, Waiting};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

prop_compose! {
    fn waiting()(
        kind in select(WaitKind::ALL),
        count in any::<u64>(),
        first in vec((any::<u64>(), of(".{0,8}"), of(any::<u64>()), of(place())), 0..4),
    ) -> Waiting {
        let waiter = |(task, name, for_ns, at)| Waiter { task, name, for_ns, at };
        Waiting { kind, count, first: first.into_iter().map(waiter).collect() }
    }
}

pub(super) fn io() -> impl Strategy<Value = Io> {
    let exit = prop_oneof![any::<i32>().prop_map(Exit::Code), any::<i32>().prop_map(Exit::Signal)];
    (any::<u64>(), vec(any::<u64>(), 0..5), of(any::<u32>()), of(exit), vec(waiting(), 0..3)).prop_map(
        |(id, waiting, child_pid, exit, waits)| Io {
            id,
            waiting,
            loop_id: Some(0),
            child_pid,
            exit,
            waits,
            ..Io::default()
        },
    )
}

pub(super) fn sync() -> impl Strategy<Value = Sync> {
    (any::<u64>(), vec(any::<u64>(), 0..5), vec(waiting(), 0..3), of(select(InCycle::ALL))).prop_map(
        |(id, waiters, waits, cycle)| Sync { id, waiters, waits, cycle, loop_id: Some(0), ..Sync::default() },
    )
}
