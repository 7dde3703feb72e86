//! Which tasks wait for which, and where, as the records of the test's own loop say.

use std::ops::ControlFlow;

use loopscope::Handle;
use loopscope::telemetry::WaitKind;

/// One join: who waits, for which task, and the lines of the `.await` and of where the future was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Join {
    pub(crate) task: u64,
    pub(crate) target: u64,
    pub(crate) at: u32,
    pub(crate) made_at: u32,
    pub(crate) perhaps: bool,
}

/// All joins, by task and target.
pub(crate) fn joins() -> Vec<Join> {
    let reader = Handle::current().reader();
    let line = |place| reader.place(place).unwrap().line;
    let mut joins = Vec::new();
    reader.waits(&mut |wait| {
        if wait.kind == WaitKind::Join {
            joins.push(Join {
                task: wait.task,
                target: wait.target_task.unwrap(),
                at: wait.at.map_or(0, line),
                made_at: wait.made_at.map_or(0, line),
                perhaps: wait.perhaps,
            });
        }
        ControlFlow::Continue(())
    });
    joins.sort_unstable();
    joins
}
