//! What a group's handles, its children and the loop share.
//!
//! # Invariants
//!
//! `live` counts the children whose end [`GroupCore::child_ended`] has not been told. Cancelling marks; it never drops a future
//! itself, so that groups inside groups unwind one after the other at the turns of the loop.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::error::ChildError;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Ticket, Wait};
use crate::runner::Survivor;
use crate::sync::line::{Line, Waiting};
use crate::task::TaskId;
use crate::task::control::CANCELLED;
use crate::task::task_ref::TaskRef;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::view::{ResourceKind, WaitKind};

/// Children in the list before it is looked through for those that are over.
const SWEEP_MIN: usize = 32;

/// The places that a wait for the group shows.
#[derive(Clone, Copy)]
pub(crate) struct Awaiting {
    pub(crate) at: &'static Location<'static>,
    pub(crate) made_at: &'static Location<'static>,
}

/// Who hears of the tasks of a group that do not share their fate: one that fails leaves the others alone.
pub(crate) trait Keeper {
    /// A task failed; it is not over yet.
    fn failed(&self, failure: ChildError);

    /// A task is over.
    fn ended(&self, task: TaskId, cancelled: bool);
}

/// One group.
pub(crate) struct GroupCore {
    lp: &'static Loop,
    life: u64,
    /// The id of the task that made it.
    owner: Cell<u64>,
    /// Hears of everything instead of who awaits the group.
    keeper: Option<Rc<dyn Keeper>>,
    line: Line,
    live: Cell<usize>,
    /// The children, and some that are over.
    children: RefCell<Vec<TaskRef>>,
    /// At this length those that are over are thrown out.
    sweep_at: Cell<usize>,
    /// A child failed or the group was cancelled: no more children.
    aborted: Cell<bool>,
    /// The tasks were asked to end, and so are those that are still spawned.
    asked: Cell<bool>,
    /// Somebody waits for the end: the group is finished when no child is left.
    closing: Cell<bool>,
    /// The group was dropped: nobody will ask for failures.
    gone: Cell<bool>,
    /// Who waits for the last child, or for the first that fails.
    waiter: Cell<Ticket>,
    failures: RefCell<Vec<ChildError>>,
}

impl GroupCore {
    #[track_caller]
    pub(super) fn new(name: Option<&str>, made_at: &'static Location<'static>) -> Self {
        let lp = current::expect("making a task group");
        let owner = lp.running_id();
        let mut line = Line::new(ResourceKind::Group, made_at, owner);
        if let Some(name) = name {
            line.set_name(name);
        }
        Self {
            lp,
            life: lp.life.load(Relaxed),
            owner: Cell::new(owner),
            keeper: None,
            line,
            live: Cell::new(0),
            children: RefCell::default(),
            sweep_at: Cell::new(SWEEP_MIN),
            aborted: Cell::new(false),
            asked: Cell::new(false),
            closing: Cell::new(false),
            gone: Cell::new(false),
            waiter: Cell::new(Ticket::none()),
            failures: RefCell::default(),
        }
    }

    /// A group whose failures are its keeper's, and cancel nobody.
    #[track_caller]
    pub(crate) fn kept(name: &str, made_at: &'static Location<'static>, keeper: Rc<dyn Keeper>) -> Self {
        Self { keeper: Some(keeper), ..Self::new(Some(name), made_at) }
    }

    /// The id of the task that made the group, which its children have as parent.
    pub(crate) fn owner(&self) -> u64 {
        self.owner.get()
    }

    /// Gives the group to another task, which its children have as parent from now on.
    pub(crate) fn give_to(&self, owner: u64) {
        self.owner.set(owner);
    }

    pub(super) fn live(&self) -> usize {
        self.live.get()
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Whether it takes no more children.
    pub(super) fn refuses(&self) -> bool {
        self.aborted.get() || self.gone.get() || (self.closing.get() && self.live.get() == 0)
    }

    fn is_of_this_life(&self) -> bool {
        self.lp.life.load(Relaxed) == self.life
    }

    /// The loop, which must be the current one.
    #[track_caller]
    pub(super) fn expect_loop(&self, what: &str) -> &'static Loop {
        let lp = current::expect(what);
        assert!(
            std::ptr::eq(lp, self.lp) && self.is_of_this_life(),
            "{what} on another event loop than the one it was made on"
        );
        lp
    }

    /// A child was spawned.
    pub(crate) fn adopt(&self, child: TaskRef) {
        self.live.set(self.live.get() + 1);
        self.show();
        if self.asked.get() {
            self.lp.ask_to_end(child.word);
        }
        let mut children = self.children.borrow_mut();
        if children.len() >= self.sweep_at.get() {
            children.retain(|child| !child.is_done());
            self.sweep_at.set(SWEEP_MIN.max(2 * children.len()));
        }
        children.push(child);
    }

    /// A child is over; `panic` is the text of its panic. Returns whether somebody will hear of that.
    pub(crate) fn child_ended(&self, lp: &Loop, index: u32, panic: Option<String>) -> bool {
        self.live.set(self.live.get() - 1);
        self.show();
        let told = panic.is_none() || self.is_heard();
        if let Some(text) = panic.filter(|_| told) {
            self.fail(ChildError::panicked(lp.describe_task(index), text));
        }
        if let Some(keeper) = &self.keeper {
            let cancelled = lp.controls.get(index).flags.get() & CANCELLED != 0;
            keeper.ended(TaskId::from_raw(lp.records.origin(index).id()), cancelled);
        }
        if self.live.get() == 0 {
            self.waiter.replace(Ticket::none()).notify();
        }
        told
    }

    /// A destructor of a cancelled child panicked.
    pub(crate) fn child_panicked_in_drop(&self, lp: &Loop, index: u32, text: String) {
        self.fail(ChildError::panicked_in_drop(lp.describe_task(index), text));
    }

    /// Whether somebody can still be told of failures.
    pub(crate) fn is_heard(&self) -> bool {
        !self.gone.get()
    }

    /// Takes note of a failure, which cancels everybody else; one that nobody can be told any more is reported.
    pub(super) fn fail(&self, failure: ChildError) {
        if let Some(keeper) = &self.keeper {
            return keeper.failed(failure);
        }
        if !self.is_heard() {
            return self.report(failure);
        }
        self.failures.borrow_mut().push(failure);
        self.abort();
    }

    /// Cancels every child and takes no more.
    pub(super) fn abort(&self) {
        if self.aborted.replace(true) {
            return;
        }
        self.cancel_children();
        self.waiter.replace(Ticket::none()).notify();
    }

    /// Asks every child to end, through its own token.
    #[track_caller]
    pub(super) fn ask_children(&self) {
        self.expect_loop("asking the tasks of a group to end");
        self.asked.set(true);
        // Wakers may be foreign and run any code, which may spawn.
        let children = self.children.borrow().clone();
        for child in children.iter().filter(|child| !child.is_done()) {
            self.lp.ask_to_end(child.word);
        }
    }

    /// The children that are not over, and what they wait for.
    pub(super) fn survivors(&self) -> Vec<Survivor> {
        let left =
            self.children.borrow().iter().filter(|child| !child.is_done()).map(|child| child.id).collect();
        self.lp.survivors_among(left)
    }

    fn cancel_children(&self) {
        if self.is_of_this_life() {
            let children = std::mem::take(&mut *self.children.borrow_mut());
            for child in &children {
                if !child.is_done() {
                    self.lp.cancel(child.word);
                }
            }
        }
    }

    /// The group is dropped.
    pub(super) fn abandon(&self) {
        self.gone.set(true);
        self.cancel_children();
        for failure in self.take_failures() {
            self.report(failure);
        }
    }

    fn report(&self, failure: ChildError) {
        if self.is_of_this_life() {
            self.lp.tell(&failure.into_unhandled());
        }
    }

    pub(super) fn begin_closing(&self) {
        self.closing.set(true);
    }

    pub(super) fn take_failures(&self) -> Vec<ChildError> {
        std::mem::take(&mut *self.failures.borrow_mut())
    }

    /// Waits until no child is left.
    #[track_caller]
    pub(crate) fn poll_empty(&self, wait: &mut Wait, cx: &Context<'_>, awaiting: Awaiting) -> Poll<()> {
        if self.live.get() == 0 {
            self.stop_waiting(wait);
            return Poll::Ready(());
        }
        self.wait(wait, cx, awaiting);
        Poll::Pending
    }

    /// Waits for the last child, or for the group's being cancelled, whichever comes first.
    #[track_caller]
    pub(super) fn wait(&self, wait: &mut Wait, cx: &Context<'_>, awaiting: Awaiting) {
        self.expect_loop("awaiting a task group");
        if wait.is_notified() {
            self.stop_waiting(wait);
        }
        let Awaiting { at, made_at } = awaiting;
        let waiting = Waiting { kind: WaitKind::Group, renewed: false, at, made_at };
        if self.line.park("awaiting a task group", wait, cx, &waiting) {
            self.waiter.set(wait.ticket());
            self.show();
            self.lp.suspect();
        }
    }

    pub(crate) fn stop_waiting(&self, wait: &mut Wait) {
        self.line.unpark(wait);
    }

    /// Writes how many children are left into the record.
    fn show(&self) {
        if let Some(record) = self.line.record() {
            record.filled(self.live.get());
        }
    }
}

impl fmt::Debug for GroupCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = f.debug_struct("Group");
        if let Some(name) = self.line.name() {
            group.field("name", &name);
        }
        group
            .field("tasks", &self.live.get())
            .field("errors", &self.failures.borrow().len())
            .field("shutting_down", &self.aborted.get())
            .finish_non_exhaustive()
    }
}
