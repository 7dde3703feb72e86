//! The Tasks screen, drawn: what is shown in words, the titles, the rows that are in memory.

use super::chrome::{is_page_full, position};
use super::pen::{Pen, line_of};
use super::rows::{self, marked, state_glyph};
use crate::app::columns::{GAP, Placed, TASK_COLUMNS, TaskColumn, fit};
use crate::app::geometry::{self, MARK};
use crate::app::question::PAGE_ROWS_MAX;
use crate::app::state::State;
use crate::app::tasks::{FLAT_ROWS_MAX, SORT_COLUMNS, Tasks, Typing};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::query::Filter;
use loopscope_inspector::model::{Task, TreeNode, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let parts = geometry::table(area);
    let placed = fit(TASK_COLUMNS, geometry::cells_width(area));
    let typed = state
        .tasks
        .typing
        .as_ref()
        .map(|typing| typing_line(&state.theme, typing, parts.status, parts.titles, buf));
    if typed.is_none() {
        status(state, parts.rows.height, Pen::new(&state.theme)).draw(parts.status, buf);
    }
    if state.tasks.typing.as_ref().is_none_or(|typing| typing.mistake.is_none()) {
        titles(state, &placed, parts.titles, buf);
    }
    typed.or(body(state, &placed, parts.rows, buf))
}

/// The filter while it is typed, and under it what is wrong with it.
fn typing_line(theme: &Theme, typing: &Typing, line: Rect, below: Rect, buf: &mut Buffer) -> Position {
    const PROMPT: &str = " / ";
    let text = typing.line.text();
    let before = ratatui::text::Span::raw(typing.line.before_cursor()).width();
    // A line longer than the screen is pushed to the left until the cursor is seen.
    let room = usize::from(line.width).saturating_sub(PROMPT.len() + 1);
    let pushed = before.saturating_sub(room);
    let shown: String = text.chars().skip(pushed).collect();
    Pen::new(theme).put(Role::Key, PROMPT).put(Role::Strong, shown).draw(line, buf);
    if let Some(mistake) = &typing.mistake {
        let column = PROMPT.len() + mistake.at.saturating_sub(pushed).min(room);
        Pen::new(theme)
            .gap(u16::try_from(column).unwrap_or(0))
            .put(Role::Bad, "^ ")
            .text(&mistake.message)
            .draw(below, buf);
    }
    let x = line.x + u16::try_from(PROMPT.len() + before - pushed).unwrap_or(0);
    Position::new(x.min(line.right().saturating_sub(1)), line.y)
}

/// What is shown, in words.
fn status<'a>(state: &State, screen: u16, pen: Pen<'a>) -> Pen<'a> {
    let tasks = &state.tasks;
    let dot = format!("  {}  ", state.theme.glyphs.dot);
    let shape = if tasks.tree {
        "tree".to_owned()
    } else {
        let order = if tasks.descending { "greatest first" } else { "smallest first" };
        format!("flat, by {}, {order}", SORT_COLUMNS[tasks.sort].name.replace('_', " "))
    };
    let mut pen = pen.gap(MARK).put(Role::Strong, shape);
    let known = tasks.page.as_ref().map(|(_, page)| page);
    pen = match known {
        Some(page) => pen.dim(&dot).text(position(tasks.cursor, page.total)),
        None => pen.dim(&dot).dim("being read"),
    };
    if !tasks.filter.is_empty() {
        pen = pen.dim(&dot).put(Role::Accent, format!("/ {}", tasks.filter));
    }
    if let Some(id) = tasks.follow {
        pen = pen.dim(&dot).put(Role::Accent, format!("following #{id}"));
    }
    if known.is_some_and(|page| is_page_full(page.rows.len())) && u64::from(screen) > PAGE_ROWS_MAX {
        pen = pen.dim(&dot).put(Role::Notice, "more rows than are read at once");
    }
    if tasks.reach() < tasks.total() {
        let text =
            format!("the first {} can be gone to; / filters, i turns round", words::count(FLAT_ROWS_MAX));
        pen = pen.dim(&dot).put(Role::Notice, text);
    }
    pen
}

fn titles(state: &State, placed: &[Placed<TaskColumn>], area: Rect, buf: &mut Buffer) {
    let glyphs = state.theme.glyphs;
    let sorted = (!state.tasks.tree).then(|| SORT_COLUMNS[state.tasks.sort].column);
    let arrow = if state.tasks.descending { glyphs.descending } else { glyphs.ascending };
    let mut pen = Pen::new(&state.theme).gap(MARK);
    for cell in placed {
        let is_sorted = sorted == Some(cell.column.id);
        let title =
            if is_sorted { format!("{}{arrow}", cell.column.title) } else { cell.column.title.to_owned() };
        let role = if is_sorted { Role::Title } else { Role::Dim };
        pen = pen.cell(role, title, cell.width, cell.column.number).gap(GAP);
    }
    pen.draw(area, buf);
}

fn body(state: &State, placed: &[Placed<TaskColumn>], area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let tasks = &state.tasks;
    let Some((_, page)) = &tasks.page else {
        let text = if state.is_over() {
            "the process ended before they were read"
        } else {
            "the tasks are being read"
        };
        Pen::new(theme).gap(MARK).dim(text).draw(area, buf);
        return None;
    };
    if page.total == 0 {
        let text = if tasks.filter.is_empty() {
            "there are no tasks"
        } else {
            "no task matches; Esc clears the filter"
        };
        Pen::new(theme).gap(MARK).dim(text).draw(area, buf);
        return None;
    }
    let mut at = None;
    let mut branches = Branches::new(tasks);
    // In the tree the ancestors of what matches are shown too: they are told from it.
    let filter = Filter::parse::<Task>(&tasks.filter).ok();
    for line in 0..area.height {
        let number = tasks.top + u64::from(line);
        if number >= tasks.reach() {
            break;
        }
        let rect = line_of(area, line);
        let selected = number == tasks.cursor;
        let pen = match tasks.row(number) {
            Some(node) => {
                let branch = if tasks.tree { branches.before(number, node, theme) } else { String::new() };
                let matches = filter.as_ref().is_none_or(|filter| filter.matches(&node.task));
                row(theme, tasks, node, &branch, placed, matches)
            }
            None => Pen::new(theme).dim(theme.glyphs.cut),
        };
        marked(theme, pen, selected, rect, buf);
        if selected {
            at = Some(Position::new(rect.x, rect.y));
        }
    }
    at
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
            number => (text_role, number_text(number, task, tasks)),
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
    let fold = match (tasks.tree, node.children) {
        (false, _) => String::new(),
        (true, 0) => "  ".to_owned(),
        (true, _) if tasks.is_expanded(task.id) => format!("{} ", theme.glyphs.open),
        (true, _) => format!("{} ", theme.glyphs.closed),
    };
    // A very deep tree leaves room for the name: the branches are cut, at their root.
    let most = usize::from(width) / 2;
    let branch = super::pen::cut_front(branch, most, theme.glyphs.cut);
    let warned = if task.warnings.is_empty() { String::new() } else { format!("{} ", theme.glyphs.notice) };
    let hidden = if tasks.tree && !tasks.is_expanded(task.id) && node.descendants > 0 {
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
        .put(Role::Notice, warned)
        .cell(role, format!("{}{hidden}", rows::task_name(task)), room, false)
        .gap(GAP)
}

fn number_text(column: TaskColumn, task: &Task, tasks: &Tasks) -> String {
    let rates = tasks.rates(task);
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
        let next = tasks.page.as_ref().map_or(0, |(_, page)| page.offset);
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
        // A root has no line to its left.
        (1..=node.depth as usize)
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
