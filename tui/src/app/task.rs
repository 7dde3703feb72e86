//! The page of one task: who it is, what it waits for, what it did, what is wrong with it, who is near it.
//!
//! Like Overview it is one list of [`Row`]s, made from the picture. Lines of source come from files, so they are not in
//! the picture: [`TaskScreen::ask`] names the places whose lines have not been read, the update has them read, and
//! the page shows them when they are there.

use super::cursor::Cursor;
use super::fold::fold;
use super::frames::{self, FrameRow};
use super::order::Taken;
use super::question::TaskPicture;
use super::source::{self, Excerpts};
use loopscope_inspector::model::lints::Lint;
use loopscope_inspector::model::why::{End, Step};
use loopscope_inspector::model::{Dump, Frame, LogLine, Place, Reached, Task, TaskStack, Wait, Warning};
use std::collections::BTreeMap;

/// What is known of the task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Seen {
    /// Nothing has come yet.
    #[default]
    Nothing,
    /// The process does not know it any more, and there was never a picture of it.
    Unknown,
    /// The last picture.
    Picture(Box<TaskPicture>),
    /// The last picture; the process does not know it any more.
    Gone(Box<TaskPicture>),
}

/// The page of one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TaskScreen {
    /// Which one.
    pub(crate) id: u64,
    /// What is known of it.
    pub(crate) seen: Seen,
    /// The picture before the last, for what happened in between.
    pub(crate) before: Option<Box<TaskPicture>>,
    /// The selected line.
    pub(crate) cursor: Cursor,
    /// Lines of source.
    pub(crate) excerpts: Excerpts,
    /// Its async stack, once it was asked for.
    pub(crate) stack: Taken<Box<Dump>>,
    /// Lines of advice for each lint that holds of the task.
    advice: BTreeMap<String, Vec<String>>,
}

/// One line of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row<'a> {
    /// Name, number, state.
    Title,
    /// Kind, loop, size, age.
    Identity,
    /// Busy, scheduled and idle time.
    Times,
    /// Polls and wakes.
    Counts,
    /// An empty line.
    Blank,
    /// The title of what follows.
    Heading(&'static str),
    /// What follows is empty, in words.
    Nothing(&'static str),
    /// The place it was spawned at.
    Spawned(&'a Place),
    /// One thing it waits for.
    Wait(&'a Wait),
    /// Where it awaits, or where that was made.
    At(&'static str, &'a Place),
    /// A line of source; whether it is the one that is meant.
    Source(u32, &'a str, bool),
    /// So many waits are not listed.
    MoreWaits(u64),
    /// One step of the chain to the root of its wait; the number of the step.
    Step(usize, &'a Step),
    /// How the chain ends.
    ChainEnd(&'a End),
    /// What is wrong with it.
    Warning(&'a Warning),
    /// What a warning means and what to do about it: a line of `explain`.
    Advice(&'a str),
    /// A frame of a stack, how deep it lies in forks, and whether it is of one's own code.
    Frame(usize, &'a Frame, bool, usize),
    /// Where a branch of the async stack ends, how deep it lies in forks, and how many alike there are.
    Reached(Reached, usize, u32),
    /// When the async stack was taken, and what it cost.
    Taken(&'a Dump),
    /// Why something is not there.
    Failed(&'a str),
    /// A log line.
    Log(&'a LogLine),
    /// A relative.
    Relative(&'a Task),
    /// So many relatives are not listed.
    MoreRelatives(u64),
    /// The histograms of its site, where there is no room beside the list.
    Histograms,
}

impl TaskScreen {
    /// The page of a task of which nothing is known yet.
    pub(crate) fn new(id: u64) -> Self {
        Self { id, ..Self::default() }
    }

    /// The last picture.
    pub(crate) fn picture(&self) -> Option<&TaskPicture> {
        match &self.seen {
            Seen::Nothing | Seen::Unknown => None,
            Seen::Picture(picture) | Seen::Gone(picture) => Some(picture),
        }
    }

    /// Takes an answer.
    pub(crate) fn take(&mut self, answer: Option<Box<TaskPicture>>) {
        if let Some(picture) = &answer {
            self.advice = picture
                .warnings
                .iter()
                .map(|warning| (warning.name.clone(), advice(&warning.name)))
                .collect();
        }
        let old = std::mem::take(&mut self.seen);
        self.seen = match (old, answer) {
            (Seen::Picture(old) | Seen::Gone(old), Some(new)) => {
                if old.taken_at < new.taken_at {
                    self.before = Some(old);
                }
                Seen::Picture(new)
            }
            (_, Some(new)) => Seen::Picture(new),
            (Seen::Picture(old) | Seen::Gone(old), None) => Seen::Gone(old),
            (_, None) => Seen::Unknown,
        };
    }

    /// The steps of the chain.
    pub(crate) fn steps(&self) -> &[Step] {
        self.picture().and_then(|picture| picture.chain.as_ref()).map_or(&[], |chain| &chain.steps)
    }

    /// Places on the page whose lines have not been read; they are taken to be read now.
    pub(crate) fn ask(&mut self) -> Vec<Place> {
        match &self.seen {
            Seen::Nothing | Seen::Unknown => Vec::new(),
            Seen::Picture(picture) | Seen::Gone(picture) => {
                let stacks = picture.warnings.iter().map(|warning| &warning.stack).chain([&picture.created]);
                let of_stacks = stacks.flat_map(|frames| frames::places(frames));
                source::ask(&mut self.excerpts, places(&picture.task).chain(of_stacks))
            }
        }
    }

    /// The lines of the page.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let Some(picture) = self.picture() else { return Vec::new() };
        let mut rows = vec![Row::Title, Row::Identity, Row::Times, Row::Counts];
        for warning in &picture.warnings {
            rows.push(Row::Warning(warning));
            let advice = self.advice.get(&warning.name).into_iter().flatten();
            rows.extend(advice.map(|line| Row::Advice(line)));
            self.push_frames(&warning.stack, &mut rows);
        }
        rows.extend([Row::Blank, Row::Heading("Waits for")]);
        self.push_waits(&picture.task, &mut rows);
        if let Some(chain) = picture.chain.as_ref().filter(|chain| chain.steps.len() > 1) {
            rows.extend([Row::Blank, Row::Heading("The chain to the root of its wait")]);
            rows.extend(chain.steps.iter().enumerate().map(|(number, step)| Row::Step(number, step)));
            rows.push(Row::ChainEnd(&chain.end));
        }
        self.push_stack(&mut rows);
        rows.extend([Row::Blank, Row::Heading("Spawned at")]);
        match &picture.task.site {
            Some(site) => {
                rows.push(Row::Spawned(site));
                self.push_source(site, &mut rows);
            }
            None => rows.push(Row::Nothing("the place is not known")),
        }
        if !picture.created.is_empty() {
            rows.extend([Row::Blank, Row::Heading("Spawned by, the innermost first")]);
            self.push_frames(&picture.created, &mut rows);
        }
        push_logs(picture.logs.as_ref(), &mut rows);
        rows.extend([Row::Blank, Row::Heading("Polls of its spawn site"), Row::Histograms]);
        push_relatives(
            "Waited for by",
            "no task waits for it",
            &picture.waiters,
            Some(picture.waiter_count),
            &mut rows,
        );
        push_relatives(
            "Children",
            "it has no children",
            &picture.children,
            Some(picture.child_count),
            &mut rows,
        );
        push_relatives(
            "Ancestors, the nearest first",
            "it was spawned by no task",
            &picture.ancestors,
            None,
            &mut rows,
        );
        rows
    }

    fn push_waits<'a>(&'a self, task: &'a Task, rows: &mut Vec<Row<'a>>) {
        if task.waiting_on.is_empty() {
            rows.push(Row::Nothing(match task.state {
                state if state.is_finished() => "nothing: it is over",
                loopscope_inspector::model::TaskState::Idle => "something the runtime does not know",
                _ => "nothing: it runs or is about to",
            }));
        }
        for wait in &task.waiting_on {
            rows.push(Row::Wait(wait));
            if let Some(at) = &wait.at {
                rows.push(Row::At("at", at));
                self.push_source(at, rows);
            }
            if let Some(made) =
                wait.made_at.as_ref().filter(|made| !wait.at.as_ref().is_some_and(|at| at.same_line(made)))
            {
                rows.push(Row::At("made at", made));
            }
        }
        if task.waiting_on_more > 0 {
            rows.push(Row::MoreWaits(task.waiting_on_more));
        }
    }

    fn push_frames<'a>(&'a self, frames: &'a [Frame], rows: &mut Vec<Row<'a>>) {
        rows.extend(frames::rows(frames, &self.excerpts).into_iter().map(|row| match row {
            FrameRow::Frame(number, frame, own) => Row::Frame(number, frame, own, 0),
            FrameRow::Source(number, line, here) => Row::Source(number, line, here),
        }));
    }

    /// The async stack: from the task's own future down to what it waits for.
    fn push_stack<'a>(&'a self, rows: &mut Vec<Row<'a>>) {
        rows.extend([Row::Blank, Row::Heading("Async stack, the outermost first")]);
        match &self.stack {
            Taken::Not => rows.push(Row::Nothing("a takes it: the task is polled once for that")),
            Taken::Asked => rows.push(Row::Nothing("it is being taken")),
            Taken::Failed(why) => rows.push(Row::Failed(why)),
            Taken::Got(dump) => {
                rows.push(Row::Taken(dump));
                match dump.stacks.iter().find(|stack| stack.task == self.id) {
                    Some(stack) => push_branches(stack, rows),
                    None => rows.push(Row::Nothing("the task was over by then")),
                }
            }
        }
    }

    fn push_source<'a>(&'a self, place: &Place, rows: &mut Vec<Row<'a>>) {
        let Some(excerpt) = self.excerpts.get(place) else { return };
        let lines = excerpt.lines.iter().zip(excerpt.first..);
        rows.extend(lines.map(|(line, number)| Row::Source(number, line, number == place.line)));
    }

    /// Which of the lines can be stood on.
    pub(crate) fn stands(&self) -> Vec<bool> {
        self.rows()
            .iter()
            .map(|row| !matches!(row, Row::Blank | Row::Heading(_) | Row::Source(..) | Row::Advice(_)))
            .collect()
    }

    /// The selected line.
    pub(crate) fn selected(&self) -> Option<Row<'_>> {
        self.rows().get(self.cursor.at).copied()
    }

    /// The task that Enter leads to, or why there is none.
    pub(crate) fn link(&self) -> Result<u64, String> {
        match self.selected() {
            Some(Row::Wait(Wait { task: Some(id), .. })) => Ok(*id),
            Some(Row::Step(_, step)) if step.task != self.id => Ok(step.task),
            Some(Row::Relative(task)) => Ok(task.id),
            Some(Row::Step(..)) => Err("This is the page of that task.".to_owned()),
            Some(Row::Wait(_)) => Err("It waits for no task here; w walks the chain.".to_owned()),
            Some(_) => {
                Err("There is nothing to open in this line; o opens the editor at its place.".to_owned())
            }
            None => Err("There is no picture of this task yet.".to_owned()),
        }
    }

    /// The place that the selected line is about, else the most telling one of the task.
    pub(crate) fn place(&self) -> Option<&Place> {
        let task = &self.picture()?.task;
        match self.selected() {
            Some(Row::Spawned(place) | Row::At(_, place)) => Some(place),
            Some(Row::Wait(wait)) => wait.at.as_ref().or(wait.made_at.as_ref()),
            Some(Row::Warning(warning)) if warning.at.is_some() => warning.at.as_ref(),
            Some(Row::Frame(_, frame, ..)) if frame.at.is_some() => frame.at.as_ref(),
            Some(Row::Step(_, step)) => step_place(step),
            Some(Row::Relative(task)) => places(task).next(),
            _ => places(task).next(),
        }
    }
}

/// The branches of an async stack, each behind the one that it forks from.
fn push_branches<'a>(stack: &'a TaskStack, rows: &mut Vec<Row<'a>>) {
    rows.extend(stack.note.as_deref().map(Row::Failed));
    // A fork of forks is as deep as the code is nested; the bound is for what no honest agent sends.
    let mut next: Vec<(usize, usize)> = if stack.branches.is_empty() { Vec::new() } else { vec![(0, 0)] };
    let mut left = stack.branches.len();
    while let Some((index, depth)) = next.pop()
        && left > 0
    {
        left -= 1;
        let branch = &stack.branches[index];
        let frames = branch.frames.iter().enumerate();
        rows.extend(frames.map(|(number, frame)| Row::Frame(number, frame, frames::is_own(frame), depth)));
        let forks: Vec<usize> = stack.forks(index).map(|(fork, _)| fork).collect();
        if forks.is_empty() {
            rows.push(Row::Reached(branch.reached, depth, branch.times));
        }
        next.extend(forks.into_iter().rev().map(|fork| (fork, depth + 1)));
    }
    if stack.branches.is_empty() && stack.note.is_none() {
        rows.push(Row::Nothing("nothing was reached"));
    }
}

fn push_logs<'a>(logs: Option<&'a Vec<std::sync::Arc<LogLine>>>, rows: &mut Vec<Row<'a>>) {
    let Some(lines) = logs else { return };
    rows.extend([Row::Blank, Row::Heading("Its latest log lines")]);
    if lines.is_empty() {
        rows.push(Row::Nothing("it has logged nothing that is kept"));
    }
    rows.extend(lines.iter().map(|line| Row::Log(line)));
}

/// The places of a task, the most telling first.
pub(crate) fn places(task: &Task) -> impl Iterator<Item = &Place> {
    task.waiting_on.iter().filter_map(|wait| wait.at.as_ref()).chain(task.site.as_ref())
}

/// The most telling place of a step of a chain.
pub(crate) fn step_place(step: &Step) -> Option<&Place> {
    step.wait.as_ref().and_then(|wait| wait.at.as_ref()).or(step.site.as_ref())
}

fn push_relatives<'a>(
    heading: &'static str,
    none: &'static str,
    tasks: &'a [Task],
    count: Option<u64>,
    rows: &mut Vec<Row<'a>>,
) {
    rows.extend([Row::Blank, Row::Heading(heading)]);
    if tasks.is_empty() {
        rows.push(Row::Nothing(none));
    }
    rows.extend(tasks.iter().map(Row::Relative));
    let more = count.unwrap_or(0).saturating_sub(tasks.len() as u64);
    if more > 0 {
        rows.push(Row::MoreRelatives(more));
    }
}

/// What a lint means and what to do about it, in lines that fit the smallest terminal.
fn advice(lint: &str) -> Vec<String> {
    let Some(lint) = Lint::ALL.iter().find(|known| known.as_str() == lint) else { return Vec::new() };
    [lint.explanation(), lint.remedy()].into_iter().flat_map(|text| fold(text, ADVICE_CHARS)).collect()
}

/// The longest line of advice.
const ADVICE_CHARS: usize = 54;
