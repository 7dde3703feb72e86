//! Async stacks, to the wire and from it, in parts.

use super::decode::{self, DecodeError};
use super::kinds::Twin;
use super::limits::{
    ASKED_TASKS_MAX, BRANCHES_MAX, DUMP_BYTES_MAX, DUMP_FRAMES_MAX, DUMP_STACKS_MAX, IDS_MAX,
    PART_BYTES_TARGET, STACK_BYTES_MAX,
};
use super::{encode, proto, warning};
use crate::model::{Branch, Dump, Process, Reached, TaskStack, WallTime};
use prost::Message as _;

/// What is added to the note of a stack that had to be cut.
const CUT: &str = "the stack is cut here";

/// The tasks whose stacks are asked for; none stands for all.
///
/// # Errors
/// If there are too many.
pub fn decode_dump_request(request: proto::DumpRequest) -> Result<Vec<u64>, DecodeError> {
    if request.tasks.len() > ASKED_TASKS_MAX {
        return Err(DecodeError::new("more than 1,024 tasks"));
    }
    Ok(request.tasks)
}

/// Cuts a dump into parts; the stacks that it holds beyond what one may have are left out, and counted in its total.
pub fn encode_dump(dump: Dump, start_ticks: Option<u64>) -> impl Iterator<Item = proto::DumpPart> {
    let header = proto::DumpHeader {
        taken_at_unix_ns: dump.taken_at.0,
        process: Some(encode::process(dump.process, start_ticks)),
    };
    let mut end = Some(proto::DumpEnd {
        total: dump.total,
        slices: dump.slices,
        longest_pause_ns: dump.longest_pause_ns,
        took_ns: dump.took_ns,
        silent_loops: dump.silent_loops.into_iter().take(IDS_MAX).collect(),
    });
    let mut stacks = dump.stacks.into_iter().take(DUMP_STACKS_MAX).map(encode_stack).peekable();
    let mut part = proto::DumpPart { header: Some(header), ..proto::DumpPart::default() };
    std::iter::from_fn(move || {
        end.as_ref()?;
        let mut bytes = part.encoded_len();
        while let Some(stack) = stacks.peek() {
            bytes += stack.encoded_len() + 8;
            if bytes > PART_BYTES_TARGET && !part.stacks.is_empty() {
                return Some(std::mem::take(&mut part));
            }
            part.stacks.extend(stacks.next());
        }
        part.end = end.take();
        Some(std::mem::take(&mut part))
    })
}

fn encode_stack(stack: TaskStack) -> proto::TaskStack {
    let mut note = stack.note;
    let (mut frames_left, mut bytes, mut is_cut) = (DUMP_FRAMES_MAX, 0, false);
    let mut branches = Vec::new();
    for branch in stack.branches {
        let mut out = proto::Branch {
            parent: branch.parent.map(|parent| u32::try_from(parent).unwrap_or(u32::MAX)),
            frames: Vec::new(),
            reached: branch.reached.to_wire(),
            times: branch.times,
        };
        let of_branch = branch.frames.len();
        for frame in branch.frames.into_iter().take(frames_left).map(warning::encode_frame) {
            bytes += frame.encoded_len();
            if bytes > STACK_BYTES_MAX {
                break;
            }
            out.frames.push(frame);
        }
        frames_left -= out.frames.len();
        is_cut |= out.frames.len() < of_branch;
        branches.push(out);
        if is_cut || branches.len() == BRANCHES_MAX {
            is_cut = true;
            break;
        }
    }
    if is_cut {
        note = Some(note.map_or_else(|| CUT.to_owned(), |note| format!("{note}; {CUT}")));
    }
    proto::TaskStack {
        task: stack.task,
        name: stack.name.map(encode::name),
        r#loop: stack.loop_id,
        state: stack.state.to_wire(),
        site: stack.site.map(encode::place),
        branches,
        note: note.map(encode::message),
    }
}

fn decode_stack(stack: proto::TaskStack) -> Result<TaskStack, DecodeError> {
    if stack.branches.len() > BRANCHES_MAX
        || stack.branches.iter().map(|branch| branch.frames.len()).sum::<usize>() > DUMP_FRAMES_MAX
    {
        return Err(DecodeError::new("a stack of more than 256 branches or 1,024 frames"));
    }
    let branch = |(index, branch): (usize, proto::Branch)| {
        let parent = branch.parent.map(|parent| usize::try_from(parent).unwrap_or(usize::MAX));
        // The first is the root, and every other one hangs on one before it.
        if parent.map_or(index > 0, |parent| parent >= index) {
            return Err(DecodeError::new("a stack whose branches hang on none before them"));
        }
        Ok(Branch {
            parent,
            frames: branch.frames.into_iter().map(warning::decode_frame).collect(),
            reached: Reached::from_wire(branch.reached).unwrap_or_default(),
            times: branch.times.max(1),
        })
    };
    Ok(TaskStack {
        task: stack.task,
        name: stack.name.map(decode::name),
        loop_id: stack.r#loop,
        state: Twin::from_wire(stack.state).ok_or(DecodeError::new("an unknown state of a task"))?,
        site: stack.site.map(decode::place),
        branches: stack.branches.into_iter().enumerate().map(branch).collect::<Result<_, _>>()?,
        note: stack.note.map(decode::message),
    })
}

/// Takes the parts of a dump, in order.
#[derive(Debug, Default)]
pub struct DumpAssembly {
    dump: Option<Dump>,
    bytes: usize,
}

impl DumpAssembly {
    /// For one answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next part; with the last one the dump is complete.
    ///
    /// # Errors
    /// If the part makes no sense where it comes, or there is more than a dump may have. The answer is then to be given up.
    pub fn add(&mut self, part: proto::DumpPart) -> Result<Option<Dump>, DecodeError> {
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > DUMP_BYTES_MAX {
            return Err(DecodeError::new("a dump of more than 200 MiB"));
        }
        let mut dump = match (self.dump.take(), part.header) {
            (None, Some(header)) => begin(header)?,
            (Some(dump), None) => dump,
            _ => return Err(DecodeError::new("a dump that does not begin once")),
        };
        for stack in part.stacks {
            dump.stacks.push(decode_stack(stack)?);
        }
        if dump.stacks.len() > DUMP_STACKS_MAX {
            return Err(DecodeError::new("a dump of more than 100,000 stacks"));
        }
        let Some(mut end) = part.end else {
            self.dump = Some(dump);
            return Ok(None);
        };
        end.silent_loops.truncate(IDS_MAX);
        self.bytes = 0;
        dump.total = end.total.max(dump.stacks.len() as u64);
        dump.slices = end.slices;
        dump.longest_pause_ns = end.longest_pause_ns;
        dump.took_ns = end.took_ns;
        dump.silent_loops = end.silent_loops;
        Ok(Some(dump))
    }
}

fn begin(header: proto::DumpHeader) -> Result<Dump, DecodeError> {
    let process: Option<Process> = header.process.map(decode::process);
    let process = process.ok_or(DecodeError::new("a dump of no process"))?;
    Ok(Dump { process, taken_at: WallTime(header.taken_at_unix_ns), ..Dump::default() })
}
