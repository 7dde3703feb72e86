//! Where tasks stand: the stacks of their awaits.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![cfg(feature = "stacks")]

#[path = "support/records.rs"]
mod records;
#[path = "support/stacks.rs"]
mod stacks;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use loopscope::introspect::{self, Options, Reached};
use loopscope::{Handle, Runner, sleep, spawn, timeout, yield_now};

const SOURCE: &str = include_str!("introspect.rs");
const HOUR: Duration = Duration::from_secs(3_600);

async fn inner() {
    sleep(HOUR).await;
}

async fn outer() {
    inner().await;
}

/// On a loop with a real clock: the names are looked up on a thread, and a paused clock would not wait for it.
fn run<F: Future>(test: F) -> F::Output {
    records::run_on(Runner::builder(), test)
}

#[test]
fn every_await_from_the_root_to_the_leaf_is_a_frame() {
    run(async {
        let task = spawn(outer());
        yield_now().await;
        let expected = [
            "introspect::outer: inner().await;",
            "introspect::inner: sleep(HOUR).await;",
            "loopscope::sleep",
        ];
        stacks::assert_picture(&stacks::picture_of(task.id(), SOURCE).await, &expected.join("\n"));
        task.cancel().await;
    });
}

#[test]
fn the_arms_of_select_and_join_are_branches() {
    run(async {
        let task = spawn(async {
            loopscope::join!(
                async {
                    loopscope::select! {
                        () = inner() => {}
                        () = sleep(HOUR) => {}
                    }
                },
                timeout(HOUR, outer()),
            )
        });
        yield_now().await;
        let expected = "\
{async block in introspect::the_arms_of_select_and_join_are_branches}: loopscope::join!(
  {branch of introspect::the_arms_of_select_and_join_are_branches}: async {
  {async block in introspect::the_arms_of_select_and_join_are_branches}: loopscope::select! {
    {branch of introspect::the_arms_of_select_and_join_are_branches}: () = inner() => {}
    introspect::inner: sleep(HOUR).await;
    loopscope::sleep
    {branch of introspect::the_arms_of_select_and_join_are_branches}: () = sleep(HOUR) => {}
    loopscope::sleep
  {branch of introspect::the_arms_of_select_and_join_are_branches}: timeout(HOUR, outer()),
  loopscope::timeout
  introspect::outer: inner().await;
  introspect::inner: sleep(HOUR).await;
  loopscope::sleep";
        stacks::assert_picture(&stacks::picture_of(task.id(), SOURCE).await, expected);
        task.cancel().await;
    });
}

async fn all_unordered() {
    let mut all: FuturesUnordered<_> = (0..5).map(|_| outer()).collect();
    all.next().await;
}

#[test]
fn children_of_a_combinator_with_wakers_of_its_own_are_reached() {
    run(async {
        let task = spawn(all_unordered());
        yield_now().await;
        let expected = "\
introspect::all_unordered: all.next().await;
futures_util::Next
futures_util::FuturesUnordered
(Combinator)
  introspect::outer: inner().await;
  introspect::inner: sleep(HOUR).await;
  loopscope::sleep
  (times 5)";
        stacks::assert_picture(&stacks::picture_of(task.id(), SOURCE).await, expected);
        // Once more: being asked has changed nothing.
        stacks::assert_picture(&stacks::picture_of(task.id(), SOURCE).await, expected);
        task.cancel().await;
    });
}

async fn receive(mut receiver: futures_channel::mpsc::Receiver<u8>) {
    receiver.next().await;
}

#[test]
fn a_leaf_of_another_library_is_reached_by_the_waker_it_keeps_and_wakes_the_task_later() {
    run(async {
        let (mut sender, receiver) = futures_channel::mpsc::channel(1);
        let task = spawn(receive(receiver));
        yield_now().await;
        let expected = "\
introspect::receive: receiver.next().await;
futures_util::Next
futures_channel::mpsc::Receiver
(Foreign)";
        stacks::assert_picture(&stacks::picture_of(task.id(), SOURCE).await, expected);
        sender.try_send(1).unwrap();
        task.await.unwrap();
    });
}

#[test]
fn tasks_that_will_be_polled_anyway_are_not_asked() {
    run(async {
        let polls = Rc::new(Cell::new(0));
        let counting = polls.clone();
        let task = spawn(async move {
            loop {
                counting.set(counting.get() + 1);
                yield_now().await;
            }
        });
        let stack = stacks::stack_of(task.id()).await;
        assert_eq!(stack.branches.len(), 1);
        assert_eq!((stack.branches[0].reached, stack.branches[0].frames.len()), (Reached::Scheduled, 0));
        task.cancel().await;
    });
}

#[test]
fn whoever_asks_a_loop_that_ended_hears_of_it() {
    let runner = Runner::builder().build().unwrap();
    let handle = runner.handle();
    drop(runner);
    let asked = run(async move { introspect::dump(&handle, Options::new()).await });
    assert_eq!(asked.unwrap_err().to_string(), "the event loop has ended");
}

#[test]
fn being_asked_is_in_no_counter() {
    run(async {
        let task = spawn(outer());
        yield_now().await;
        let reader = Handle::current().reader();
        let seen = || {
            let view = reader.task(task.id().as_u64()).unwrap();
            (view.polls, view.wakes, view.self_wakes, view.busy_ns, view.scheduled_ns, view.state)
        };
        let before = seen();
        for _ in 0..10 {
            stacks::stack_of(task.id()).await;
        }
        assert_eq!(seen(), before);
        task.cancel().await;
    });
}

#[test]
fn of_very_many_children_a_part_is_asked_and_the_rest_counted() {
    run(async {
        let task = spawn(async {
            let mut all: FuturesUnordered<_> = (0..2_000).map(|_| outer()).collect();
            all.next().await;
        });
        yield_now().await;
        let stack = stacks::stack_of(task.id()).await;
        assert_eq!((stack.branches[1].times, stack.left_out), (512, 1_488));
        task.cancel().await;
    });
}

#[test]
fn of_a_loop_with_very_many_waits_the_search_among_them_is_in_slices_too() {
    run(async {
        let task = spawn(async {
            let mut all: FuturesUnordered<_> = (0..40_000).map(|_| outer()).collect();
            all.next().await;
        });
        yield_now().await;
        let options = || Options::new().tasks([task.id()]);
        let whole = introspect::dump(&Handle::current(), options()).await.unwrap();
        let dump = introspect::dump(&Handle::current(), options().slice(Duration::ZERO)).await.unwrap();
        // 4,096 of them at once, and then at most one task.
        assert!(dump.slices >= 10, "{}", dump.slices);
        for dump in [whole, dump] {
            assert_eq!((dump.tasks[0].branches[1].times, dump.tasks[0].left_out), (512, 39_488));
        }
        task.cancel().await;
    });
}
