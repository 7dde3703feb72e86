//! Children whose handle is gone before they ended.
//!
//! ```text
//!   handle dropped ──ended──► reaped at once
//!         │ running, on its loop ──► a task "reaper of sh" waits for the end and reaps it
//!         │                            └─the loop ends first─┐
//!         └─elsewhere, or its loop is over ──────────────────┴► the process's list, looked through at each start and each
//!                                                              leaving
//! ```
//!
//! So no zombie stays but those of the list, which the next child that is started sweeps away; there are at most as many as
//! children that outlived their loop.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use rustix::process::{Pid, WaitOptions};

use super::watch::Process;
use crate::context;
use crate::event_loop::slot::Closing;
use crate::event_loop::wait::Wait;
use crate::task;

/// Children of this process that no loop waits for.
static LEFT: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Sees to it that a process is reaped although nobody has a handle of it any more.
pub(super) fn adopt(process: &Rc<Process>) {
    if process.is_of_another_process() || process.try_end().is_some() {
        return;
    }
    match process.current_loop() {
        Some(lp) if lp.closing.get() == Closing::No => {
            // It must not keep the task-locals of who dropped the handle.
            let _without = context::enter(None);
            let name = format!("reaper of {}", process.name());
            task::Builder::new()
                .name(&name)
                .spawn(Reaper { process: Rc::clone(process), wait: Wait::new() })
                .leave_to_loop();
        }
        _ => leave(process.pid()),
    }
}

/// Puts a child into the process's list.
pub(super) fn leave(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.push(pid);
    reap(&mut left);
}

/// Reaps what has ended of the process's list.
pub(super) fn sweep() {
    // Whoever holds the lock does the same; and in the child of a fork it may be held for ever.
    if let Ok(mut left) = LEFT.try_lock() {
        reap(&mut left);
    }
}

fn reap(left: &mut Vec<Pid>) {
    // An error means that it is not our child: reaped by somebody else, or our parent's.
    left.retain(|pid| matches!(rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
}

/// Waits for the end of a child that nobody else waits for.
struct Reaper {
    process: Rc<Process>,
    wait: Wait,
}

impl Future for Reaper {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let Self { process, wait } = &mut *self;
        process.poll_end(cx, wait, at).map(drop)
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.process.leave(&mut self.wait);
        // Cancelled, or its loop ends.
        if !self.process.is_of_another_process() && self.process.try_end().is_none() {
            leave(self.process.pid());
        }
    }
}
