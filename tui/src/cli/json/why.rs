//! `why`: one row for each task on the way, and how the chain ends.

use super::task::WaitJson;
use super::value::PlaceJson;
use super::write_unclosed;
use loopscope_inspector::model::Snapshot;
use loopscope_inspector::model::why::{Chain, End, Step};
use serde::Serialize;
use std::io::{self, Write};

/// One task on the way.
#[derive(Debug, Serialize)]
struct StepJson<'a> {
    task: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    /// The wait that is followed to the next row.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_on: Option<WaitJson<'a>>,
    /// Its other waits.
    also: Vec<WaitJson<'a>>,
    also_more: u64,
    /// Of a group's wait, how many tasks it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<u64>,
}

impl<'a> From<&'a Step> for StepJson<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            task: step.task,
            name: step.name.as_deref(),
            site: step.site.as_ref().map(PlaceJson::from),
            waiting_on: step.wait.as_ref().map(WaitJson::from),
            also: step.others.iter().map(WaitJson::from).collect(),
            also_more: step.others_more,
            members: step.members,
        }
    }
}

/// How the chain ends.
#[derive(Debug, Serialize)]
struct EndJson {
    /// `outside` `running` `scheduled` `finished` `circle` `unknown` `too-long`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The task on the chain that the last one waits for, or the one of which nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    deadlock: bool,
}

impl From<&End> for EndJson {
    fn from(end: &End) -> Self {
        let plain = |kind| Self { kind, for_ns: None, state: None, task: None, deadlock: false };
        match end {
            End::Outside => plain("outside"),
            End::Running { for_ns } => Self { for_ns: *for_ns, ..plain("running") },
            End::Scheduled => plain("scheduled"),
            End::Finished(state) => Self { state: Some(state.as_str()), ..plain("finished") },
            End::Circle { back_to, deadlock } => {
                Self { task: Some(*back_to), deadlock: *deadlock, ..plain("circle") }
            }
            End::Unknown { task, .. } => Self { task: Some(*task), ..plain("unknown") },
            End::TooLong => plain("too-long"),
        }
    }
}

/// What follows the head of the document.
#[derive(Debug, Serialize)]
struct WhyJson<'a> {
    why: Vec<StepJson<'a>>,
    end: EndJson,
    sentence: String,
}

/// Writes the document of `why`.
pub(crate) fn write_why(out: &mut dyn Write, snapshot: &Snapshot, chain: &Chain) -> io::Result<()> {
    let steps = u64::try_from(chain.steps.len()).unwrap_or(u64::MAX);
    let counted = Snapshot {
        taken_at: snapshot.taken_at,
        processes: snapshot.processes.clone(),
        total: steps,
        shown: steps,
        dropped: snapshot.dropped,
        ..Snapshot::default()
    };
    let why = WhyJson {
        why: chain.steps.iter().map(StepJson::from).collect(),
        end: EndJson::from(&chain.end),
        sentence: chain.sentence(),
    };
    write_unclosed(out, &super::Head::new(&counted))?;
    let rest = serde_json::to_string(&why)?;
    writeln!(out, ",{}", rest.strip_prefix('{').unwrap_or(&rest))
}
