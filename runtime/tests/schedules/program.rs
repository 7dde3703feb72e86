//! Random programs over all primitives, and how they are run for real.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::{Barrier, Condition, Event, Mutex, MutexGuard, Permit, Queue, Semaphore};
use loopscope::time::Instant;
use loopscope::{Task, sleep, spawn, timeout, yield_now};
use proptest::prelude::*;

pub(crate) const LOCKS: usize = 2;
pub(crate) const PERMITS: usize = 2;
pub(crate) const QUEUE_LIMIT: usize = 2;
pub(crate) const PARTIES: usize = 2;
const TASKS_MAX: usize = 5;
const STEPS_MAX: usize = 12;
/// Seconds: so long that hardly two timers of different tasks are due in the same one.
const SECONDS_MAX: u64 = 2000;
/// Later than any program comes to a stop by itself.
const END: Duration = Duration::from_secs(1_000_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Lock(usize),
    Acquire,
    /// Lets go what was taken last: a lock or a permit.
    LetGo,
    /// Puts the number of its step.
    Put,
    Get,
    AwaitEvent,
    Set,
    Clear,
    /// Waits for the condition of a lock, if that lock is held.
    AwaitCondition(usize),
    Notify(usize, usize),
    Meet,
    Yield,
    Sleep(u64),
}

/// What a task does next, and how many seconds it gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) limit: Option<u64>,
}

/// One list of steps a task.
pub(crate) type Program = Vec<Vec<Step>>;

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let op = prop_oneof![
        3 => (0..LOCKS).prop_map(Op::Lock),
        3 => Just(Op::Acquire),
        4 => Just(Op::LetGo),
        3 => Just(Op::Put),
        3 => Just(Op::Get),
        2 => Just(Op::AwaitEvent),
        1 => Just(Op::Set),
        1 => Just(Op::Clear),
        3 => (0..LOCKS).prop_map(Op::AwaitCondition),
        2 => (0..LOCKS, 1..3_usize).prop_map(|(lock, count)| Op::Notify(lock, count)),
        2 => Just(Op::Meet),
        1 => Just(Op::Yield),
        2 => (1..SECONDS_MAX).prop_map(Op::Sleep),
    ];
    let step =
        (op, proptest::option::weighted(0.6, 1..SECONDS_MAX)).prop_map(|(op, limit)| Step { op, limit });
    prop::collection::vec(prop::collection::vec(step, 1..STEPS_MAX), 2..=TASKS_MAX)
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// With what it gave: an item's number, a place at the barrier.
    Done(usize),
    /// Its time was up.
    Late,
}

/// A step that came to its end: at which second, of which task, which step, and how.
pub(crate) type Happening = (u64, usize, usize, Outcome);

/// What a program came to when nothing moves any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Result {
    pub(crate) happened: Vec<Happening>,
    /// Tasks that wait for ever.
    pub(crate) stuck: Vec<usize>,
    pub(crate) locked: Vec<bool>,
    pub(crate) permits: usize,
    pub(crate) items: usize,
}

/// The number of a step, by which an item is known.
pub(crate) fn number(task: usize, step: usize) -> usize {
    task * STEPS_MAX + step
}

pub(crate) fn task_of(number: usize) -> usize {
    number / STEPS_MAX
}

struct World {
    locks: [Mutex<()>; LOCKS],
    conditions: [Condition; LOCKS],
    semaphore: Semaphore,
    queue: Queue<usize>,
    event: Event,
    barrier: Barrier,
    started: Instant,
    happened: RefCell<Vec<Happening>>,
    /// Nothing that happens from now on counts.
    over: Cell<bool>,
}

/// What a task has taken and not let go; dropped in the order of taking.
enum Held<'a> {
    Lock(usize, MutexGuard<'a, ()>),
    Permit(#[expect(dead_code, reason = "held for its drop")] Permit<'a>),
}

/// Runs a program on this thread's loop, whose clock is paused, until nothing moves any more; then everybody is cancelled.
pub(crate) async fn run(program: &Program) -> Result {
    let world = Rc::new(World {
        locks: [const { Mutex::new(()) }; LOCKS],
        conditions: [const { Condition::new() }; LOCKS],
        semaphore: Semaphore::new(PERMITS),
        queue: Queue::new(QUEUE_LIMIT),
        event: Event::new(),
        barrier: Barrier::new(PARTIES),
        started: Instant::now(),
        happened: RefCell::default(),
        over: Cell::new(false),
    });
    let tasks: Vec<Task<()>> = program
        .iter()
        .enumerate()
        .map(|(task, steps)| spawn(run_task(Rc::clone(&world), task, steps.clone())))
        .collect();
    sleep(END).await;
    let stuck = (0..tasks.len()).filter(|task| !tasks[*task].is_finished()).collect();
    world.over.set(true);
    let result = Result {
        happened: world.happened.take(),
        stuck,
        locked: world.locks.iter().map(Mutex::is_locked).collect(),
        permits: world.semaphore.available(),
        items: world.queue.len(),
    };
    for task in tasks {
        task.cancel().await;
    }
    assert!(world.locks.iter().all(|lock| !lock.is_locked()), "a lock was lost");
    assert_eq!(world.semaphore.available(), PERMITS, "a permit was lost");
    result
}

async fn run_task(world: Rc<World>, task: usize, steps: Vec<Step>) {
    let world = &*world;
    let mut held = Vec::new();
    for (at, step) in steps.into_iter().enumerate() {
        let op = perform(world, number(task, at), step.op, &mut held);
        let outcome = match step.limit {
            None => Outcome::Done(op.await),
            Some(seconds) => {
                let ended = timeout(Duration::from_secs(seconds), op).await;
                ended.map_or(Outcome::Late, Outcome::Done)
            }
        };
        if world.over.get() {
            return;
        }
        let second = Instant::now().saturating_duration_since(world.started).as_secs();
        world.happened.borrow_mut().push((second, task, at, outcome));
    }
}

async fn perform<'a>(world: &'a World, number: usize, op: Op, held: &mut Vec<Held<'a>>) -> usize {
    match op {
        Op::Lock(lock) => {
            let guard = world.locks[lock].lock().await;
            held.push(Held::Lock(lock, guard));
        }
        Op::Acquire => held.push(Held::Permit(world.semaphore.acquire().await)),
        Op::LetGo => drop(held.pop()),
        Op::Put => drop(world.queue.put(number).await),
        Op::Get => return world.queue.get().await.unwrap_or(usize::MAX),
        Op::AwaitEvent => world.event.wait().await,
        Op::Set => world.event.set(),
        Op::Clear => world.event.clear(),
        Op::AwaitCondition(lock) => {
            let is_it = |held: &Held<'_>| matches!(held, Held::Lock(of, _) if *of == lock);
            let Some(at) = held.iter().position(is_it) else { return 0 };
            let Held::Lock(_, guard) = held.remove(at) else { return 0 };
            let guard = world.conditions[lock].wait(guard).await;
            held.push(Held::Lock(lock, guard));
        }
        Op::Notify(lock, count) => world.conditions[lock].notify(count),
        Op::Meet => return world.barrier.wait().await.map_or(usize::MAX, |arrival| arrival.index()),
        Op::Yield => yield_now().await,
        Op::Sleep(seconds) => sleep(Duration::from_secs(seconds)).await,
    }
    number
}
