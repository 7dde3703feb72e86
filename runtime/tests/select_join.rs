//! `select!`, `join!` and `try_join!` as specs, on a `block_on` of three lines: they need no loop.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loopscope::{join, select, try_join};

/// Polls `future` once.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls again and again; fails when that takes suspiciously often.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
    panic!("not ready after 1000 polls");
}

/// Writes what happens to it into a trace; ready at its `polls`th poll.
struct Traced {
    name: &'static str,
    polls: u32,
    trace: Rc<RefCell<Vec<String>>>,
}

impl Future for Traced {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<&'static str> {
        self.trace.borrow_mut().push(format!("poll {}", self.name));
        self.polls -= 1;
        if self.polls == 0 { Poll::Ready(self.name) } else { Poll::Pending }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.trace.borrow_mut().push(format!("drop {}", self.name));
    }
}

/// A trace and the futures that write into it.
#[derive(Default)]
struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    fn future(&self, name: &'static str, polls: u32) -> Traced {
        Traced { name, polls, trace: Rc::clone(&self.0) }
    }

    fn note(&self, what: &str) {
        self.0.borrow_mut().push(what.to_owned());
    }

    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        assert_eq!(*self.0.borrow(), expected);
    }
}

/// Reports the line that polls it.
struct WhereAwaited;

impl Future for WhereAwaited {
    type Output = u32;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(Location::caller().line())
    }
}

#[test]
fn the_ready_branch_wins_and_all_futures_are_dropped_before_its_body() {
    let trace = Trace::default();
    block_on(async {
        select! {
            biased;
            _ = trace.future("slow", 9) => trace.note("slow body"),
            name = trace.future("fast", 2) => trace.note(&format!("body of {name}")),
        }
    });
    trace.expect(&[
        "poll slow",
        "poll fast",
        "poll slow",
        "poll fast",
        "drop fast",
        "drop slow",
        "body of fast",
    ]);
}

#[test]
fn dropping_the_surrounding_future_drops_every_branch() {
    let trace = Trace::default();
    {
        let mut waiting = pin!(async {
            select! {
                biased;
                _ = trace.future("a", 9) => {}
                _ = trace.future("b", 9) => {}
            }
        });
        assert!(poll_once(waiting.as_mut()).is_pending());
    }
    trace.expect(&["poll a", "poll b", "drop b", "drop a"]);
}

#[test]
fn every_branch_sees_the_tasks_own_waker() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let own = Waker::from(Arc::new(Nobody));
    let seen = Cell::new(0);
    let leaf = || {
        std::future::poll_fn(|context| {
            assert!(context.waker().will_wake(&own));
            seen.set(seen.get() + 1);
            Poll::<Result<(), ()>>::Pending
        })
    };
    let mut context = Context::from_waker(&own);
    let mut selected = pin!(async {
        select! { _ = leaf() => {} _ = leaf() => {} }
    });
    assert!(selected.as_mut().poll(&mut context).is_pending());
    let mut joined = pin!(async { join!(leaf(), leaf()) });
    assert!(joined.as_mut().poll(&mut context).is_pending());
    let mut tried = pin!(async { try_join!(leaf(), leaf()) });
    assert!(tried.as_mut().poll(&mut context).is_pending());
    assert_eq!(seen.get(), 6);
}

#[test]
fn a_leaf_reports_its_own_branchs_line() {
    block_on(async {
        let before = line!();
        let line = select! {
            biased;
            () = pending() => 0,
            line = WhereAwaited => line,
        };
        assert_eq!(line, before + 4);

        let before = line!();
        let lines = join!(
            WhereAwaited, //
            WhereAwaited
        );
        assert_eq!(lines, (before + 2, before + 3));

        let before = line!();
        let tried = try_join!(
            ready(Ok::<_, ()>(1)), //
            TryWhereAwaited
        );
        assert_eq!(tried, Ok((1, before + 3)));
    });
}

/// [`WhereAwaited`] for `try_join!`.
struct TryWhereAwaited;

impl Future for TryWhereAwaited {
    type Output = Result<u32, ()>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Location::caller().line()))
    }
}

#[test]
fn biased_always_begins_at_the_top_and_fair_gives_every_branch_its_turn() {
    let mut fair = [0; 3];
    for _ in 0..300 {
        let biased = block_on(async {
            select! { biased; () = ready(()) => 0, () = ready(()) => 1, () = ready(()) => 2 }
        });
        assert_eq!(biased, 0);
        let winner: usize = block_on(async {
            select! { () = ready(()) => 0, () = ready(()) => 1, () = ready(()) => 2 }
        });
        fair[winner] += 1;
    }
    assert!(fair.iter().all(|&wins| (95..=105).contains(&wins)), "{fair:?}");
}

#[test]
fn an_expression_behind_a_false_condition_is_not_evaluated() {
    let slots: [Option<u8>; 2] = [None, Some(7)];
    let value = block_on(async {
        select! {
            value = ready(slots[0].unwrap()), if slots[0].is_some() => value,
            value = ready(slots[1].unwrap()), if slots[1].is_some() => value,
        }
    });
    assert_eq!(value, 7);
}

#[test]
fn an_output_that_its_pattern_refuses_disables_the_branch_and_drops_its_future() {
    let trace = Trace::default();
    let value = block_on(async {
        select! {
            biased;
            "other" = trace.future("one", 1) => "matched",
            name = trace.future("two", 2) => name,
        }
    });
    assert_eq!(value, "two");
    trace.expect(&["poll one", "drop one", "poll two", "poll two", "drop two"]);
}

#[test]
fn else_runs_when_no_branch_is_left() {
    let refused = block_on(async {
        select! {
            Some(x) = ready(None::<u8>) => x,
            Ok(x) = ready(Err::<u8, ()>(())) => x,
            else => 99,
        }
    });
    assert_eq!(refused, 99);
    let disabled = block_on(async {
        select! { x = ready(1), if false => x, else => { 98 } }
    });
    assert_eq!(disabled, 98);
}

#[test]
#[should_panic(expected = "no branch of this `select!` is left")]
fn without_else_no_branch_left_is_a_panic() {
    block_on(async {
        select! { () = pending(), if false => {} }
    });
}

#[test]
fn patterns_bind_by_value_by_reference_and_mutably() {
    struct Point {
        x: String,
        y: u8,
    }
    let seven = 7;
    block_on(async {
        let text = select! {
            Some(mut text) = ready(Some(String::from("a"))) => { text.push('b'); text }
            else => String::new(),
        };
        assert_eq!(text, "ab");
        let (x, y) =
            select! { Point { x, mut y } = ready(Point { x: "p".into(), y: 1 }) => { y += 1; (x, y) } };
        assert_eq!((x.as_str(), y), ("p", 2));
        let n = select! { Some(&n) = ready(Some(&seven)) => n, else => 0 };
        assert_eq!(n, 7);
        let n = select! { Ok(n) | Err(n) = ready(Err::<u8, u8>(3)) => n };
        assert_eq!(n, 3);
        let n = select! { Some(n @ 1..=5) = ready(Some(4)) => n, else => 0 };
        assert_eq!(n, 4);
        let len = select! { Some(ref text) = ready(Some(String::from("abc"))) => text.len(), else => 0 };
        assert_eq!(len, 3);
    });
}

#[test]
fn question_mark_return_break_continue_and_await_work_in_bodies() {
    async fn question_mark() -> Result<u8, String> {
        let n = select! { n = ready(Err::<u8, _>("no")) => n? };
        Ok(n)
    }
    async fn early_return() -> u8 {
        let n = select! { n = ready(5) => if n > 4 { return n } else { n } };
        n + 100
    }
    async fn looping() -> Vec<u8> {
        let mut seen = Vec::new();
        let mut next = 0;
        'outer: loop {
            'inner: loop {
                next += 1;
                select! {
                    n = ready(next), if next < 2 => { seen.push(n); continue 'inner }
                    n = ready(next), if next == 2 => seen.push(n + 20),
                    () = ready(()), if next == 3 => break,
                    n = ready(next), if next > 3 => { seen.push(n); break 'outer seen }
                }
                seen.push(50);
            }
            seen.push(100);
        }
    }
    async fn awaiting() -> u8 {
        select! { n = ready(2) => ready(n + 1).await }
    }
    assert_eq!(block_on(question_mark()), Err("no".to_owned()));
    assert_eq!(block_on(early_return()), 5);
    assert_eq!(block_on(looping()), [1, 22, 50, 100, 4]);
    assert_eq!(block_on(awaiting()), 3);
}

#[test]
fn a_body_may_use_what_the_futures_had_borrowed() {
    async fn fill(buffer: &mut Vec<u8>) {
        buffer.push(ready(1).await);
    }
    let mut buffer = Vec::new();
    block_on(async {
        select! {
            () = fill(&mut buffer) => buffer.push(2),
            () = pending() => {}
        }
    });
    assert_eq!(buffer, [1, 2]);
}

#[test]
fn a_future_may_borrow_from_a_temporary() {
    async fn length(text: &str) -> usize {
        ready(text.len()).await
    }
    block_on(async {
        let n = select! { n = length(&String::from("four")) => n };
        assert_eq!(n, 4);
        assert_eq!(join!(length(&"a".repeat(2)), length(&"b".repeat(3))), (2, 3));
    });
}

#[test]
fn a_future_passed_by_reference_survives_losing() {
    let trace = Trace::default();
    let mut kept = trace.future("kept", 2);
    block_on(async {
        select! {
            biased;
            _ = &mut kept => unreachable!(),
            () = ready(()) => trace.note("lost"),
        }
        let name = select! { name = &mut kept => name };
        assert_eq!(name, "kept");
    });
    trace.expect(&["poll kept", "lost", "poll kept"]);
}

#[test]
fn names_of_the_expansion_do_not_meet_the_users() {
    let (future, context, pending, branch, first, selected, output, matches) = (1, 2, 4, 8, 16, 32, 64, 128);
    let (future0, enabled0, output0) = (256, 512, 1024);
    let value = block_on(async {
        select! {
            extra = ready(future + context + pending + branch), if enabled0 == 512 =>
                extra + first + selected + output + matches + future0 + enabled0 + output0,
        }
    });
    assert_eq!(value, 2047);
    let joined = block_on(async { join!(ready(future0 + output0), ready(future + context)) });
    assert_eq!(joined, (1280, 3));
}

#[test]
fn select_in_select_and_select_as_a_branch() {
    let value = block_on(async {
        select! {
            inner = async { select! { n = ready(1) => n + 1 } } => {
                select! { n = ready(inner) => n + 10, () = pending() => 0 }
            }
        }
    });
    assert_eq!(value, 12);
}

#[test]
fn twenty_branches_are_not_too_many() {
    let value: u32 = block_on(async {
        select! {
            () = pending() => 1, () = pending() => 2, () = pending() => 3, () = pending() => 4,
            () = pending() => 5, () = pending() => 6, () = pending() => 7, () = pending() => 8,
            () = pending() => 9, () = pending() => 10, () = pending() => 11, () = pending() => 12,
            () = pending() => 13, () = pending() => 14, () = pending() => 15, () = pending() => 16,
            () = pending() => 17, () = pending() => 18, () = pending() => 19, n = ready(20) => n,
        }
    });
    assert_eq!(value, 20);
    let (a, b, .., z) = block_on(async {
        join!(
            ready(1),
            ready(2),
            ready(3),
            ready(4),
            ready(5),
            ready(6),
            ready(7),
            ready(8),
            ready(9),
            ready(10),
            ready(11),
            ready(12),
            ready(13),
            ready(14),
            ready(15),
            ready(16),
            ready(17)
        )
    });
    assert_eq!((a, b, z), (1, 2, 17));
}

#[test]
fn join_polls_all_until_all_are_ready_and_drops_each_when_it_is() {
    let trace = Trace::default();
    let outputs = block_on(async { join!(trace.future("a", 1), trace.future("b", 3), trace.future("c", 2)) });
    assert_eq!(outputs, ("a", "b", "c"));
    trace.expect(&[
        "poll a", "drop a", "poll b", "poll c", // first poll
        "poll b", "poll c", "drop c", // second
        "poll b", "drop b", // third
    ]);
}

#[test]
fn join_takes_one_none_and_a_trailing_comma() {
    block_on(async {
        assert_eq!(join!(ready(1)), (1,));
        assert_eq!(join!(ready(1), ready('x'),), (1, 'x'));
        #[expect(clippy::unit_cmp, reason = "what is tested is that the value is a unit")]
        let nothing = join!() == ();
        assert!(nothing);
    });
}

#[test]
fn try_join_returns_the_first_error_and_drops_the_rest() {
    let trace = Trace::default();
    let failing = async {
        trace.future("failing", 2).await;
        Err::<u8, _>("refused")
    };
    let never = async {
        trace.future("never", 9).await;
        Ok::<u8, &str>(1)
    };
    let result = block_on(async { try_join!(never, failing) });
    assert_eq!(result, Err("refused"));
    trace.expect(&["poll never", "poll failing", "poll never", "poll failing", "drop failing", "drop never"]);
}

#[test]
fn try_join_gives_all_outputs_and_works_with_question_mark() {
    async fn both() -> Result<u8, String> {
        let (a, b) = try_join!(ready(Ok::<u8, &str>(1)), async { Ok(2_u8) })?;
        Ok(a + b)
    }
    assert_eq!(block_on(both()), Ok(3));
}

#[test]
fn the_macros_take_little_room_beyond_their_futures() {
    /// 256 bytes that are ready at once.
    struct Big([u8; 256]);
    impl Future for Big {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(self.0[0])
        }
    }
    let selected = async {
        select! { n = Big([1; 256]) => n, n = Big([2; 256]) => n }
    };
    assert!(size_of_val(&selected) < 2 * 256 + 128, "{}", size_of_val(&selected));
    let joined = async { join!(Big([1; 256]), Big([2; 256])) };
    assert!(size_of_val(&joined) < 2 * 256 + 128, "{}", size_of_val(&joined));
    assert_eq!((block_on(selected) > 0, block_on(joined)), (true, (1, 2)));
}
