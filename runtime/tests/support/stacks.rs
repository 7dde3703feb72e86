//! Stacks of tasks as text to compare: each await with the source line that it stands at.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use loopscope::introspect::{Branch, Dump, Frame, Reached, TaskStack};
use loopscope::{Handle, TaskId};

/// The stack of one task of this loop, as text.
pub(crate) async fn picture_of(task: TaskId, source: &str) -> String {
    picture(&stack_of(task).await, source)
}

/// The stack of one task of this loop.
pub(crate) async fn stack_of(task: TaskId) -> TaskStack {
    let options = loopscope::introspect::Options::new().tasks([task]);
    let dump = loopscope::introspect::dump(&Handle::current(), options).await.unwrap();
    only(dump)
}

fn only(mut dump: Dump) -> TaskStack {
    assert_eq!(dump.tasks.len(), 1, "{dump}");
    dump.tasks.remove(0)
}

/// A line for each frame, `function: source line` for those in `source`, deeper where branches go on; how a branch ends where that
/// is no leaf of ours.
pub(crate) fn picture(stack: &TaskStack, source: &str) -> String {
    let mut depths: Vec<usize> = Vec::new();
    let mut lines = Vec::new();
    for Branch { parent, frames, reached, times, .. } in &stack.branches {
        let depth = parent.map_or(0, |parent| depths[parent] + 1);
        depths.push(depth);
        let indent = "  ".repeat(depth);
        lines.extend(frames.iter().map(|frame| format!("{indent}{}", line_of(frame, source))));
        if !matches!(reached, Reached::Leaf | Reached::Fork) {
            lines.push(format!("{indent}({reached:?})"));
        }
        if *times > 1 {
            lines.push(format!("{indent}(times {times})"));
        }
    }
    lines.join("\n")
}

fn line_of(frame: &Frame, source: &str) -> String {
    let function = &frame.function;
    match &frame.at {
        Some(at) if at.file.starts_with("runtime/tests/") => {
            let text = source.lines().nth(at.line as usize - 1).unwrap_or("no such line");
            format!("{function}: {}", text.trim())
        }
        // A library's, by the folder that has its name and version.
        Some(at) => {
            let folder = at.file.split('/').next().unwrap_or_default();
            format!("{function}: in {}", folder.rsplit_once('-').map_or(folder, |(name, _)| name))
        }
        None => function.clone(),
    }
}

/// Whether a picture is as expected. In an optimized build with line tables alone functions that were inlined have no names, so there
/// the lines of the awaits count.
#[track_caller]
pub(crate) fn assert_picture(seen: &str, expected: &str) {
    if cfg!(debug_assertions) {
        assert_eq!(seen, expected);
    } else {
        assert_eq!(awaits(seen), awaits(expected), "{seen}");
    }
}

fn awaits(picture: &str) -> Vec<&str> {
    let awaits = picture.lines().filter_map(|line| line.split_once(": ").map(|(_, text)| text));
    awaits.filter(|text| !text.starts_with("in ")).collect()
}
