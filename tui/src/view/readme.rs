//! The picture that opens README: the screen of tasks, drawn from a scene of its own, and equal to what stands there.
//!
//! `LOOPSCOPE_REGENERATE=1 cargo test -p loopscope-tui readme` writes it anew.

use super::tests::draw;
use crate::app::event::{Data, Event};
use crate::app::question::{Answer, Page};
use crate::app::sample::{SECOND, TAKEN, attached, identity, press, process};
use crate::app::state::State;
use crate::app::update::update;
use loopscope_inspector::model::{
    Process, ResourceKind, ResourceRef, Rights, Task, TaskState, TreeNode, Wait, WaitKind, WallTime,
};
use std::path::Path;
use std::time::Duration;

const SIZE: (u16, u16) = (114, 19);
/// Stands before the block in README.
const MARK: &str = "<!-- Drawn by tui/src/view/readme.rs, which also compares it. -->\n```text\n";

/// A task of the scene: where in the tree, who, what it has used, since when it polls how often, and what it waits for.
struct Actor {
    depth: u32,
    id: u64,
    name: &'static str,
    busy_us: u64,
    /// Of the last second.
    used_us: u64,
    polled: u64,
    blocks: u64,
    waits: Wait,
}

fn wait(kind: WaitKind, for_ms: u64) -> Wait {
    Wait { kind, for_ns: Some(for_ms * 1_000_000), ..Wait::default() }
}

fn sleeping(left_ms: i64) -> Wait {
    Wait { deadline_in_ns: Some(left_ms * 1_000_000), ..wait(WaitKind::Sleep, 1) }
}

fn with(resource: ResourceRef, wait: Wait) -> Wait {
    Wait { resource: Some(resource), ..wait }
}

fn named(kind: ResourceKind, name: &str) -> ResourceRef {
    ResourceRef { id: 1, kind, name: Some(name.to_owned()), ..ResourceRef::default() }
}

fn socket(kind: ResourceKind, fd: i32, local: Option<&str>, peer: Option<&str>) -> ResourceRef {
    let text = |address: Option<&str>| address.map(str::to_owned);
    ResourceRef { id: 2, kind, fd: Some(fd), local: text(local), peer: text(peer), ..ResourceRef::default() }
}

fn held_by(task: u64, name: &str, wait: Wait) -> Wait {
    Wait { task: Some(task), task_name: Some(name.to_owned()), ..wait }
}

fn actor(depth: u32, id: u64, name: &'static str, used: (u64, u64, u64), blocks: u64, waits: Wait) -> Actor {
    let (busy_us, used_us, polled) = used;
    Actor { depth, id, name, busy_us, used_us, polled, blocks, waits }
}

/// A small service at 3 a.m.: transfers pile up on a lock whose holder waits for the database.
fn scene() -> Vec<Actor> {
    let read = |fd, peer| with(socket(ResourceKind::Tcp, fd, None, Some(peer)), wait(WaitKind::Read, 3_200));
    let accept = socket(ResourceKind::TcpListener, 10, Some("0.0.0.0:8080"), None);
    let lock = |for_ms| {
        let waits = with(named(ResourceKind::Lock, "db"), wait(WaitKind::Lock, for_ms));
        held_by(18, "transfer", waits)
    };
    let group = |name| with(named(ResourceKind::Group, name), wait(WaitKind::Group, 60_000));
    let put = with(named(ResourceKind::Queue, "jobs"), wait(WaitKind::Put, 5));
    vec![
        actor(0, 1, "main", (211, 0, 0), 0, group("services")),
        actor(1, 2, "http", (8_470, 3_100, 57), 1, with(accept, wait(WaitKind::Accept, 12))),
        actor(2, 23, "connection", (1_310, 410, 12), 0, read(18, "10.0.0.4:36860")),
        actor(2, 24, "connection", (1_290, 390, 11), 0, read(19, "10.0.0.9:36868")),
        actor(1, 5, "jobs", (72, 0, 0), 1, group("jobs")),
        actor(2, 12, "worker", (214_000, 21_000, 44), 2, sleeping(22)),
        actor(2, 15, "producer", (10_400, 950, 25), 2, put),
        actor(1, 6, "accounts", (165, 0, 0), 1, group("transfers")),
        actor(2, 16, "transfer", (77, 0, 0), 1, lock(3_100)),
        actor(2, 17, "transfer", (81, 0, 0), 1, lock(2_400)),
        actor(2, 18, "transfer", (77, 0, 0), 4, read(12, "10.0.0.7:5432")),
        actor(1, 7, "housekeeping", (94, 0, 0), 1, group("housekeeping")),
        actor(2, 21, "report", (260_000, 130_000, 1), 2, sleeping(2_200)),
    ]
}

fn node(scene: &[Actor], at: usize, second: u64) -> TreeNode {
    let Actor { depth, id, name, busy_us, used_us, polled, blocks, waits } = &scene[at];
    let later = &scene[at + 1..];
    let below = later.iter().take_while(|next| next.depth > *depth);
    let children = below.clone().filter(|next| next.depth == depth + 1).count() as u64;
    let next = later.iter().find(|next| next.depth <= *depth);
    let slow = if *name == "report" { vec!["slow-poll".to_owned()] } else { Vec::new() };
    let task = Task {
        id: *id,
        name: Some((*name).to_owned()),
        loop_id: Some(0),
        state: TaskState::Idle,
        spawned_at: Some(TAKEN),
        polls: 100 + polled * second,
        busy_ns: (busy_us + used_us * second) * 1_000,
        blocks: Some(*blocks),
        waiting_on: vec![waits.clone()],
        warnings: slow,
        ..Task::default()
    };
    let last = next.is_none_or(|next| next.depth < *depth);
    TreeNode { depth: *depth, children, descendants: below.count() as u64, last, task }
}

/// The answer of that second since the first picture.
fn answer(state: &mut State, second: u64) {
    let scene = scene();
    let process = Process {
        pid: 7260,
        name: Some("shop".to_owned()),
        uptime_ns: Some((7_201 + second) * SECOND),
        cpu: Some(0.16),
        rss_bytes: Some(6_700_000),
        loops: Some(1),
        tasks: Some(scene.len() as u64),
        warnings: Some(1),
        blocked: Some(0),
        rights: Some(Rights { see: true, diagnose: true, control: false }),
        ..process()
    };
    let rows = (0..scene.len()).map(|at| node(&scene, at, second)).collect::<Vec<_>>();
    let taken_at = WallTime(TAKEN.0 + second * SECOND);
    let total = rows.len() as u64;
    let page = Page { taken_at, process, offset: 0, total, rows, dropped: 0, beside: Vec::new() };
    let question = state.question().unwrap();
    let answer = Answer::Tasks(Box::new(page));
    let _ = update(state, Event::Data(Data::Answer(identity(), Box::new((question, answer)))));
}

fn picture() -> String {
    let mut state = attached(SIZE.0, SIZE.1);
    press(&mut state, &["2"]);
    answer(&mut state, 0);
    let _ = update(&mut state, Event::Tick(Duration::from_secs(2)));
    answer(&mut state, 1);
    let buf = draw(&state);
    let line =
        |y| (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..buf.area.height).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_picture_in_readme_is_what_the_program_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let start = readme.find(MARK).expect("README has no place for the picture") + MARK.len();
    let end = start + readme[start..].find("\n```").unwrap();
    let picture = picture();
    if std::env::var_os("LOOPSCOPE_REGENERATE").is_some() {
        std::fs::write(&path, format!("{}{picture}{}", &readme[..start], &readme[end..])).unwrap();
        return;
    }
    assert_eq!(
        &readme[start..end],
        picture,
        "LOOPSCOPE_REGENERATE=1 cargo test -p loopscope-tui readme writes it"
    );
}
