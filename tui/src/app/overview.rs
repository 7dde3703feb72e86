//! The Overview screen: what is wrong, then what there is.
//!
//! The screen is one list of [`Row`]s, made from the picture each time it is needed: the update walks over it, the view
//! draws it, and both see the same rows. Where the terminal is wide the view draws more beside it, which cannot be walked.

use super::cursor::Cursor;
use super::event::Now;
use super::frames;
use super::question::Overview;
use super::sites;
use super::warnings::is_same;
use loopscope_inspector::model::lints::Lint;
use loopscope_inspector::model::{Frame, Loop, Place, Process, Severity, Warning};
use std::collections::{BTreeMap, VecDeque};

/// Readings of a loop's utilisation that are kept: eight minutes at one a second.
pub(crate) const HISTORY_MAX: usize = 480;

/// The Overview screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OverviewScreen {
    /// The last picture.
    pub(crate) picture: Option<Overview>,
    /// The selected row.
    pub(crate) cursor: Cursor,
    /// The utilisation of each loop over time.
    pub(crate) history: BTreeMap<u64, VecDeque<(Now, f64)>>,
}

/// One line of the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row<'a> {
    /// `healthy`, or how many problems there are.
    Verdict,
    /// A loop that stands still: the loudest thing there is.
    Stuck(&'a Warning),
    /// Where in one's own code it stands, or how to find out.
    StuckAt(Option<&'a Frame>),
    /// One problem.
    Problem(&'a Warning),
    /// So many problems are not listed.
    MoreProblems(u64),
    /// An empty line.
    Blank,
    /// The title of what follows.
    Heading(&'static str),
    /// One loop.
    Loop(&'a Loop),
    /// Live tasks by state.
    Live,
    /// Recently finished tasks by how they ended.
    Finished,
    /// One spawn site.
    Site(&'a loopscope_inspector::model::Site),
}

/// Where Enter leads from a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// To a task.
    Task(u64),
    /// To the tasks that match a filter.
    Filter(String),
    /// To the page of a warning that is of no single task or loop.
    Warning(Box<Warning>),
    /// To all warnings.
    Warnings,
}

impl OverviewScreen {
    /// Takes the readings of a picture in, without showing it.
    pub(crate) fn remember(&mut self, picture: &Overview, now: Now) {
        self.history.retain(|id, _| picture.loops.iter().any(|seen| seen.id == *id));
        for seen in &picture.loops {
            let Some(utilisation) = seen.utilisation else { continue };
            let readings = self.history.entry(seen.id).or_default();
            if readings.len() == HISTORY_MAX {
                readings.pop_front();
            }
            readings.push_back((now, utilisation.clamp(0.0, 1.0)));
        }
    }

    /// The lines of the screen.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let Some(picture) = &self.picture else { return Vec::new() };
        let (stuck, others): (Vec<&Warning>, Vec<&Warning>) =
            picture.problems.iter().partition(|problem| is_stuck(problem));
        let mut rows = vec![Row::Verdict];
        for problem in stuck {
            rows.push(Row::Stuck(problem));
            rows.push(Row::StuckAt(frames::telling(&problem.stack)));
        }
        rows.extend(others.into_iter().map(Row::Problem));
        let listed = picture.problems.len() as u64;
        if picture.problem_count > listed {
            rows.push(Row::MoreProblems(picture.problem_count - listed));
        }
        rows.extend([Row::Blank, Row::Heading("Loops")]);
        rows.extend(picture.loops.iter().map(Row::Loop));
        rows.extend([Row::Blank, Row::Heading("Tasks"), Row::Live, Row::Finished]);
        if !picture.sites.is_empty() {
            rows.extend([Row::Blank, Row::Heading("Spawn sites by busy time")]);
            rows.extend(picture.sites.iter().map(Row::Site));
        }
        rows
    }

    /// The problem of another picture, as it is in this one.
    pub(crate) fn find(&self, seen: &Warning) -> Option<&Warning> {
        self.picture.as_ref()?.problems.iter().find(|problem| is_same(problem, seen))
    }

    /// Which of the lines can be stood on.
    pub(crate) fn stands(&self) -> Vec<bool> {
        self.rows().iter().map(|row| !matches!(row, Row::Blank | Row::Heading(_) | Row::StuckAt(_))).collect()
    }

    /// The selected line.
    pub(crate) fn selected(&self) -> Option<Row<'_>> {
        self.rows().get(self.cursor.at).copied()
    }

    /// Where Enter leads from the selected line, or why nowhere.
    pub(crate) fn link(&self) -> Result<Link, String> {
        let nothing = |why: &str| Err(why.to_owned());
        match self.selected() {
            None => nothing("There is no picture yet."),
            Some(Row::Verdict) => match self.picture.as_ref().and_then(|picture| picture.problems.first()) {
                Some(worst) => Ok(warning_link(worst)),
                None => nothing("All is well: there is nothing to go to."),
            },
            Some(Row::Stuck(warning) | Row::Problem(warning)) => Ok(warning_link(warning)),
            Some(Row::MoreProblems(_)) => Ok(Link::Warnings),
            Some(Row::Loop(seen)) => Ok(Link::Filter(format!("loop={}", seen.id))),
            Some(Row::Live | Row::Finished) => Ok(Link::Filter(String::new())),
            Some(Row::Site(site)) => {
                let process = self.picture.as_ref().map(|picture| &picture.process);
                Ok(Link::Filter(sites::tasks_filter(site, process.unwrap_or(&Process::default()))))
            }
            Some(Row::Blank | Row::Heading(_) | Row::StuckAt(_)) => {
                nothing("There is nothing to open in this line.")
            }
        }
    }

    /// The place that the selected line is about.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self.selected()? {
            Row::Verdict => self.picture.as_ref()?.problems.first()?.at.as_ref(),
            Row::Loop(seen) => seen.running.as_ref()?.site.as_ref(),
            Row::Stuck(warning) | Row::Problem(warning) => warning.at.as_ref(),
            Row::Site(site) => Some(&site.site),
            Row::Live
            | Row::Finished
            | Row::MoreProblems(_)
            | Row::Blank
            | Row::Heading(_)
            | Row::StuckAt(_) => None,
        }
    }
}

/// How many of the problems hold now, and how many are over; mere notes are no problems.
pub(crate) fn standing(picture: &Overview) -> (u64, u64) {
    let problems = || picture.problems.iter().filter(|problem| problem.severity > Severity::Note);
    let past = problems().filter(|problem| problem.past).count() as u64;
    // Those that are not listed come after the worst, so nothing is known of them but their number.
    let unknown = picture.problem_count.saturating_sub(picture.problems.len() as u64);
    (problems().count() as u64 - past + unknown, past)
}

fn warning_link(warning: &Warning) -> Link {
    match (warning.task, warning.loop_id) {
        (Some(task), _) => Link::Task(task),
        (None, Some(id)) => Link::Filter(format!("loop={id}")),
        (None, None) => Link::Warning(Box::new(warning.clone())),
    }
}

/// Whether a problem is a loop that stands still. The lint decides; the program only repeats it loudly.
fn is_stuck(problem: &Warning) -> bool {
    problem.name == Lint::Blocked.as_str() && problem.severity == Severity::Error && !problem.past
}
