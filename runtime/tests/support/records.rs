//! What the records of the test's own loop say, as plain text to compare.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::future::Future;
use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use loopscope::Runner;
use loopscope::runner::Builder;
use loopscope::telemetry::{LoopReader, PlaceIndex, ResourceKind, WaitKind, loops};

/// Runs a test on a loop with a paused clock; tasks, waits and resources must be gone from the records when it is over.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    run_on(Runner::builder().paused(true), test)
}

/// Runs a test with the OS, on a loop with the real clock: as [`run`], and the process must have the same descriptors open as
/// before. Such tests of one binary run one after the other and beside no other one that goes through here: each loop has
/// descriptors of its own.
pub(crate) fn run_live<F: Future>(test: F) -> F::Output {
    run_live_on(Runner::builder(), test)
}

/// As [`run_live`], on a loop that is built so.
pub(crate) fn run_live_on<F: Future>(builder: Builder, test: F) -> F::Output {
    let _alone = alone();
    // The descriptors of a loop's slot stay open for its next loop.
    drop(Runner::builder().build().unwrap());
    let before = open_descriptors();
    let output = check_on(builder, test);
    assert_eq!(open_descriptors(), before, "descriptors are left open");
    output
}

/// Keeps the tests that count descriptors waiting, for one that opens some without being counted.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    ALONE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Held by whoever counts descriptors, and shared by all others.
static ALONE: RwLock<()> = RwLock::new(());

/// As [`run`], on a loop of the test's own making.
pub(crate) fn run_on<F: Future>(builder: Builder, test: F) -> F::Output {
    let _shared = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    check_on(builder, test)
}

fn check_on<F: Future>(builder: Builder, test: F) -> F::Output {
    let name = format!("records of {:?}", std::thread::current().id());
    let mut runner = builder.name(&name).build().unwrap();
    let output = runner.block_on(test).unwrap();
    let reader = reader_of(&name);
    assert_eq!(tasks_of(&reader), Vec::<String>::new(), "tasks are left");
    assert_eq!(waits_of(&reader), [], "wait entries are left");
    assert_eq!(resources_of(&reader), [], "resources are left");
    output
}

/// What `/proc/self/fd` says, the descriptor of the reading itself left out, and what a watchdog that starts reads: files of code and of `/proc`.
fn open_descriptors() -> Vec<String> {
    let paths: Vec<_> =
        std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()).collect();
    let open = paths.iter().filter_map(|path| {
        let to = std::fs::read_link(path).ok()?;
        let is_own = std::env::current_exe().is_ok_and(|own| own == to);
        if is_own || to.starts_with("/proc") || to.to_string_lossy().contains(".so") {
            return None;
        }
        Some(format!("{} -> {}", path.display(), to.display()))
    });
    let mut open: Vec<_> = open.collect();
    open.sort();
    open
}

/// The tasks that are not over.
fn tasks_of(reader: &LoopReader) -> Vec<String> {
    let mut tasks = Vec::new();
    reader.tasks(&mut |task| {
        if !task.state.is_finished() {
            let name = task.name.and_then(|name| reader.name(name)).unwrap_or_default();
            tasks.push(format!("#{} {name}", task.id));
        }
        ControlFlow::Continue(())
    });
    tasks
}

fn reader_of(name: &str) -> LoopReader {
    loops().into_iter().find(|reader| reader.view().is_some_and(|view| view.name == name)).unwrap()
}

fn reader() -> LoopReader {
    reader_of(&format!("records of {:?}", std::thread::current().id()))
}

/// One wait entry: task, kind, the resource's number, and the lines of the `.await` and of where the future was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) task: u64,
    pub(crate) kind: WaitKind,
    pub(crate) resource: Option<u64>,
    pub(crate) at: u32,
    pub(crate) made_at: u32,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) id: u64,
    pub(crate) kind: ResourceKind,
    pub(crate) name: Option<String>,
    pub(crate) made_at: u32,
    pub(crate) made_by: Option<u64>,
    pub(crate) holder: Option<u64>,
    pub(crate) held_at: Option<u32>,
    pub(crate) len: Option<u64>,
    pub(crate) limit: Option<u64>,
}

fn line(reader: &LoopReader, place: Option<PlaceIndex>) -> Option<u32> {
    reader.place(place?).map(|place| place.line)
}

fn waits_of(reader: &LoopReader) -> Vec<Waiting> {
    let mut waits = Vec::new();
    reader.waits(&mut |wait| {
        waits.push(Waiting {
            task: wait.task,
            kind: wait.kind,
            resource: wait.resource.map(|resource| resource.0),
            at: line(reader, wait.at).unwrap_or(0),
            made_at: line(reader, wait.made_at).unwrap_or(0),
        });
        ControlFlow::Continue(())
    });
    waits.sort_by_key(|wait| wait.task);
    waits
}

fn resources_of(reader: &LoopReader) -> Vec<Resource> {
    let mut resources = Vec::new();
    reader.resources(&mut |resource| {
        resources.push(Resource {
            id: resource.id.0,
            kind: resource.kind,
            name: resource.name.and_then(|name| reader.name(name)),
            made_at: line(reader, resource.made_at).unwrap_or(0),
            made_by: resource.made_by,
            holder: resource.holder,
            held_at: line(reader, resource.held_at),
            len: resource.len,
            limit: resource.limit,
        });
        ControlFlow::Continue(())
    });
    resources
}

/// The waits of this loop, joins left out, by task.
pub(crate) fn waits() -> Vec<Waiting> {
    waits_of(&reader()).into_iter().filter(|wait| wait.kind != WaitKind::Join).collect()
}

/// The resources of this loop.
pub(crate) fn resources() -> Vec<Resource> {
    resources_of(&reader())
}

/// The only resource of this loop.
pub(crate) fn resource() -> Resource {
    let mut all = resources();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The line it is called on.
#[track_caller]
pub(crate) fn here() -> u32 {
    Location::caller().line()
}
