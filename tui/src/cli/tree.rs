//! `tree`: the task tree drawn with lines, and the circles of waiting tasks below it.

use super::cells::{Ink, cut};
use super::flags::Look;
use super::table::write_rest;
use super::tables::task_ink;
use loopscope_inspector::model::{Snapshot, Task, TreeNode, words};
use std::collections::HashMap;
use std::io::{self, Write};

/// Levels that are drawn with lines. A chain of a hundred thousand tasks would else draw a triangle of gigabytes.
const LEVELS_DRAWN: usize = 40;

/// What the lines are drawn with.
#[derive(Debug)]
struct Lines {
    child: &'static str,
    last_child: &'static str,
    through: &'static str,
    nothing: &'static str,
    deeper: &'static str,
    arrow: &'static str,
}

const BOX: Lines =
    Lines {
        child: "├── ", last_child: "└── ", through: "│   ", nothing: "    ", deeper: "…", arrow: "→"
    };
const ASCII: Lines =
    Lines { child: "|-- ", last_child: "`-- ", through: "|   ", nothing: "    ", deeper: "...", arrow: "->" };

/// Writes the tree and its cycles.
pub(crate) fn write_tree(out: &mut dyn Write, snapshot: &Snapshot, look: Look) -> io::Result<()> {
    let rows = snapshot.tree.as_deref().unwrap_or_default();
    let shown = look.limit.map_or(rows, |limit| rows.get(..limit).unwrap_or(rows));
    if rows.is_empty() && snapshot.total == 0 {
        writeln!(out, "no tasks")?;
    }
    let lines = if look.ascii { &ASCII } else { &BOX };
    let mut guides = Guides::default();
    for row in shown {
        let guide = guides.next(row, lines);
        let task = describe(&row.task);
        let task = if look.ascii { words::ascii(&task) } else { task.into() };
        let text = format!("{guide}{task}");
        let text = look.width.map_or_else(|| text.clone(), |columns| cut(&text, columns, look.ascii));
        writeln!(out, "{}", task_ink(&row.task).paint(&text, look.color))?;
    }
    write_rest(out, snapshot.total, shown.len(), look)?;
    write_cycles(out, snapshot, lines, look)?;
    if snapshot.dropped > 0 {
        let note = format!("dropped: {} records could not be read", words::count(snapshot.dropped));
        writeln!(out, "{}", Ink::Error.paint(&note, look.color))?;
    }
    Ok(())
}

/// The lines to the left of the rows.
#[derive(Debug, Default)]
struct Guides {
    /// For every level above the next row's children: whether a line goes on below it.
    more: Vec<bool>,
}

impl Guides {
    /// The lines of a row. Rows come in the order of display.
    fn next(&mut self, row: &TreeNode, lines: &Lines) -> String {
        // A row that claims to be more than one deeper than the one before counts as its child.
        let depth = usize::try_from(row.depth).unwrap_or(usize::MAX).min(self.more.len());
        self.more.truncate(depth);
        let mut guide = String::new();
        if depth > LEVELS_DRAWN {
            guide = format!("{}{depth} ", lines.deeper);
        }
        let hidden = depth.saturating_sub(LEVELS_DRAWN);
        // The first level is the roots', which no line joins.
        for &more in self.more.iter().skip(1 + hidden) {
            guide.push_str(if more { lines.through } else { lines.nothing });
        }
        if depth > 0 {
            guide.push_str(if row.last { lines.last_child } else { lines.child });
        }
        self.more.push(!row.last);
        guide
    }
}

/// A task in one line.
fn describe(task: &Task) -> String {
    let mut text = words::task(task.id, task.name.as_deref());
    if task.name.is_none()
        && let Some(site) = &task.site
    {
        text = format!("{text} {}", words::place(site));
    }
    text = format!("{text}  {}", words::doing(task));
    if let Some(blocks) = task.blocks.filter(|&blocks| blocks > 0) {
        text = format!("{text}  [blocks {}]", words::count(blocks));
    }
    if !task.warnings.is_empty() {
        text = format!("{text}  ! {}", words::escape(&task.warnings.join(", "), words::TEXT_CHARS_MAX));
    }
    text
}

fn write_cycles(out: &mut dyn Write, snapshot: &Snapshot, lines: &Lines, look: Look) -> io::Result<()> {
    let cycles = snapshot.cycles.as_deref().unwrap_or_default();
    if cycles.is_empty() {
        return Ok(());
    }
    let rows = snapshot.tree.as_deref().unwrap_or_default();
    let names: HashMap<u64, &str> =
        rows.iter().filter_map(|row| Some((row.task.id, row.task.name.as_deref()?))).collect();
    writeln!(out)?;
    for cycle in cycles {
        let (what, ink) = if cycle.deadlock {
            ("deadlock: nothing can end it", Ink::Error)
        } else {
            ("cycle: a timer or I/O can end it", Ink::Warning)
        };
        let first = cycle.tasks.first();
        let around: Vec<String> =
            cycle.tasks.iter().chain(first).map(|&id| words::task(id, names.get(&id).copied())).collect();
        let mut text = format!("{what}: {}", around.join(&format!(" {} ", lines.arrow)));
        if cycle.behind > 0 {
            text = format!("{text}; {} wait behind it", words::counted(cycle.behind, "more task"));
        }
        writeln!(out, "{}", ink.paint(&text, look.color))?;
    }
    Ok(())
}
