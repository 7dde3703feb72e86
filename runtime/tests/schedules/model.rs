//! What a program must come to, as simply as it can be said: a queue of tasks, a clock, and who stands in which line.

use std::collections::{BTreeSet, VecDeque};

use crate::program::{
    Happening, LOCKS, Op, Outcome, PARTIES, PERMITS, Program, QUEUE_LIMIT, Result, Step, number, task_of,
};

/// Who waits, and who was told that it need not wait any more but had no turn yet. By the numbers of their steps.
#[derive(Default)]
struct Line {
    waiting: VecDeque<usize>,
    told: BTreeSet<usize>,
}

impl Line {
    fn tell_first(&mut self) -> Option<usize> {
        let first = self.waiting.pop_front()?;
        self.told.insert(first);
        Some(first)
    }

    fn stands(&self, who: usize) -> bool {
        self.waiting.contains(&who)
    }

    fn leave(&mut self, who: usize) -> bool {
        self.waiting.retain(|waiter| *waiter != who);
        self.told.remove(&who)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Held {
    Lock(usize),
    Permit,
}

#[derive(Default)]
struct Task {
    at: usize,
    held: Vec<Held>,
    /// It has begun the step it is at, and this is when its limit is over.
    begun: bool,
    deadline: Option<u64>,
    is_queued: bool,
}

#[derive(Default)]
struct Barrier {
    line: Line,
    /// Where those who were let go stood.
    places: Vec<(usize, usize)>,
    /// Those who were let go are on the way out.
    is_draining: bool,
}

/// The whole of it.
pub(crate) struct Model<'a> {
    program: &'a Program,
    tasks: Vec<Task>,
    ready: VecDeque<usize>,
    now: u64,
    /// Second and step, whose task is woken then.
    timers: BTreeSet<(u64, usize)>,
    happened: Vec<Happening>,
    locked: [bool; LOCKS],
    locks: [Line; LOCKS],
    conditions: [Line; LOCKS],
    /// Steps that were notified and stand in the line of their lock.
    locking: BTreeSet<usize>,
    free_permits: usize,
    semaphore: Line,
    items: VecDeque<usize>,
    getters: Line,
    putters: Line,
    is_set: bool,
    event: Line,
    barrier: Barrier,
    /// When a sleep is over.
    asleep: Vec<(usize, u64)>,
}

/// What the program comes to; `None` when timers of several tasks are due in the same second, whose order is not promised.
pub(crate) fn run(program: &Program) -> Option<Result> {
    let mut model = Model {
        program,
        tasks: program.iter().map(|_| Task::default()).collect(),
        ready: VecDeque::new(),
        now: 0,
        timers: BTreeSet::new(),
        happened: Vec::new(),
        locked: [false; LOCKS],
        locks: std::array::from_fn(|_| Line::default()),
        conditions: std::array::from_fn(|_| Line::default()),
        locking: BTreeSet::new(),
        free_permits: PERMITS,
        semaphore: Line::default(),
        items: VecDeque::new(),
        getters: Line::default(),
        putters: Line::default(),
        is_set: false,
        event: Line::default(),
        barrier: Barrier::default(),
        asleep: Vec::new(),
    };
    for task in 0..program.len() {
        model.wake_task(task);
    }
    model.run()
}

impl Model<'_> {
    fn run(mut self) -> Option<Result> {
        loop {
            while let Some(task) = self.ready.pop_front() {
                self.tasks[task].is_queued = false;
                self.poll(task);
            }
            let Some(&(next, _)) = self.timers.first() else { break };
            self.now = next;
            let later = self.timers.split_off(&(next + 1, 0));
            let due: BTreeSet<usize> = self.timers.iter().map(|(_, step)| task_of(*step)).collect();
            self.timers = later;
            if due.len() > 1 {
                return None;
            }
            for task in due {
                self.wake_task(task);
            }
        }
        let is_stuck = |task: &usize| self.tasks[*task].at < self.program[*task].len();
        Some(Result {
            stuck: (0..self.tasks.len()).filter(is_stuck).collect(),
            happened: self.happened,
            locked: self.locked.to_vec(),
            permits: self.free_permits,
            items: self.items.len(),
        })
    }

    fn wake_task(&mut self, task: usize) {
        if !std::mem::replace(&mut self.tasks[task].is_queued, true) {
            self.ready.push_back(task);
        }
    }

    /// Wakes the task of a step, if there is one.
    fn wake(&mut self, step: Option<usize>) {
        if let Some(step) = step {
            self.wake_task(task_of(step));
        }
    }

    /// A turn of a task: as many steps as need not wait.
    fn poll(&mut self, task: usize) {
        while let Some(&Step { op, limit }) = self.program[task].get(self.tasks[task].at) {
            let at = self.tasks[task].at;
            let step = number(task, at);
            let is_first = !std::mem::replace(&mut self.tasks[task].begun, true);
            let outcome = if let Some(value) = self.perform(task, step, op, is_first) {
                Outcome::Done(value)
            } else {
                if is_first && let Some(limit) = limit {
                    self.tasks[task].deadline = Some(self.now + limit);
                    self.timers.insert((self.now + limit, step));
                }
                if self.tasks[task].deadline.is_none_or(|deadline| self.now < deadline) {
                    return;
                }
                self.give_up(step, op);
                Outcome::Late
            };
            self.timers.retain(|(_, of)| *of != step);
            let state = &mut self.tasks[task];
            (state.at, state.begun, state.deadline) = (at + 1, false, None);
            self.happened.push((self.now, task, at, outcome));
        }
        for held in std::mem::take(&mut self.tasks[task].held) {
            self.let_go(held);
        }
    }

    /// What the step gives, if it need not wait any more.
    fn perform(&mut self, task: usize, step: usize, op: Op, is_first: bool) -> Option<usize> {
        match op {
            Op::Lock(lock) => {
                self.lock(lock, step).then(|| self.tasks[task].held.push(Held::Lock(lock)))?;
            }
            Op::Acquire => {
                let told = self.semaphore.told.remove(&step);
                if !told && (self.semaphore.stands(step) || self.free_permits == 0) {
                    if is_first {
                        self.semaphore.waiting.push_back(step);
                    }
                    return None;
                }
                self.free_permits -= usize::from(!told);
                self.tasks[task].held.push(Held::Permit);
            }
            Op::LetGo => {
                if let Some(held) = self.tasks[task].held.pop() {
                    self.let_go(held);
                }
            }
            Op::Put => self.put(step, is_first)?,
            Op::Get => return self.get(step, is_first),
            Op::AwaitEvent => {
                if !self.event.told.remove(&step) && (!is_first || !self.is_set) {
                    if is_first {
                        self.event.waiting.push_back(step);
                    }
                    return None;
                }
            }
            Op::Set => {
                self.is_set = true;
                while let Some(first) = self.event.tell_first() {
                    self.wake(Some(first));
                }
            }
            Op::Clear => self.is_set = false,
            Op::AwaitCondition(lock) => return self.await_condition(task, step, lock, is_first),
            Op::Notify(lock, count) => self.notify(lock, count),
            Op::Meet => return self.meet(step, is_first),
            Op::Yield if is_first => {
                self.wake_task(task);
                return None;
            }
            Op::Yield => {}
            Op::Sleep(seconds) if is_first => {
                self.asleep.push((step, self.now + seconds));
                self.timers.insert((self.now + seconds, step));
                return None;
            }
            Op::Sleep(_) => {
                let until = self.asleep.iter().find(|(of, _)| *of == step).map_or(0, |(_, until)| *until);
                (self.now >= until).then_some(())?;
            }
        }
        Some(step)
    }

    /// The step's time is up: it leaves the line it stands in, and passes on what it was told.
    fn give_up(&mut self, step: usize, op: Op) {
        match op {
            Op::Lock(lock) => self.stop_locking(lock, step),
            Op::Acquire => {
                if self.semaphore.leave(step) {
                    self.let_go(Held::Permit);
                }
            }
            Op::Put => {
                self.putters.leave(step);
                self.settle();
            }
            Op::Get => {
                self.getters.leave(step);
                self.settle();
            }
            Op::AwaitEvent => drop(self.event.leave(step)),
            Op::AwaitCondition(lock) => {
                let told = self.conditions[lock].leave(step);
                let locking = self.locking.remove(&step);
                self.stop_locking(lock, step);
                if told || locking {
                    self.notify(lock, 1);
                }
            }
            Op::Meet => {
                if self.barrier.line.leave(step) {
                    self.left_barrier();
                }
            }
            Op::Yield | Op::Sleep(_) | Op::LetGo | Op::Set | Op::Clear | Op::Notify(..) => {}
        }
    }

    fn let_go(&mut self, held: Held) {
        match held {
            Held::Lock(lock) => self.unlock(lock),
            Held::Permit => {
                let next = self.semaphore.tell_first();
                self.free_permits += usize::from(next.is_none());
                self.wake(next);
            }
        }
    }

    fn lock(&mut self, lock: usize, step: usize) -> bool {
        let line = &mut self.locks[lock];
        if line.told.remove(&step) {
            return true;
        }
        if self.locked[lock] {
            if !line.stands(step) {
                line.waiting.push_back(step);
            }
            return false;
        }
        self.locked[lock] = true;
        true
    }

    fn unlock(&mut self, lock: usize) {
        let next = self.locks[lock].tell_first();
        self.locked[lock] = next.is_some();
        self.wake(next);
    }

    fn stop_locking(&mut self, lock: usize, step: usize) {
        if self.locks[lock].leave(step) {
            self.unlock(lock);
        }
    }

    fn await_condition(&mut self, task: usize, step: usize, lock: usize, is_first: bool) -> Option<usize> {
        if is_first {
            let held = &mut self.tasks[task].held;
            let Some(at) = held.iter().position(|held| *held == Held::Lock(lock)) else { return Some(0) };
            held.remove(at);
            self.conditions[lock].waiting.push_back(step);
            self.unlock(lock);
            return None;
        }
        if self.conditions[lock].told.remove(&step) {
            self.locking.insert(step);
        }
        if !self.locking.contains(&step) || !self.lock(lock, step) {
            return None;
        }
        self.locking.remove(&step);
        self.tasks[task].held.push(Held::Lock(lock));
        Some(step)
    }

    fn notify(&mut self, lock: usize, count: usize) {
        for _ in 0..count {
            let first = self.conditions[lock].tell_first();
            self.wake(first);
        }
    }

    /// Items are kept for getters that were told, and room for putters.
    fn settle(&mut self) {
        while self.items.len() > self.getters.told.len() && !self.getters.waiting.is_empty() {
            let first = self.getters.tell_first();
            self.wake(first);
        }
        while self.items.len() + self.putters.told.len() < QUEUE_LIMIT && !self.putters.waiting.is_empty() {
            let first = self.putters.tell_first();
            self.wake(first);
        }
    }

    fn put(&mut self, step: usize, is_first: bool) -> Option<()> {
        let told = self.putters.told.remove(&step);
        if !told && (!is_first || self.items.len() + self.putters.told.len() >= QUEUE_LIMIT) {
            if is_first {
                self.putters.waiting.push_back(step);
            }
            return None;
        }
        self.items.push_back(step);
        self.settle();
        Some(())
    }

    fn get(&mut self, step: usize, is_first: bool) -> Option<usize> {
        let told = self.getters.told.remove(&step);
        if !told && (!is_first || self.items.len() <= self.getters.told.len()) {
            if is_first {
                self.getters.waiting.push_back(step);
            }
            return None;
        }
        let item = self.items.pop_front();
        self.settle();
        item
    }

    fn meet(&mut self, step: usize, is_first: bool) -> Option<usize> {
        if self.barrier.line.told.remove(&step) {
            let place = self.barrier.places.iter().find(|(of, _)| *of == step).map(|(_, place)| *place);
            self.left_barrier();
            return place;
        }
        if is_first && !self.barrier.is_draining && self.barrier.line.waiting.len() == PARTIES - 1 {
            self.open(PARTIES - 1);
            return Some(PARTIES - 1);
        }
        if is_first {
            self.barrier.line.waiting.push_back(step);
        }
        None
    }

    /// The first `count` at the barrier go on.
    fn open(&mut self, count: usize) {
        self.barrier.is_draining = true;
        for place in 0..count {
            let first = self.barrier.line.tell_first();
            self.barrier.places.extend(first.map(|first| (first, place)));
            self.wake(first);
        }
    }

    fn left_barrier(&mut self) {
        if self.barrier.line.told.is_empty() {
            self.barrier.is_draining = false;
            if self.barrier.line.waiting.len() >= PARTIES {
                self.open(PARTIES);
            }
        }
    }
}
