//! A picture, cut into messages of a bounded size while it is being made, so that it never lies whole in memory twice.

use super::encode;
use super::jobs;
use super::limits::PART_BYTES_TARGET;
use super::picture::{Detail, States, TableInfo};
use super::{proto, warning};
use crate::model::{
    Cycle, Io, IoTotal, Job, Loop, Pool, Process, Site, Sync, Task, Timer, TreeNode, WallTime, Warning,
};
use prost::Message;

/// What marking a part as the last one adds to it.
const LAST_BYTES: usize = 2;

/// One row of a picture.
#[derive(Clone, Debug)]
pub enum Row {
    /// A row of `tasks`.
    Task(Task),
    /// A row of `tree`.
    Tree(TreeNode),
    /// A row of `sites`.
    Site(Site),
    /// A row of `timers`.
    Timer(Timer),
    /// A row of `io`.
    Io(Io),
    /// A row of `io_totals`.
    IoTotal(IoTotal),
    /// A row of `sync`.
    Sync(Sync),
    /// A row of `blocking`.
    Job(Box<Job>),
    /// A row of `pools`.
    Pool(Box<Pool>),
    /// A row of `loops`.
    Loop(Box<Loop>),
    /// A row of `warnings`.
    Warning(Warning),
    /// A cycle of the wait-for graph.
    Cycle(Cycle),
    /// A task of the chain that was asked for.
    Chain(Task),
    /// The task that was asked for in detail.
    Detail(Box<Detail>),
}

/// Packs rows into parts.
#[derive(Debug)]
pub struct Parts {
    part: proto::Part,
    bytes: usize,
}

/// What a picture begins with.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    /// When it was taken.
    pub taken_at: WallTime,
    /// The process.
    pub process: Process,
    /// When the process was started, in clock ticks since the machine's boot.
    pub start_ticks: Option<u64>,
    /// One for each table that was asked for.
    pub tables: Vec<TableInfo>,
    /// What the reading cost.
    pub reading_ns: u64,
    /// Whether cycles were looked for.
    pub cycles: bool,
    /// How many tasks there are in each state.
    pub states: Option<States>,
}

impl Parts {
    /// Begins the picture with that number in its stream.
    pub fn new(picture: u64, heading: Heading) -> Self {
        let header = proto::Header {
            taken_at_unix_ns: heading.taken_at.0,
            process: Some(encode::process(heading.process, heading.start_ticks)),
            tables: heading.tables.into_iter().map(encode::table_info).collect(),
            reading_ns: heading.reading_ns,
            cycles: heading.cycles,
            states: heading.states.map(encode::states),
        };
        let part = proto::Part { picture, header: Some(header), ..proto::Part::default() };
        Self { bytes: part.encoded_len() + LAST_BYTES, part }
    }

    /// Adds a row; if the part at hand is full, it is handed out and a new one begun.
    #[must_use]
    pub fn push(&mut self, row: Row) -> Option<proto::Part> {
        match row {
            Row::Task(it) => self.put(encode::task(it), |part| &mut part.tasks),
            Row::Tree(it) => self.put(encode::tree_node(it), |part| &mut part.tree),
            Row::Site(it) => self.put(encode::site(it), |part| &mut part.sites),
            Row::Timer(it) => self.put(encode::timer(it), |part| &mut part.timers),
            Row::Io(it) => self.put(encode::io(it), |part| &mut part.io),
            Row::IoTotal(it) => self.put(encode::io_total(it), |part| &mut part.io_totals),
            Row::Sync(it) => self.put(encode::sync(it), |part| &mut part.sync),
            Row::Job(it) => self.put(jobs::encode_job(*it), |part| &mut part.jobs),
            Row::Pool(it) => self.put(jobs::encode_pool(*it), |part| &mut part.pools),
            Row::Loop(it) => self.put(encode::event_loop(*it), |part| &mut part.loops),
            Row::Warning(it) => self.put(warning::encode(it), |part| &mut part.warnings),
            Row::Cycle(it) => self.put(encode::cycle(it), |part| &mut part.cycles),
            Row::Chain(it) => self.put(encode::task(it), |part| &mut part.chain),
            Row::Detail(it) => {
                let detail = encode::detail(*it);
                let full = self.make_room(detail.encoded_len());
                self.part.detail = Some(detail);
                full
            }
        }
    }

    /// The last part.
    pub fn finish(mut self) -> proto::Part {
        self.part.last = true;
        self.part
    }

    fn put<M: Message>(&mut self, row: M, table: fn(&mut proto::Part) -> &mut Vec<M>) -> Option<proto::Part> {
        let full = self.make_room(row.encoded_len());
        table(&mut self.part).push(row);
        full
    }

    fn make_room(&mut self, bytes: usize) -> Option<proto::Part> {
        // A tag, of one byte below field 16 and two from there on, and a length.
        let bytes = bytes + 2 + prost::length_delimiter_len(bytes);
        let part = (self.bytes + bytes > PART_BYTES_TARGET).then(|| {
            let next = proto::Part { picture: self.part.picture, ..proto::Part::default() };
            self.bytes = next.encoded_len() + LAST_BYTES;
            std::mem::replace(&mut self.part, next)
        });
        self.bytes += bytes;
        part
    }
}
