//! Stacks, logs and what is asked for with them: whatever is sent arrives, and whatever arrives does no harm.

use super::super::limits::{
    BRANCHES_MAX, DUMP_FRAMES_MAX, LOG_FIELDS_MAX, LOG_MESSAGE_BYTES_MAX, LOG_PART_LINES_MAX, LOG_SPANS_MAX,
    PART_BYTES_MAX,
};
use super::super::*;
use super::place;
use crate::model::{
    Branch, CancelOutcome, Cancelled, DebugMode, DebugState, Dump, Frame, LogLevel, LogLine, NativeStack,
    Process, Reached, RuntimeKind, TaskStack, TaskState, WallTime,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;
use std::time::Duration;

fn frame() -> impl Strategy<Value = Frame> {
    (".{0,12}", of(place())).prop_map(|(function, at)| Frame { function, at })
}

prop_compose! {
    fn branch()(
        frames in vec(frame(), 0..4),
        reached in select(Reached::ALL),
        times in 1..5_u32,
        parent in any::<prop::sample::Index>(),
    ) -> (Branch, prop::sample::Index) {
        (Branch { parent: None, frames, reached, times }, parent)
    }
}

prop_compose! {
    fn stack()(
        (task, loop_id) in (any::<u64>(), any::<u64>()),
        (name, note) in (of(".{0,12}"), of(".{0,12}")),
        state in select(TaskState::ALL),
        site in of(place()),
        branches in vec(branch(), 0..6),
    ) -> TaskStack {
        let hang = |(index, (branch, parent)): (usize, (Branch, prop::sample::Index))| {
            Branch { parent: (index > 0).then(|| parent.index(index)), ..branch }
        };
        let branches = branches.into_iter().enumerate().map(hang).collect();
        TaskStack { task, name, loop_id, state, site, branches, note }
    }
}

prop_compose! {
    fn line()(
        (number, at) in (any::<u64>(), any::<u64>()),
        level in select(LogLevel::ALL),
        (target, message) in (".{0,12}", ".{0,12}"),
        fields in vec((".{0,6}", ".{0,6}"), 0..4),
        spans in vec(".{0,6}", 0..4),
        (task, loop_id) in (of(any::<u64>()), of(any::<u64>())),
        (file, line) in (of(".{0,6}"), of(any::<u32>())),
    ) -> LogLine {
        LogLine { number, at: WallTime(at), level, target, message, fields, spans, task, loop_id, file, line }
    }
}

fn process() -> Process {
    Process {
        pid: 7,
        runtime: Some(RuntimeKind::Loopscope),
        debug: Some(true),
        debug_mode: Some(DebugMode::Stacks),
        loops: Some(1),
        tasks: Some(2),
        blocked: Some(0),
        ..Process::default()
    }
}

fn is_bounded(dump: &Dump) -> bool {
    dump.stacks.iter().all(|stack| {
        stack.branches.len() <= BRANCHES_MAX
            && stack.branches.iter().map(|branch| branch.frames.len()).sum::<usize>() <= DUMP_FRAMES_MAX
            && stack.branches.iter().enumerate().all(|(index, branch)| {
                branch.times >= 1 && branch.parent.map_or(index == 0, |parent| parent < index)
            })
    })
}

proptest! {
    #[test]
    fn a_dump_arrives_as_it_was_sent(stacks in vec(stack(), 0..20), more in 0..5_u64) {
        let total = stacks.len() as u64 + more;
        let dump = Dump {
            process: process(), taken_at: WallTime(5), stacks, total, slices: 3, longest_pause_ns: Some(4), took_ns: 6,
            silent_loops: vec![7],
        };
        let mut assembly = DumpAssembly::new();
        let mut parts: Vec<_> = encode_dump(dump.clone(), None).collect();
        let last = parts.pop().unwrap();
        for part in parts {
            prop_assert_eq!(assembly.add(part), Ok(None));
        }
        prop_assert_eq!(assembly.add(last), Ok(Some(dump)));
    }

    #[test]
    fn a_dump_that_was_tampered_with_does_no_harm(
        stacks in vec(stack(), 1..5),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut assembly = DumpAssembly::new();
        for part in encode_dump(Dump { process: process(), stacks, ..Dump::default() }, None) {
            let mut bytes = part.encode_to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let Ok(part) = proto::DumpPart::decode(&*bytes) else { continue };
            if let Ok(Some(dump)) = assembly.add(part) {
                prop_assert!(is_bounded(&dump));
            }
        }
    }

    #[test]
    fn log_lines_arrive_as_they_were_sent(lines in vec(line(), 0..20), missed in any::<u64>()) {
        let header = encode_logs_header(WallTime(5), process(), None, "info".into(), 9);
        let mut arrived = Vec::new();
        for (nth, part) in encode_lines(Some(header), missed, &lines).into_iter().enumerate() {
            let logs = decode_logs(part).unwrap();
            prop_assert_eq!(logs.process.is_some(), nth == 0);
            prop_assert_eq!(logs.missed, if nth == 0 { missed } else { 0 });
            arrived.extend(logs.lines.iter().map(|line| LogLine::clone(line)));
        }
        prop_assert_eq!(arrived, lines);
    }

    #[test]
    fn what_is_asked_arrives_or_is_out_of_bounds(
        mode in select(DebugMode::ALL),
        slow_callback in of(any::<u64>().prop_map(Duration::from_nanos)),
        lasts in of(any::<u64>().prop_map(Duration::from_nanos)),
    ) {
        let wish = SetDebug { mode, slow_callback, lasts };
        let slow_fits = slow_callback.is_none_or(|it| (limits::SLOW_MIN..=limits::SLOW_MAX).contains(&it));
        let lasts_fits = lasts.is_none_or(|it| (limits::LEASE_MIN..=limits::LEASE_MAX).contains(&it));
        let arrived = decode_set_debug(encode_set_debug(wish, 1));
        prop_assert_eq!(arrived.ok(), (slow_fits && lasts_fits).then_some(wish));
    }

    #[test]
    fn arbitrary_bytes_for_the_rest_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        let _ = proto::SetDebugRequest::decode(&*bytes).map(decode_set_debug);
        let _ = proto::SetDebugReply::decode(&*bytes).map(decode_debug_state);
        let _ = proto::StackRequest::decode(&*bytes).map(decode_stack_request);
        let _ = proto::StackReply::decode(&*bytes).map(decode_stacks);
        let _ = proto::DumpRequest::decode(&*bytes).map(decode_dump_request);
        let _ = proto::DumpPart::decode(&*bytes).map(|part| DumpAssembly::new().add(part));
        let _ = proto::LogsRequest::decode(&*bytes).map(decode_logs_request);
        let _ = proto::LogsPart::decode(&*bytes).map(decode_logs);
        let _ = proto::SetLogFilterRequest::decode(&*bytes).map(decode_set_log_filter);
        let _ = proto::SetLogFilterReply::decode(&*bytes).map(decode_log_filter);
        let _ = proto::CancelRequest::decode(&*bytes).map(decode_cancel);
        let _ = proto::CancelReply::decode(&*bytes).map(decode_cancelled);
    }
}

#[test]
fn stacks_and_outcomes_arrive_as_they_were_sent() {
    let frame = Frame { function: "read".into(), at: None };
    let stack = NativeStack { tid: Some(7), task: Some(8), frames: vec![frame], ..NativeStack::default() };
    assert_eq!(decode_stacks(encode_stacks(vec![stack.clone()])), [stack]);
    let cancelled = [Cancelled { task: 7, outcome: CancelOutcome::Later }];
    assert_eq!(decode_cancelled(encode_cancelled(&cancelled)).unwrap(), cancelled);
    let state =
        DebugState { mode: DebugMode::On, slow_callback_ns: Some(9), loops: 2, undone_at_leave: true };
    assert_eq!(decode_debug_state(encode_debug_state(state)), Ok(state));
}

#[test]
fn what_is_too_large_is_cut_before_it_is_sent() {
    let frame = Frame { function: "f".repeat(5_000), at: None };
    let branch = Branch { frames: vec![frame; 2_000], ..Branch::default() };
    let dump = Dump {
        process: process(),
        stacks: vec![TaskStack { branches: vec![branch], ..TaskStack::default() }; 20],
        ..Dump::default()
    };
    let mut assembly = DumpAssembly::new();
    let mut whole = None;
    for part in encode_dump(dump, None) {
        assert!(part.encoded_len() <= PART_BYTES_MAX);
        whole = assembly.add(part).unwrap();
    }
    let whole = whole.unwrap();
    assert!(is_bounded(&whole) && whole.stacks.len() == 20);
    assert_eq!(whole.stacks[0].note.as_deref(), Some("the stack is cut here"));

    let line = LogLine {
        message: "m".repeat(10_000),
        fields: vec![("n".into(), "v".repeat(10_000)); 100],
        spans: vec!["s".into(); 100],
        ..LogLine::default()
    };
    for part in encode_lines(None, 0, &vec![line; 50]) {
        assert!(part.encoded_len() <= PART_BYTES_MAX && part.lines.len() <= LOG_PART_LINES_MAX);
        for line in decode_logs(part).unwrap().lines {
            assert_eq!(line.message.len(), LOG_MESSAGE_BYTES_MAX);
            assert_eq!((line.fields.len(), line.spans.len()), (LOG_FIELDS_MAX, LOG_SPANS_MAX));
        }
    }
}

#[test]
fn too_much_at_once_is_refused() {
    let requests = vec![0; 2_000];
    assert!(decode_cancel(proto::CancelRequest { protocol: 1, tasks: requests.clone() }).is_err());
    assert!(decode_cancel(proto::CancelRequest { protocol: 1, tasks: vec![] }).is_err());
    assert!(decode_dump_request(proto::DumpRequest { protocol: 1, tasks: requests.clone() }).is_err());
    assert!(decode_stack_request(proto::StackRequest { protocol: 1, loops: requests }).is_err());
    let hanging = proto::Branch { parent: Some(1), ..proto::Branch::default() };
    let stack = proto::TaskStack { state: 1, branches: vec![hanging], ..proto::TaskStack::default() };
    let header = Some(proto::DumpHeader { process: Some(proto::Process::default()), ..Default::default() });
    let part = proto::DumpPart { header, stacks: vec![stack], end: None };
    assert!(DumpAssembly::new().add(part).is_err());
}
