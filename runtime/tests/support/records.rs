//! What the records of the test's own loop say, as plain text to compare.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::future::Future;
use std::ops::ControlFlow;
use std::panic::Location;

use loopscope::telemetry::{LoopReader, PlaceIndex, ResourceKind, WaitKind, loops};

/// Runs a test on a loop with a paused clock; whatever it waited for must be gone from the records when it is over.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let name = format!("records of {:?}", std::thread::current().id());
    let mut runner = loopscope::Runner::builder().name(&name).paused(true).build().unwrap();
    let output = runner.block_on(test).unwrap();
    let reader = reader_of(&name);
    assert_eq!(waits_of(&reader), [], "wait entries are left");
    assert_eq!(resources_of(&reader), [], "resources are left");
    output
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
