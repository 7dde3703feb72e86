//! What a reader sees of a task that waits in `select!`, `join!` and `try_join!`: every branch's wait, each with its own line.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::future::pending;
use std::ops::ControlFlow;
use std::time::Duration;

use loopscope::telemetry::{self, WaitKind};
use loopscope::time::sleep;
use loopscope::{Task, spawn, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

/// Kind, task waited for, and line of the `.await`, of every wait of `task` that is surely current; in the order of the lines.
fn waits_of(task: &Task<()>) -> Vec<(WaitKind, Option<u64>, u32)> {
    let id = task.id().as_u64();
    let mut waits = Vec::new();
    for reader in telemetry::loops() {
        reader.waits(&mut |wait| {
            if wait.task == id && !wait.perhaps {
                let line = reader.place(wait.at.unwrap()).unwrap().line;
                waits.push((wait.kind, wait.target_task, line));
            }
            ControlFlow::Continue(())
        });
    }
    waits.sort_by_key(|&(_, _, line)| line);
    waits
}

#[loopscope::test(paused)]
async fn every_branch_of_a_select_is_a_wait_of_the_task_with_its_own_line() {
    let other = spawn(pending::<()>());
    let other_id = other.id().as_u64();
    let first_line = line!() + 3;
    let waiting = spawn(async move {
        loopscope::select! {
            () = sleep(HOUR) => {}
            _ = other => {}
            () = sleep(2 * HOUR), if true => {}
            () = sleep(3 * HOUR), if false => {}
        }
    });
    yield_now().await;
    assert_eq!(
        waits_of(&waiting),
        [
            (WaitKind::Sleep, None, first_line),
            (WaitKind::Join, Some(other_id), first_line + 1),
            (WaitKind::Sleep, None, first_line + 2),
        ]
    );
    waiting.cancel().await;
}

#[loopscope::test(paused)]
async fn join_shows_who_is_still_awaited() {
    let first_line = line!() + 3;
    let waiting = spawn(async move {
        let ((), (), ()) = loopscope::join!(
            sleep(HOUR),
            yield_now(), // over after the second poll
            sleep(2 * HOUR),
        );
    });
    for _ in 0..3 {
        yield_now().await;
    }
    assert_eq!(
        waits_of(&waiting),
        [(WaitKind::Sleep, None, first_line), (WaitKind::Sleep, None, first_line + 2)]
    );
    waiting.cancel().await;
}

#[loopscope::test(paused)]
async fn a_finished_select_leaves_no_wait_behind() {
    let waiting = spawn(async move {
        loopscope::select! {
            () = sleep(HOUR) => {}
            () = yield_now() => {}
        }
        pending::<()>().await;
    });
    for _ in 0..3 {
        yield_now().await;
    }
    let sleeps = waits_of(&waiting).into_iter().filter(|&(kind, ..)| kind == WaitKind::Sleep).count();
    assert_eq!(sleeps, 0);
    waiting.cancel().await;
}

#[loopscope::test(paused)]
async fn a_future_kept_outside_of_the_select_keeps_its_wait_without_being_polled() {
    let waiting = spawn(async move {
        let mut kept = std::pin::pin!(sleep(HOUR));
        loopscope::select! {
            () = &mut kept => {}
            () = yield_now() => {}
        }
        kept.await;
    });
    for _ in 0..3 {
        yield_now().await;
    }
    let kinds: Vec<_> = waits_of(&waiting).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [WaitKind::Sleep]);
    waiting.cancel().await;
}
