//! A program that never ran: the pictures that tests of screens are made of.
//!
//! It has what a screen must cope with: a loop that stands still, a pile-up on a lock, a deadlock, a deep tree, names with
//! terminal escapes and wide characters, tasks in every state, numbers of every size.

pub(crate) mod found;
mod tables;

use super::event::{Data, Effect, Event, Excerpt, Identity};
use super::link::Link;
use super::order::{Order, Outcome};
use super::question::{
    Answer, Counts, Listing, Overview, Page, Question, TableQuestion, TaskPicture, Wanted, Warned,
};
use super::sites::SiteTimes;
use super::state::State;
use super::sync::Followed;
use super::table::Row;
use super::timers::Beside;
use super::update::update;
use crate::theme::{Depth, Palette, Theme};
use loopscope_inspector::model::why::{self, SeenTasks};
use loopscope_inspector::model::{
    Bucket, CancelOutcome, Cancelled, Cycle, DebugState, Hist, Loop, Place, Process, ResourceKind,
    ResourceRef, Rights, Running, RuntimeKind, Severity, Site, Summary, Task, TaskState, TreeNode, Wait,
    WaitGraph, WaitKind, WallTime, Warning,
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// When the first picture was taken.
pub(crate) const TAKEN: WallTime = WallTime(1_800_000_000_000_000_000);
/// A second, in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// The observed process.
pub(crate) fn identity() -> Identity {
    Identity { pid: 4242, started: Some(77) }
}

fn place(file: &str, line: u32) -> Place {
    Place { file: file.to_owned(), line, column: 9 }
}

/// The process as the agent tells of it.
pub(crate) fn process() -> Process {
    Process {
        pid: 4242,
        name: Some("demo".to_owned()),
        exe: Some("/usr/bin/demo".to_owned()),
        uptime_ns: Some(725 * SECOND),
        cpu: Some(0.031),
        rss_bytes: Some(34 << 20),
        runtime: Some(RuntimeKind::Loopscope),
        version: Some("0.1.0".to_owned()),
        debug: Some(false),
        loops: Some(2),
        tasks: Some(1_234),
        warnings: Some(3),
        blocked: Some(1),
        rights: Some(Rights { see: true, diagnose: true, control: false }),
        ..Process::default()
    }
}

fn summary(count: u64, p50_ns: u64, p99_ns: u64, max_ns: u64) -> Summary {
    Summary {
        count,
        min_ns: Some(100),
        max_ns: Some(max_ns),
        mean_ns: Some(p50_ns),
        p50_ns: Some(p50_ns),
        p90_ns: Some(p50_ns * 2),
        p99_ns: Some(p99_ns),
        p999_ns: Some(max_ns),
        p9999_ns: Some(max_ns),
    }
}

fn loops(stuck: bool) -> Vec<Loop> {
    let running = Running {
        task: Some(12),
        for_ns: 3_200_000_000,
        name: Some("worker".to_owned()),
        site: Some(place("src/main.rs", 40)),
    };
    vec![
        Loop {
            id: 0,
            name: Some("main".to_owned()),
            tasks: 1_200,
            ready: 87,
            utilisation: Some(0.97),
            ticks: 1_234_567,
            running: stuck.then_some(running),
            poll: Some(summary(9_876_543, 1_800, 950_000, 3_200_000_000)),
            scheduled: Some(summary(9_876_543, 12_000, 4_000_000, 3_200_000_000)),
            lateness: Some(summary(4_321, 130_000, 1_300_000, 3_200_000_000)),
            io_wait: Some(summary(55_555, 400_000, 20_000_000, 100_000_000)),
            ..Loop::default()
        },
        Loop {
            id: 1,
            thread: Some("io".to_owned()),
            tasks: 34,
            utilisation: Some(0.02),
            ticks: 99,
            ..Loop::default()
        },
    ]
}

/// A loop that stands still, and slow polls of two sites.
fn problems() -> Vec<Warning> {
    let warning = |name: &str, severity, task: Option<u64>, loop_id, count, message: &str| Warning {
        name: name.to_owned(),
        severity,
        task,
        loop_id,
        count,
        message: message.to_owned(),
        at: Some(place("src/main.rs", 40)),
        ..Warning::default()
    };
    let blocked = "loop 0 blocked 3.2 s in task 12 worker, src/main.rs:40";
    vec![
        Warning {
            stack: found::stack(),
            ..warning("blocked", Severity::Error, Some(12), Some(0), 1, blocked)
        },
        warning(
            "slow-poll",
            Severity::Warning,
            Some(12),
            Some(0),
            1,
            "a poll of #12 worker took 1.1 s, spawned at src/main.rs:40",
        ),
        warning(
            "slow-poll",
            Severity::Warning,
            Some(31),
            Some(1),
            17,
            "a poll of #31 took 120 ms; 17 tasks had slow ones, spawned at src/main.rs:40",
        ),
    ]
}

/// The process with three problems, or with none.
pub(crate) fn overview(problems: bool) -> Overview {
    let problems = if problems { self::problems() } else { Vec::new() };
    let site = |file: &str, line, name: Option<&str>, live, busy_ns| Site {
        site: place(file, line),
        name: name.map(str::to_owned),
        live,
        spawned: live * 10,
        busy_ns,
        poll: Some(summary(1_000, 2_000, 900_000, 1_100_000_000)),
        ..Site::default()
    };
    Overview {
        taken_at: TAKEN,
        process: process(),
        loops: loops(!problems.is_empty()),
        counts: Counts {
            idle: Some(1_100),
            scheduled: Some(87),
            running: Some(1),
            completed: Some(99_000),
            cancelled: Some(12),
            panicked: Some(1),
        },
        sites: vec![
            site("src/main.rs", 40, Some("worker"), 8, 93 * SECOND),
            site("src/net/connection.rs", 112, Some("handler"), 1_000, 4 * SECOND),
            site(
                "/a/.cargo/registry/src/index.crates.io-0123456789abcdef/pool-1.2.3/src/lib.rs",
                7,
                None,
                4,
                90_000,
            ),
        ],
        problem_count: problems.len() as u64,
        problems,
        dropped: 0,
    }
}

fn wait(kind: WaitKind) -> Wait {
    Wait { kind, for_ns: Some(1_200_000_000), at: Some(place("src/main.rs", 61)), ..Wait::default() }
}

fn lock_wait() -> Wait {
    Wait {
        resource: Some(ResourceRef {
            id: 5,
            kind: ResourceKind::Lock,
            name: Some("db".to_owned()),
            ..ResourceRef::default()
        }),
        task: Some(9),
        task_name: Some("writer".to_owned()),
        made_at: Some(place("src/main.rs", 20)),
        ..wait(WaitKind::Lock)
    }
}

fn read_wait() -> Wait {
    let resource = ResourceRef {
        id: 6,
        kind: ResourceKind::Tcp,
        fd: Some(12),
        peer: Some("10.0.0.7:5432".to_owned()),
        ..ResourceRef::default()
    };
    Wait { resource: Some(resource), ..wait(WaitKind::Read) }
}

/// A task with numbers that depend on its id.
pub(crate) fn task(id: u64, name: Option<&str>, state: TaskState, waiting_on: Vec<Wait>) -> Task {
    Task {
        id,
        name: name.map(str::to_owned),
        loop_id: Some(0),
        state,
        state_for_ns: Some(id.saturating_mul(100_000_000)),
        site: Some(place("src/main.rs", 30 + (id % 20) as u32)),
        polls: id.saturating_mul(1_357),
        wakes: id.saturating_mul(1_300),
        self_wakes: id % 3,
        busy_ns: id.saturating_mul(12_345_678),
        scheduled_ns: id.saturating_mul(1_234_567),
        idle_ns: 600 * SECOND,
        longest_poll_ns: Some(id.saturating_mul(98_765)),
        size_bytes: Some(1_234),
        blocks: Some(if id == 9 { 6 } else { 0 }),
        waiting_on,
        ..Task::default()
    }
}

/// The rows of the task tree.
pub(crate) fn tree() -> Vec<TreeNode> {
    use TaskState::{Cancelled, Completed, Idle, Panicked, Running as Runs, Scheduled};
    let node = |depth, children, last, task| TreeNode { depth, children, descendants: children, last, task };
    let sleep = Wait { deadline_in_ns: Some(340_000_000), ..wait(WaitKind::Sleep) };
    let join = Wait { task: Some(22), ..wait(WaitKind::Join) };
    let warned = |task: Task| Task { warnings: vec!["slow-poll".to_owned()], ..task };
    let mut rows = vec![
        node(0, 3, false, task(1, Some("main"), Idle, vec![join])),
        node(1, 2, false, task(7, Some("handler"), Idle, vec![lock_wait()])),
        node(2, 0, false, task(8, None, Idle, vec![sleep.clone()])),
        node(2, 0, true, task(9, Some("writer"), Idle, vec![read_wait()])),
        node(1, 1, false, warned(task(12, Some("worker"), Runs, Vec::new()))),
        node(2, 1, true, task(13, Some("日本語の名前"), Scheduled, Vec::new())),
        node(3, 0, true, task(14, Some("evil\x1b[2J\nname"), Idle, vec![wait(WaitKind::Foreign)])),
        node(1, 0, true, task(22, Some("accept loop"), Idle, vec![wait(WaitKind::Accept), sleep])),
        node(0, 0, false, task(23, Some("done"), Completed, Vec::new())),
        node(0, 0, false, task(24, Some("dropped"), Cancelled, Vec::new())),
        node(0, 0, true, task(25, Some("boom"), Panicked, Vec::new())),
    ];
    rows[1].descendants = 2;
    rows
}

/// A page of a table with this many rows, of which the first are those of [`tree`].
pub(crate) fn page(offset: u64, limit: u64, total: u64) -> Page<TreeNode> {
    let known = tree();
    let rows =
        (offset..total.min(offset.saturating_add(limit))).map(|number| match known.get(number as usize) {
            Some(node) => node.clone(),
            None => TreeNode {
                task: task(number.saturating_add(100), Some("filler"), TaskState::Idle, Vec::new()),
                ..TreeNode::default()
            },
        });
    let cycles = vec![
        Cycle { deadlock: true, tasks: vec![13, 14], behind: 3 },
        Cycle { deadlock: false, tasks: vec![7, 9], behind: 0 },
    ];
    page_of(offset, total, rows.collect(), cycles)
}

fn page_of<R: Row>(offset: u64, total: u64, rows: Vec<R>, beside: R::Beside) -> Page<R> {
    Page { taken_at: TAKEN, process: process(), offset, total, rows, dropped: 0, beside }
}

fn hist(values: &[(u64, u64)]) -> Hist {
    Hist::from_buckets(values.iter().map(|&(ns, count)| Bucket { low_ns: ns, high_ns: ns, count }).collect())
}

/// The picture of one task: of #7, which waits for a lock, or of any other one.
pub(crate) fn task_picture(id: u64) -> TaskPicture {
    let find = |id| tree().into_iter().map(|node| node.task).find(|task| task.id == id).unwrap_or_default();
    let seen = find(id);
    let tasks: Vec<Task> = tree().into_iter().map(|node| node.task).collect();
    let graph = WaitGraph::of_tasks(&tasks, &[]);
    let chain = why::chain(&SeenTasks::new(&tasks, &graph), id);
    let warned = id == 12;
    TaskPicture {
        taken_at: TAKEN,
        process: process(),
        ancestors: if id == 1 { Vec::new() } else { vec![find(1)] },
        children: if id == 7 { vec![find(8), find(9)] } else { Vec::new() },
        child_count: if id == 7 { 5 } else { 0 },
        waiters: if id == 9 { vec![find(7)] } else { Vec::new() },
        waiter_count: u64::from(id == 9),
        chain,
        site: None,
        poll: hist(&[(900, 120), (2_500, 4_000), (40_000, 77), (1_100_000_000, 1)]),
        scheduled: hist(&[(12_000, 900), (3_000_000, 9)]),
        warnings: if warned { overview(true).problems } else { Vec::new() },
        created: if id == 22 { found::stack().split_off(3) } else { Vec::new() },
        logs: (id != 22)
            .then(|| found::log_lines().into_iter().filter(|line| line.task == Some(id)).collect()),
        task: seen,
    }
}

/// The theme of the snapshots.
pub(crate) const THEME: Theme = Theme::new(Depth::Ansi16, Palette::Dark, false);

/// A state attached to the process, before the first answer.
pub(crate) fn attached(width: u16, height: u16) -> State {
    let waiting = "demo (pid 4242) to answer".to_owned();
    let link = Link::Connecting { target: "demo (pid 4242)".to_owned(), waiting, since: Duration::ZERO };
    let mut state = State::new(THEME, (width, height), link);
    let _ = update(&mut state, Event::Tick(Duration::from_secs(1)));
    let _ = update(&mut state, Event::Data(Data::Attached(identity(), Box::new(process()))));
    state
}

/// The rows of a table of which the first are those of [`tables`].
fn table(asked: &TableQuestion, total: u64) -> Answer {
    let (offset, limit) = (asked.offset, asked.limit);
    match asked.of {
        Listing::Tasks => Answer::Tasks(Box::new(page(offset, limit, total))),
        Listing::Sites => {
            Answer::Sites(Box::new(repeated(&tables::sites(), offset, limit, total, site_times(asked))))
        }
        Listing::Timers => {
            let lateness = hist(&[(130_000, 4_000), (1_300_000, 320), (3_200_000_000, 1)]);
            let beside = Beside { loops: loops(true), loop_count: 2, lateness: [(0, lateness)].into() };
            Answer::Timers(Box::new(repeated(&tables::timers(), offset, limit, total, beside)))
        }
        Listing::Sync => {
            let followed = asked.why.map(|of| Followed { of, chain: task_picture(of).chain });
            Answer::Sync(Box::new(repeated(&tables::sync(), offset, limit, total, followed)))
        }
        Listing::Logs => Answer::Logs(Err("no table".to_owned())),
        Listing::Warnings => Answer::Warnings(Box::new(Warned {
            taken_at: TAKEN,
            process: process(),
            total,
            rows: found::warnings().into_iter().take(total as usize).collect(),
            dropped: 0,
        })),
        Listing::Io => {
            Answer::Io(Box::new(repeated(&tables::io(), offset, limit, total, tables::io_totals())))
        }
    }
}

/// How long things took at the site that is asked for.
fn site_times(asked: &TableQuestion) -> Option<SiteTimes> {
    let Some(Wanted::Site(of)) = asked.histograms.clone() else { return None };
    let picture = task_picture(7);
    Some(SiteTimes { of, poll: picture.poll, scheduled: picture.scheduled })
}

/// A page of a table with this many rows, which are those of `known` again and again.
fn repeated<R: Row>(known: &[R], offset: u64, limit: u64, total: u64, beside: R::Beside) -> Page<R> {
    let rows = known.iter().cycle().skip(offset as usize % known.len());
    let shown = total.saturating_sub(offset).min(limit) as usize;
    page_of(offset, total, rows.take(shown).cloned().collect(), beside)
}

/// Answers the question that is open, from the pictures above.
pub(crate) fn answer(state: &mut State, total: u64) {
    let Some(question) = state.question() else { return };
    let answer = match &question {
        Question::Processes => Answer::Processes(vec![process(), Process { pid: 5, ..Process::default() }]),
        Question::Overview => Answer::Overview(Box::new(overview(true))),
        Question::Table(asked) => table(asked, total),
        Question::Task(id) => Answer::Task(Some(Box::new(task_picture(*id)))),
        Question::Logs => Answer::Logs(Ok(Box::new(found::logs(total as usize)))),
    };
    let _ = update(state, Event::Data(Data::Answer(identity(), Box::new((question, answer)))));
}

/// Answers the open question about a table once more, with what was seen a second later: every counter has grown.
pub(crate) fn answer_a_second_later(state: &mut State) {
    let Some(Question::Table(asked)) = state.question() else { return };
    let mut later = table(&asked, 11);
    match &mut later {
        Answer::Sites(page) => {
            a_second_later(page);
            for (row, by) in page.rows.iter_mut().zip(1_u64..) {
                row.spawned += by * by * 10;
                row.busy_ns += SECOND / by;
            }
        }
        Answer::Io(page) => {
            a_second_later(page);
            for (row, by) in page.rows.iter_mut().zip(0_u64..) {
                row.bytes_read += by * 1_500;
                row.bytes_written += by * by * by * 1_000;
            }
        }
        _ => {}
    }
    let answer = (Question::Table(asked), later);
    let _ = update(state, Event::Data(Data::Answer(identity(), Box::new(answer))));
}

fn a_second_later<R: Row>(page: &mut Page<R>) {
    page.taken_at = WallTime(page.taken_at.0 + SECOND);
    page.process.uptime_ns = page.process.uptime_ns.map(|ns| ns + SECOND);
}

/// Carries out what the last key ordered, as a process does that lets everything be done.
pub(crate) fn obey(state: &mut State, effects: Vec<Effect>) {
    for effect in effects {
        let Effect::Do(order) = effect else { continue };
        let outcome = match &order {
            Order::Stack => Outcome::Stacks(found::stacks()),
            Order::Dump(id) => Outcome::Dump(Box::new(found::dump(*id))),
            Order::Debug(mode) => Outcome::Debug(DebugState {
                mode: *mode,
                slow_callback_ns: Some(100_000_000),
                loops: 2,
                undone_at_leave: true,
            }),
            Order::LogFilter(filter) => Outcome::LogFilter(filter.clone().unwrap_or("info".to_owned()), true),
            Order::Cancel(id) => {
                Outcome::Cancelled(vec![Cancelled { task: *id, outcome: CancelOutcome::Asked }])
            }
        };
        let _ = update(state, Event::Data(Data::Done(identity(), Box::new((order, Ok(outcome))))));
    }
}

/// Gives the lines around a place.
pub(crate) fn read_source(state: &mut State, file: &str, line: u32) {
    let lines = ["for stream in incoming {", "    spawn(handle(stream)).detach();", "}"];
    let excerpt = Excerpt { first: line - 1, lines: lines.map(str::to_owned).to_vec() };
    let _ = update(state, Event::Data(Data::Source(place(file, line), excerpt)));
}

/// Gives the lines around the place of a frame, which has no column.
pub(crate) fn read_frame(state: &mut State, file: &str, line: u32) {
    let lines = ["pub fn charge(&self) {", "    std::thread::sleep(self.patience);", "}"];
    let excerpt = Excerpt { first: line - 1, lines: lines.map(str::to_owned).to_vec() };
    let _ = update(state, Event::Data(Data::Source(Place::new(file, line, 0), excerpt)));
}

/// A key event from its name in the key table or a character.
pub(crate) fn key(name: &str) -> Event {
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        "Space" => KeyCode::Char(' '),
        _ => {
            if let Some(c) = name.strip_prefix("Ctrl-") {
                let c = c.to_ascii_lowercase().chars().next().unwrap_or('?');
                return Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
            }
            KeyCode::Char(name.chars().next().unwrap_or('?'))
        }
    };
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Types keys, answering every question that they open.
pub(crate) fn press(state: &mut State, keys: &[&str]) {
    for name in keys {
        let step = update(state, key(name));
        obey(state, step.effects);
        answer(state, 11);
    }
}
