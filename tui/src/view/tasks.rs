//! The Tasks screen, drawn: rows with the branches of the tree.

use super::pen::Pen;
use super::rows::{self, state_glyph};
use super::table;
use crate::app::columns::{GAP, Placed, TASK_COLUMNS, TaskColumn};
use crate::app::state::State;
use crate::app::tasks::Tasks;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::query::Filter;
use loopscope_inspector::model::{Cycle, Lint, Task, TreeNode, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let tasks = &state.tasks;
    let window = tasks.window();
    let mut branches = Branches::new(tasks);
    // In the tree the ancestors of what matches are shown too: they are told from it.
    let filter = Filter::parse::<Task>(&window.filter).ok();
    let follow = tasks.follow.map(|id| (Role::Accent, format!("following #{id}")));
    let told: Vec<_> = follow.into_iter().chain(circles(theme, tasks)).collect();
    table::draw(state, (&tasks.table, TASK_COLUMNS), area, buf, &told, |number, node, placed| {
        let branch = if window.tree { branches.before(number, node, theme) } else { String::new() };
        let matches = filter.as_ref().is_none_or(|filter| filter.matches(&node.task));
        row(theme, tasks, node, &branch, placed, matches)
    })
}

fn row<'a>(
    theme: &'a Theme,
    tasks: &Tasks,
    node: &TreeNode,
    branch: &str,
    placed: &[Placed<TaskColumn>],
    matches: bool,
) -> Pen<'a> {
    let task = &node.task;
    let (glyph, state_role) = state_glyph(theme, task.state);
    let faint = task.state.is_finished() || !matches;
    let text_role = if faint { Role::Dim } else { Role::Text };
    let state_role = if matches { state_role } else { Role::Dim };
    let mut pen = Pen::new(theme);
    for cell in placed {
        let (role, text) = match cell.column.id {
            TaskColumn::Task => {
                pen = task_cell(theme, tasks, node, branch, (cell.width, text_role), pen);
                continue;
            }
            TaskColumn::State => (state_role, format!("{glyph} {}", task.state)),
            TaskColumn::Waits => (text_role, words::doing(task)),
            TaskColumn::Site => {
                let place = task.site.as_ref().map(|site| rows::place(theme, site, cell.width));
                (Role::Dim, place.unwrap_or_default())
            }
            TaskColumn::Blocks => match task.blocks {
                Some(blocks) if blocks > 0 => (Role::Notice, words::count(blocks)),
                Some(_) => (Role::Dim, "0".to_owned()),
                None => (Role::Dim, String::new()),
            },
            number => (text_role, number_text(number, node, tasks)),
        };
        pen = pen.cell(role, text, cell.width, cell.column.number).gap(GAP);
    }
    pen
}

/// Number and name behind the branches of the tree, with a sign where something is wrong.
fn task_cell<'a>(
    theme: &Theme,
    tasks: &Tasks,
    node: &TreeNode,
    branch: &str,
    (width, role): (u16, Role),
    pen: Pen<'a>,
) -> Pen<'a> {
    let task = &node.task;
    let fold = match (tasks.window().tree, node.children) {
        (false, _) => String::new(),
        (true, 0) => "  ".to_owned(),
        (true, _) if tasks.is_expanded(task.id) => format!("{} ", theme.glyphs.open),
        (true, _) => format!("{} ", theme.glyphs.closed),
    };
    // A very deep tree leaves room for the name: the branches are cut, at their root.
    let most = usize::from(width) / 2;
    let branch = super::pen::cut_front(branch, most, theme.glyphs.cut);
    let (warned_role, warned) = warned(theme, tasks, task, width >= WORDS_MIN);
    let hidden = if tasks.window().tree && !tasks.is_expanded(task.id) && node.descendants > 0 {
        format!(" (+{})", words::count(node.descendants))
    } else {
        String::new()
    };
    let used = [&branch, &fold, &warned]
        .iter()
        .map(|part| ratatui::text::Span::raw(part.as_str()).width())
        .sum::<usize>();
    let room = width.saturating_sub(u16::try_from(used).unwrap_or(u16::MAX));
    pen.dim(branch)
        .put(Role::Accent, fold)
        .put(warned_role, warned)
        .cell(role, format!("{}{hidden}", rows::task_name(task)), room, false)
        .gap(GAP)
}

/// The sign of what is wrong with a task, the worst of it.
fn warned(theme: &Theme, tasks: &Tasks, task: &Task, in_words: bool) -> (Role, String) {
    let deadlock = Lint::Deadlock.as_str();
    let sign =
        |glyph: &str, word: &str| if in_words { format!("{glyph} {word} ") } else { format!("{glyph} ") };
    match tasks.cycle(task.id) {
        Some(cycle) if cycle.deadlock => (Role::Bad, sign(theme.glyphs.bad, "deadlock")),
        _ if task.warnings.iter().any(|name| name == deadlock) => {
            (Role::Bad, format!("{} ", theme.glyphs.bad))
        }
        Some(_) => (Role::Notice, sign(theme.glyphs.notice, "circle")),
        None if !task.warnings.is_empty() => (Role::Notice, format!("{} ", theme.glyphs.notice)),
        None => (Role::Notice, String::new()),
    }
}

/// The circles of the whole process, in words.
fn circles(theme: &Theme, tasks: &Tasks) -> Vec<(Role, String)> {
    let (deadlocks, others): (Vec<_>, Vec<_>) = tasks.cycles().iter().partition(|cycle| cycle.deadlock);
    let told = |role, glyph: &str, cycles: Vec<&Cycle>, what: &str| {
        let first = cycles.first()?;
        let mut round: Vec<String> = first.tasks.iter().take(ROUND_MAX).map(|id| format!("#{id}")).collect();
        let back =
            if first.tasks.len() > ROUND_MAX { theme.glyphs.cut.to_owned() } else { round.first()?.clone() };
        round.push(back);
        let round = round.join(&format!(" {} ", theme.glyphs.arrow));
        Some((role, format!("{glyph} {}: {round}", words::counted(cycles.len() as u64, what))))
    };
    let bad = told(Role::Bad, theme.glyphs.bad, deadlocks, "deadlock");
    bad.into_iter().chain(told(Role::Notice, theme.glyphs.notice, others, "circle")).collect()
}

/// From this width of the cell on, a part in a circle is said in words there too; the line above the rows always does.
const WORDS_MIN: u16 = 30;

/// The tasks of a circle that are named.
const ROUND_MAX: usize = 4;

fn number_text(column: TaskColumn, node: &TreeNode, tasks: &Tasks) -> String {
    let task = &node.task;
    let rates = tasks.rates(node);
    match column {
        TaskColumn::Busy => words::duration(task.busy_ns),
        TaskColumn::Now => rates.map(|rates| words::percent(rates.busy)).unwrap_or_default(),
        TaskColumn::Rate => {
            rates.map(|rates| words::count(rates.polls_per_s.round() as u64)).unwrap_or_default()
        }
        TaskColumn::Polls => words::count(task.polls),
        TaskColumn::Longest => task.longest_poll_ns.map(words::duration).unwrap_or_default(),
        TaskColumn::Scheduled => words::duration(task.scheduled_ns),
        TaskColumn::Wakes => words::count(task.wakes),
        TaskColumn::Age => {
            let age = task.busy_ns.saturating_add(task.scheduled_ns).saturating_add(task.idle_ns);
            words::duration(age)
        }
        TaskColumn::Task | TaskColumn::State | TaskColumn::Blocks | TaskColumn::Site | TaskColumn::Waits => {
            String::new()
        }
    }
}

/// The lines of the tree to the left of a row.
///
/// Whether an ancestor has siblings after it is known of those in memory; of those above the page it is taken that they
/// have, which draws a line too many at worst.
#[derive(Debug)]
struct Branches<'a> {
    tasks: &'a Tasks,
    /// For each depth, whether the last row of it was the last child.
    last: Vec<bool>,
    /// The next row that `last` has not seen.
    next: u64,
}

impl<'a> Branches<'a> {
    fn new(tasks: &'a Tasks) -> Self {
        let next = tasks.table.page.as_ref().map_or(0, |(_, page)| page.offset);
        Self { tasks, last: Vec::new(), next }
    }

    fn before(&mut self, number: u64, node: &TreeNode, theme: &Theme) -> String {
        while self.next < number {
            if let Some(passed) = self.tasks.row(self.next) {
                self.note(passed);
            }
            self.next += 1;
        }
        self.note(node);
        self.next = number + 1;
        let glyphs = theme.glyphs;
        // A root has no line to its left. Of a very deep tree the levels that no cell has room for are left out, so that a
        // row costs what its width costs.
        let first = (node.depth as usize).saturating_sub(LEVELS_MAX).max(1);
        (first..=node.depth as usize)
            .map(|depth| {
                match (self.last.get(depth).copied().unwrap_or(false), depth == node.depth as usize) {
                    (true, true) => glyphs.last,
                    (false, true) => glyphs.branch,
                    (true, false) => "   ",
                    (false, false) => glyphs.pass,
                }
            })
            .collect()
    }

    fn note(&mut self, node: &TreeNode) {
        let depth = (node.depth as usize).min(DEPTH_MAX);
        self.last.resize(depth + 1, false);
        self.last[depth] = node.last;
    }
}

/// The depth down to which branches are remembered; below it they are drawn as if siblings followed.
const DEPTH_MAX: usize = 4_096;

/// The levels that are drawn: 768 columns, of which a cell shows half its width at most.
const LEVELS_MAX: usize = 256;
