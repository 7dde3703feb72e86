//! What a task's handle looks like in a debugger's eyes: the task as its records say.

use std::fmt;
use std::ops::ControlFlow;

use super::handle::TaskId;
use super::task_ref::TaskRef;
use crate::telemetry::LoopReader;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::view::{Place, WaitView};

/// Shows a task: number, name, state, where it was spawned, and what it waits for where.
pub(super) fn show(f: &mut fmt::Formatter<'_>, task: TaskRef) -> fmt::Result {
    let mut shown = f.debug_struct("Task");
    shown.field("id", &TaskId::from_raw(task.id));
    let reader = task.lp().map(|lp| LoopReader::new(lp, lp.life.load(Relaxed)));
    let view = reader.as_ref().and_then(|reader| Some((reader, reader.task(task.id)?)));
    let Some((reader, view)) = view else {
        // Its loop has ended, or so many tasks have since that it is forgotten.
        return shown.field("finished", &task.is_done()).finish_non_exhaustive();
    };
    if let Some(name) = view.name.and_then(|name| reader.name(name)) {
        shown.field("name", &name);
    }
    shown.field("state", &view.state);
    if task.is_cancelling() {
        shown.field("cancelling", &true);
    }
    let place = reader.site(view.site).and_then(|site| reader.place(site.place));
    if let Some(place) = place {
        shown.field("spawned_at", &Words(text_of(&place)));
    }
    let waits = waits(reader, task.id);
    if !waits.is_empty() {
        shown.field("waits_for", &waits);
    }
    shown.finish_non_exhaustive()
}

/// A wait in a few words.
struct Words(String);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn text_of(Place { file, line, column }: &Place) -> String {
    format!("{file}:{line}:{column}")
}

fn waits(reader: &LoopReader, task: u64) -> Vec<Words> {
    let mut waits = Vec::new();
    reader.waits(&mut |wait: &WaitView| {
        if wait.task == task {
            let target = wait.target_task.map_or_else(String::new, |id| format!(" {}", TaskId::from_raw(id)));
            let at = wait.at.and_then(|at| reader.place(at));
            let at = at.map_or_else(String::new, |at| format!(" at {}", text_of(&at)));
            waits.push(Words(format!("{:?}{target}{at}", wait.kind)));
        }
        ControlFlow::Continue(())
    });
    waits
}
