//! `dump` and `stack`: where tasks stand, and what the threads of loops do.

use super::cells::Ink;
use super::find::attach;
use super::flags::{Flags, Look};
use super::perform::{print, say};
use super::{Failure, json, why};
use loopscope_inspector::client::Target;
use loopscope_inspector::model::{Branch, Dump, Frame, NativeStack, Reached, TaskStack, words};
use std::io::{self, Write};

/// How many characters of a function's name are shown.
const FUNCTION_CHARS_MAX: usize = 160;

/// Shows the async stacks of tasks.
///
/// # Errors
///
/// If the right is missing, the agent cannot take them, nobody answers, or there is no such task.
pub(super) async fn dump(target: Option<Target>, tasks: &[String], flags: &Flags) -> anyhow::Result<()> {
    refuse_tables("dump", flags)?;
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    let tasks = why::task_ids(&mut client, tasks).await?;
    let mut dump = client.dump(&tasks).await?;
    for id in &tasks {
        if dump.silent_loops.is_empty() && !dump.stacks.iter().any(|stack| stack.task == *id) {
            return Err(why::unknown(&format!("#{id} that is pending")).into());
        }
    }
    if let Some(limit) = flags.look().limit.filter(|_| flags.limit.is_some()) {
        dump.stacks.truncate(limit);
    }
    print(
        |out| if flags.json { json::write_dump(out, &dump) } else { write_dump(out, &dump, flags.look()) },
    )?;
    for id in &dump.silent_loops {
        say(&format!(
            "loop {id} did not answer, so its tasks are not here: `loopscope stack` shows what holds it"
        ));
    }
    super::perform::fail_on(&mut client, flags).await
}

/// Shows the stacks of the loops' threads.
///
/// # Errors
///
/// If the right is missing, the agent cannot take them, or nobody answers.
pub(super) async fn stack(target: Option<Target>, flags: &Flags) -> anyhow::Result<()> {
    refuse_tables("stack", flags)?;
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    let stacks = client.stack(&[]).await?;
    let process = client.process().clone();
    print(|out| {
        if flags.json {
            json::write_stacks(out, process, &stacks)
        } else {
            write_stacks(out, &stacks, flags.look())
        }
    })?;
    super::perform::fail_on(&mut client, flags).await
}

fn refuse_tables(command: &str, flags: &Flags) -> Result<(), Failure> {
    if flags.csv || flags.filter.is_some() || flags.sort.is_some() {
        let message = format!("`{command}` prints stacks or --json; it takes no --csv, --filter or --sort");
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// A frame in a line.
pub(super) fn frame(frame: &Frame, look: Look) -> String {
    let mut text = words::escape(&frame.function, FUNCTION_CHARS_MAX).into_owned();
    if let Some(at) = &frame.at {
        text = format!("{text} {}", words::place(at));
    }
    plain(text, look)
}

fn plain(text: String, look: Look) -> String {
    if look.ascii { words::ascii(&text).into_owned() } else { text }
}

fn write_dump(out: &mut dyn Write, dump: &Dump, look: Look) -> io::Result<()> {
    for stack in &dump.stacks {
        write_task(out, stack, look)?;
    }
    if dump.stacks.is_empty() {
        writeln!(out, "no tasks")?;
    }
    let shown = u64::try_from(dump.stacks.len()).unwrap_or(u64::MAX);
    let mut end = words::counted(dump.total.max(shown), "task");
    if shown < dump.total {
        end = format!("{end}, {} of them shown", words::count(shown));
    }
    if let Some(pause) = dump.longest_pause_ns {
        let slices = words::counted(dump.slices, "slice");
        end = format!("{end}; the loops paused for {} at most, in {slices}", words::duration(pause));
    }
    writeln!(out, "{}", Ink::Faint.paint(&plain(end, look), look.color))
}

fn write_task(out: &mut dyn Write, stack: &TaskStack, look: Look) -> io::Result<()> {
    let mut head = format!("{}  {}", words::task(stack.task, stack.name.as_deref()), stack.state);
    if let Some(site) = &stack.site {
        head = format!("{head}, spawned at {}", words::place(site));
    }
    writeln!(out, "{}", Ink::Heading.paint(&plain(head, look), look.color))?;
    if !stack.branches.is_empty() {
        write_branch(out, stack, (0, &stack.branches[0]), ("  ", "  "), look)?;
    }
    if let Some(note) = &stack.note {
        writeln!(out, "  {}", plain(words::escape(note, words::TEXT_CHARS_MAX).into_owned(), look))?;
    }
    writeln!(out)
}

/// Writes a branch and those that fork from it: `first` stands before its first line, `rest` before all others. A branch hangs on
/// one before it, so this ends.
fn write_branch(
    out: &mut dyn Write,
    stack: &TaskStack,
    (index, branch): (usize, &Branch),
    (first, rest): (&str, &str),
    look: Look,
) -> io::Result<()> {
    let mut before = first;
    for it in &branch.frames {
        writeln!(out, "{before}{}", frame(it, look))?;
        before = rest;
    }
    let times =
        if branch.times > 1 { format!("{} alike", words::count(branch.times.into())) } else { String::new() };
    let said = [remark(branch.reached), &times]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect::<Vec<_>>()
        .join(", ");
    if !said.is_empty() {
        writeln!(out, "{before}({said})")?;
    }
    let forks: Vec<(usize, &Branch)> = stack.forks(index).collect();
    let last = forks.len().saturating_sub(1);
    for (nth, fork) in forks.into_iter().enumerate() {
        let (this, below) = match (nth == last, look.ascii) {
            (true, false) => ("└── ", "    "),
            (false, false) => ("├── ", "│   "),
            (true, true) => ("`-- ", "    "),
            (false, true) => ("|-- ", "|   "),
        };
        write_branch(out, stack, fork, (&format!("{rest}{this}"), &format!("{rest}{below}")), look)?;
    }
    Ok(())
}

/// What is said below a branch that is no plain leaf.
fn remark(reached: Reached) -> &'static str {
    match reached {
        Reached::Leaf | Reached::Fork => "",
        Reached::Foreign => "of another library, caught as it kept the waker",
        Reached::Combinator => "what waits in it for something of another library is not seen",
        Reached::Scheduled => "woken, and will be polled in its turn",
        Reached::Running => "being polled: `loopscope stack` shows where",
        Reached::Ended => "ended",
        Reached::Unknown => "waits for something that kept no waker",
    }
}

fn write_stacks(out: &mut dyn Write, stacks: &[NativeStack], look: Look) -> io::Result<()> {
    for (nth, stack) in stacks.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        let mut head = format!("loop {}", stack.loop_id);
        if let Some(tid) = stack.tid {
            let thread = stack.thread.as_deref().unwrap_or_default();
            head = format!("{head}, thread {tid} {}", words::escape(thread, words::NAME_CHARS_MAX));
        }
        if let (Some(task), Some(for_ns)) = (stack.task, stack.running_for_ns) {
            let task = words::task(task, stack.task_name.as_deref());
            head = format!("{}, polling {task} for {}", head.trim_end(), words::duration(for_ns));
            if let Some(site) = &stack.site {
                head = format!("{head}, spawned at {}", words::place(site));
            }
        }
        writeln!(out, "{}", Ink::Heading.paint(&plain(head.trim_end().to_owned(), look), look.color))?;
        for it in &stack.frames {
            writeln!(out, "  {}", frame(it, look))?;
        }
        if stack.truncated {
            writeln!(out, "  {}", if look.ascii { "..." } else { "…" })?;
        }
        if let Some(note) = &stack.note {
            writeln!(out, "  ({})", plain(words::escape(note, words::TEXT_CHARS_MAX).into_owned(), look))?;
        }
    }
    if stacks.is_empty() {
        writeln!(out, "no loops")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::{Place, Process, TaskState, WallTime};

    fn at(function: &str, line: u32) -> Frame {
        Frame { function: function.into(), at: Some(Place::new("src/main.rs", line, 0)) }
    }

    fn leaf(function: &str) -> Frame {
        Frame { function: function.into(), at: None }
    }

    fn a_dump() -> Dump {
        let branch = |parent, frames, reached| Branch { parent, frames, reached, times: 1 };
        let forked = TaskStack {
            task: 7,
            name: Some("worker\u{1b}".into()),
            site: Some(Place::new("src/main.rs", 40, 5)),
            branches: vec![
                branch(None, vec![at("app::main", 12), at("app::both", 20)], Reached::Fork),
                branch(
                    Some(0),
                    vec![at("{branch of app::both}", 21), leaf("loopscope::sleep")],
                    Reached::Leaf,
                ),
                Branch {
                    times: 3,
                    ..branch(
                        Some(0),
                        vec![at("app::rows", 30), leaf("FuturesUnordered")],
                        Reached::Combinator,
                    )
                },
                branch(
                    Some(2),
                    vec![at("app::row", 33), leaf("loopscope::sync::Mutex::lock")],
                    Reached::Leaf,
                ),
            ],
            ..TaskStack::default()
        };
        let unreached = TaskStack {
            task: 8,
            state: TaskState::Scheduled,
            branches: vec![branch(None, vec![], Reached::Scheduled)],
            ..TaskStack::default()
        };
        let blind = TaskStack {
            task: 9,
            branches: vec![branch(None, vec![], Reached::Unknown)],
            note: Some("waits for lock at src/main.rs:5".into()),
            ..TaskStack::default()
        };
        Dump {
            process: Process { pid: 4711, ..Process::default() },
            taken_at: WallTime(1_772_366_400_250_000_000),
            stacks: vec![forked, unreached, blind],
            total: 4,
            slices: 2,
            longest_pause_ns: Some(1_900_000),
            took_ns: 12_000_000,
            silent_loops: vec![3],
        }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stack_that_forks_is_a_tree_and_what_is_not_reached_says_why() {
        insta::assert_snapshot!(text(|out| write_dump(out, &a_dump(), Look::default())));
    }

    #[test]
    fn a_dump_in_ascii_is_ascii() {
        let text = text(|out| write_dump(out, &a_dump(), Look { ascii: true, ..Look::default() }));
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn a_dump_as_json() {
        insta::assert_snapshot!(text(|out| json::write_dump(out, &a_dump())));
    }

    fn stacks() -> Vec<NativeStack> {
        let stuck = NativeStack {
            thread: Some("app".into()),
            tid: Some(4711),
            task: Some(7),
            task_name: Some("worker".into()),
            site: Some(Place::new("src/main.rs", 40, 5)),
            running_for_ns: Some(1_300_000_000),
            frames: vec![leaf("libc.so.6+0x2a1c0"), at("std::thread::sleep", 9), at("app::work", 50)],
            truncated: true,
            ..NativeStack::default()
        };
        let masked = NativeStack {
            loop_id: 1,
            note: Some("it does not take the signal for that".into()),
            ..NativeStack::default()
        };
        vec![stuck, masked]
    }

    #[test]
    fn a_loops_stack_has_its_thread_and_the_task_it_polls() {
        insta::assert_snapshot!(text(|out| write_stacks(out, &stacks(), Look::default())));
    }

    #[test]
    fn stacks_as_json() {
        let process = Process { pid: 4711, ..Process::default() };
        let json = text(|out| json::write_stacks(out, process, &stacks()));
        let mut document: serde_json::Value = serde_json::from_str(&json).unwrap();
        document["taken_at"] = "now".into();
        insta::assert_snapshot!(document.to_string());
    }
}
