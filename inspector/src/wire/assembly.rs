//! The parts of a picture become the picture, within bounds.

use super::decode::{self, DecodeError};
use super::jobs;
use super::limits::{CHAIN_MAX, CYCLES_MAX, IO_TOTALS_MAX, PICTURE_BYTES_MAX, POOLS_MAX, ROWS_MAX};
use super::picture::{Picture, Table};
use super::{proto, warning};
use crate::model::{TreeNode, WallTime};
use prost::Message as _;

/// Takes the parts of one stream, in order, and hands out whole pictures.
#[derive(Debug, Default)]
pub struct Assembly {
    picture: Option<Picture>,
    number: u64,
    bytes: usize,
    rows: u64,
}

impl Assembly {
    /// For one stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next part; with the last one the picture is complete.
    ///
    /// # Errors
    /// If the part makes no sense where it comes, or the picture grows beyond what one may have. The stream is then to be
    /// given up.
    pub fn add(&mut self, part: proto::Part) -> Result<Option<Picture>, DecodeError> {
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > PICTURE_BYTES_MAX {
            return Err(DecodeError::new("a picture of more than 100 MiB"));
        }
        let (number, last) = (part.picture, part.last);
        let mut picture = match (self.picture.take(), &part.header) {
            (None, Some(_)) => Picture::default(),
            (Some(picture), None) if number == self.number => picture,
            (None, None) => return Err(DecodeError::new("a picture without a beginning")),
            (Some(_), _) => return Err(DecodeError::new("a picture begins before the last one ended")),
        };
        self.number = number;
        self.rows = self.rows.saturating_add(rows_of(&part));
        if self.rows > 2 * ROWS_MAX {
            return Err(DecodeError::new("a picture of more than 200,000 rows"));
        }
        add_part(&mut picture, part)?;
        if last {
            *self = Self::default();
            count(&mut picture);
            return Ok(Some(picture));
        }
        self.picture = Some(picture);
        Ok(None)
    }
}

fn rows_of(part: &proto::Part) -> u64 {
    let rows = part.tasks.len()
        + part.tree.len()
        + part.sites.len()
        + part.timers.len()
        + part.io.len()
        + part.io_totals.len()
        + part.sync.len()
        + part.jobs.len()
        + part.pools.len()
        + part.loops.len()
        + part.warnings.len();
    rows as u64
}

fn add_part(picture: &mut Picture, part: proto::Part) -> Result<(), DecodeError> {
    if let Some(header) = part.header {
        begin(picture, header)?;
    }
    let snapshot = &mut picture.snapshot;
    extend(&mut snapshot.tasks, part.tasks, decode::task)?;
    add_tree(&mut snapshot.tree, part.tree)?;
    extend(&mut snapshot.sites, part.sites, decode::site)?;
    extend(&mut snapshot.timers, part.timers, decode::timer)?;
    extend(&mut snapshot.io, part.io, |row| Ok(decode::io(row)))?;
    extend(&mut snapshot.io_totals, part.io_totals, |row| Ok(decode::io_total(row)))?;
    if let Some(totals) = &mut snapshot.io_totals {
        totals.truncate(IO_TOTALS_MAX);
    }
    extend(&mut snapshot.sync, part.sync, |row| Ok(decode::sync(row)))?;
    extend(&mut snapshot.blocking, part.jobs, jobs::decode_job)?;
    extend(&mut snapshot.pools, part.pools, |row| Ok(jobs::decode_pool(row)))?;
    if let Some(pools) = &mut snapshot.pools {
        pools.truncate(POOLS_MAX);
    }
    extend(&mut snapshot.loops, part.loops, |row| Ok(decode::event_loop(row)))?;
    extend(&mut snapshot.warnings, part.warnings, warning::decode)?;
    if !part.cycles.is_empty() {
        let cycles = snapshot.cycles.get_or_insert_default();
        cycles.extend(part.cycles.into_iter().map(decode::cycle));
        cycles.truncate(CYCLES_MAX);
    }
    if let Some(detail) = part.detail {
        picture.detail = Some(Box::new(decode::detail(detail)?));
    }
    for task in part.chain.into_iter().map(decode::task) {
        picture.chain.push(task?);
    }
    picture.chain.truncate(CHAIN_MAX);
    Ok(())
}

fn begin(picture: &mut Picture, header: proto::Header) -> Result<(), DecodeError> {
    let process = header.process.ok_or(DecodeError::new("a picture of no process"))?;
    let snapshot = &mut picture.snapshot;
    snapshot.taken_at = WallTime(header.taken_at_unix_ns);
    snapshot.processes = vec![decode::process(process)];
    snapshot.cycles = header.cycles.then(Vec::new);
    picture.states = header.states.map(decode::states);
    picture.reading_ns = header.reading_ns;
    for info in header.tables.into_iter().filter_map(decode::table_info) {
        if picture.tables.iter().any(|known| known.table == info.table) {
            return Err(DecodeError::new("a table that comes twice"));
        }
        picture.tables.push(info);
        // A table that was asked for and is empty is `Some` of nothing.
        match info.table {
            Table::Tasks => snapshot.tasks = Some(Vec::new()),
            Table::Tree => snapshot.tree = Some(Vec::new()),
            Table::Sites => snapshot.sites = Some(Vec::new()),
            Table::Timers => snapshot.timers = Some(Vec::new()),
            Table::Io => (snapshot.io, snapshot.io_totals) = (Some(Vec::new()), Some(Vec::new())),
            Table::Sync => snapshot.sync = Some(Vec::new()),
            Table::Blocking => (snapshot.blocking, snapshot.pools) = (Some(Vec::new()), Some(Vec::new())),
            Table::Loops => snapshot.loops = Some(Vec::new()),
            Table::Warnings => snapshot.warnings = Some(Vec::new()),
        }
    }
    Ok(())
}

/// Adds rows to a table that was announced.
fn extend<M, T>(
    table: &mut Option<Vec<T>>,
    rows: Vec<M>,
    decode: fn(M) -> Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = table.as_mut().ok_or(DecodeError::new("rows of a table that was not announced"))?;
    table.reserve(rows.len());
    for row in rows {
        table.push(decode(row)?);
    }
    Ok(())
}

/// A tree's rows may go at most one level deeper from one to the next; a page may begin anywhere.
fn add_tree(tree: &mut Option<Vec<TreeNode>>, rows: Vec<proto::TreeNode>) -> Result<(), DecodeError> {
    let known = tree.as_ref().map_or(0, Vec::len);
    extend(tree, rows, decode::tree_node)?;
    let rows = tree.as_deref().unwrap_or_default();
    let from = known.saturating_sub(1);
    if rows[from..].windows(2).any(|pair| pair[1].depth > pair[0].depth.saturating_add(1)) {
        return Err(DecodeError::new("a tree that leaves out a level"));
    }
    Ok(())
}

/// What only the whole picture tells. The rows are counted rather than believed.
fn count(picture: &mut Picture) {
    let snapshot = &mut picture.snapshot;
    let rows = |table| match table {
        Table::Tasks => snapshot.tasks.as_ref().map_or(0, Vec::len),
        Table::Tree => snapshot.tree.as_ref().map_or(0, Vec::len),
        Table::Sites => snapshot.sites.as_ref().map_or(0, Vec::len),
        Table::Timers => snapshot.timers.as_ref().map_or(0, Vec::len),
        Table::Io => snapshot.io.as_ref().map_or(0, Vec::len),
        Table::Sync => snapshot.sync.as_ref().map_or(0, Vec::len),
        Table::Blocking => snapshot.blocking.as_ref().map_or(0, Vec::len),
        Table::Loops => snapshot.loops.as_ref().map_or(0, Vec::len),
        Table::Warnings => snapshot.warnings.as_ref().map_or(0, Vec::len),
    };
    for info in &mut picture.tables {
        info.shown = rows(info.table) as u64;
        info.total = info.total.max(info.shown);
    }
    if let Some(first) = picture.tables.first() {
        (snapshot.total, snapshot.shown, snapshot.dropped) = (first.total, first.shown, first.dropped);
    }
}
