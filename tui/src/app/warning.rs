//! The page of one warning: what is wrong, where, what it means, how to mend it, and the stack it was found with.
//!
//! It lies on the screen that it was opened on, and what that screen reads keeps it up to date; once the warning is not
//! among what is read any more, the page keeps it as it was seen last and says so.

use super::cursor::Cursor;
use super::fold::fold;
use super::frames::{self, FrameRow};
use super::source::{self, Excerpts};
use loopscope_inspector::model::lints::Lint;
use loopscope_inspector::model::{Place, Warning, words};

/// The page of one warning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WarningScreen {
    /// The warning, as it was seen last.
    pub(crate) seen: Warning,
    /// It is not there any more.
    pub(crate) gone: bool,
    /// The selected line.
    pub(crate) cursor: Cursor,
    /// Lines of source.
    pub(crate) excerpts: Excerpts,
    /// The columns that text may take.
    columns: usize,
    /// What is wrong, in lines.
    message: Vec<String>,
    /// What is known of its kind.
    lint: Vec<(&'static str, Vec<String>)>,
}

/// One line of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row<'a> {
    /// Its name, and how bad it is.
    Title,
    /// A line of what is wrong.
    Message(&'a str),
    /// How often, how long.
    Facts,
    /// More of what is wrong: who holds and waits, where a lock was taken.
    Note(&'a str),
    /// The task it is about.
    Task(u64),
    /// The loop it is about.
    Loop(u64),
    /// Where.
    At(&'a Place),
    /// A line of source; whether it is the one that is meant.
    Source(u32, &'a str, bool),
    /// An empty line.
    Blank,
    /// The title of what follows.
    Heading(&'static str),
    /// A line of `explain`.
    Text(&'a str),
    /// A frame of its stack, and whether it is of one's own code.
    Frame(usize, &'a loopscope_inspector::model::Frame, bool),
}

/// Where Enter leads from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// To the page of a task.
    Task(u64),
    /// To the tasks of a loop.
    Loop(u64),
}

impl WarningScreen {
    /// The page of a warning.
    pub(crate) fn new(warning: &Warning) -> Self {
        let mut page = Self { seen: warning.clone(), ..Self::default() };
        page.fold(COLUMNS_MIN);
        page
    }

    /// Lets text take so many columns.
    pub(crate) fn fold(&mut self, columns: usize) {
        let columns = columns.clamp(COLUMNS_MIN, COLUMNS_MAX);
        if self.columns != columns {
            self.columns = columns;
            self.lint = of_lint(&self.seen, columns);
            self.message = message(&self.seen, columns);
        }
    }

    /// Takes the warning as it is now; `None` if it is not there any more.
    pub(crate) fn take(&mut self, warning: Option<&Warning>) {
        self.gone = warning.is_none();
        if let Some(warning) = warning {
            self.message = message(warning, self.columns);
            self.seen = warning.clone();
        }
    }

    /// Places on the page whose lines have not been read; they are taken to be read now.
    pub(crate) fn ask(&mut self) -> Vec<Place> {
        let places = self.seen.at.iter().chain(frames::places(&self.seen.stack));
        source::ask(&mut self.excerpts, places)
    }

    /// The lines of the page.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = vec![Row::Title];
        rows.extend(self.message.iter().map(|line| Row::Message(line)));
        rows.push(Row::Facts);
        rows.extend(self.seen.notes.iter().map(|note| Row::Note(note)));
        rows.extend(self.seen.task.map(Row::Task));
        rows.extend(self.seen.loop_id.map(Row::Loop));
        if let Some(at) = &self.seen.at {
            rows.push(Row::At(at));
            if let Some(excerpt) = self.excerpts.get(at) {
                let lines = excerpt.lines.iter().zip(excerpt.first..);
                rows.extend(lines.map(|(line, number)| Row::Source(number, line, number == at.line)));
            }
        }
        if !self.seen.stack.is_empty() {
            rows.extend([Row::Blank, Row::Heading("Stack, the innermost first")]);
            rows.extend(frames::rows(&self.seen.stack, &self.excerpts).into_iter().map(|row| match row {
                FrameRow::Frame(number, frame, own) => Row::Frame(number, frame, own),
                FrameRow::Source(number, line, here) => Row::Source(number, line, here),
            }));
        }
        for (title, lines) in &self.lint {
            rows.extend([Row::Blank, Row::Heading(title)]);
            rows.extend(lines.iter().map(|line| Row::Text(line)));
        }
        rows
    }

    /// Which of the lines can be stood on.
    pub(crate) fn stands(&self) -> Vec<bool> {
        self.rows().iter().map(|row| !matches!(row, Row::Blank | Row::Heading(_) | Row::Source(..))).collect()
    }

    /// The selected line.
    pub(crate) fn selected(&self) -> Option<Row<'_>> {
        self.rows().get(self.cursor.at).copied()
    }

    /// Where Enter leads from the selected line: what the line is about, else what the warning is.
    pub(crate) fn link(&self) -> Result<Link, String> {
        match (self.selected(), self.seen.task, self.seen.loop_id) {
            (Some(Row::Loop(id)), ..) | (_, None, Some(id)) => Ok(Link::Loop(id)),
            (_, Some(id), _) => Ok(Link::Task(id)),
            (_, None, None) => {
                Err("This warning is of no single task or loop; o opens its place.".to_owned())
            }
        }
    }

    /// The place that the selected line is about, else the warning's.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self.selected() {
            Some(Row::Frame(_, frame, _)) if frame.at.is_some() => frame.at.as_ref(),
            _ => self.seen.at.as_ref().or_else(|| frames::places(&self.seen.stack).next()),
        }
    }
}

/// What is wrong, in lines.
fn message(warning: &Warning, columns: usize) -> Vec<String> {
    lines(&words::escape(&warning.message, MESSAGE_CHARS_MAX), columns)
}

fn lines(text: &str, columns: usize) -> Vec<String> {
    fold(text, columns).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// What is known of a kind of warning, in lines.
fn of_lint(warning: &Warning, columns: usize) -> Vec<(&'static str, Vec<String>)> {
    let told = |text: &str| lines(&words::escape(text, MESSAGE_CHARS_MAX), columns);
    let Some(lint) = Lint::ALL.iter().find(|known| known.as_str() == warning.name) else {
        if !warning.help.is_empty() || !warning.summary.is_empty() {
            return vec![("How to mend it", told(&warning.help)), ("What it means", told(&warning.summary))];
        }
        let unknown = "This program does not know this warning; the process may be of a newer version.";
        return vec![("What it means", lines(unknown, columns))];
    };
    vec![
        ("How to mend it", lines(lint.remedy(), columns)),
        ("What it means", lines(lint.explanation(), columns)),
        ("For example", lint.example().lines().map(str::to_owned).collect()),
    ]
}

/// What text takes on the smallest terminal.
const COLUMNS_MIN: usize = 54;
/// Longer lines are hard to read, whatever the terminal has.
const COLUMNS_MAX: usize = 100;
/// What is shown of what is wrong.
const MESSAGE_CHARS_MAX: usize = 1_000;
