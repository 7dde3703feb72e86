//! The last picture: what a process leaves when it comes to a bad end.
//!
//! ```text
//!   main task panics, or a fatal signal ──► this thread wakes, while the end waits for it (three seconds at most)
//!                                             │ reads the records, as for a client
//!                                             ▼
//!                                  DIR/.program-pid-time.part ──rename──► DIR/program-pid-time.loopscope
//! ```
//!
//! The thread is made beforehand and sleeps. It does not need the agent's thread, which may be the one that failed. Where the
//! thread that failed holds a lock that this one needs, as that of the allocator, there is no file, and the process ends three
//! seconds later as it would have ended anyway.

#[cfg(feature = "stacks")]
mod stacks;

use super::own_process::OwnProcess;
use super::reading::{HistogramReading, Reader, count_loops};
use super::warn;
use crate::model::{Capabilities, Capability, Histograms, Rights, Severity, Warning};
use crate::wire::post_mortem::{FileWriter, Record};
use crate::wire::{
    self, Hello, HistogramParts, HistogramsRequest, Parts, Query, Request, Row, Table, TreeQuery,
};
use loopscope::debug::fatal::{self, End};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::SystemTime;

/// The variable that names the directory.
const VARIABLE: &str = "LOOPSCOPE_POST_MORTEM";

/// Rows of each table. As many as are written within a second, also by a program that was not optimised.
const ROWS: u64 = 10_000;

/// Rows where so many do not fit into the file.
const ROWS_FEWER: u64 = 500;

/// Where a panic was, as the hook saw it last: the runtime only knows its words.
static LAST_PANIC: Mutex<Option<(ThreadId, String)>> = Mutex::new(None);

/// Leaves a file with the last picture (tasks, waits, warnings and all other tables, and the stacks of the loops' threads) when a main task panics, and on request when
/// a fatal signal comes. `loopscope FILE`, and every command that takes a process, opens it.
///
/// `LOOPSCOPE_POST_MORTEM=DIR` in the environment does the same, for panics and signals, where the agent is
/// [started](crate::start); it goes before what the code says.
///
/// # Signals
///
/// SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT. The handler only wakes a thread that waits, and gives it three seconds; then what
/// stood there before is put back and the signal comes again, so that the process ends as without it. A handler that the
/// application installs later replaces this one.
///
/// # Examples
///
/// ```no_run
/// if let Err(error) = loopscope_inspector::PostMortem::to("/var/crash").signals(true).install() {
///     eprintln!("there will be no post mortem: {error}");
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is installed"]
pub struct PostMortem {
    directory: PathBuf,
    signals: bool,
}

impl PostMortem {
    /// Files go into that directory, which must be there.
    pub fn to(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), signals: false }
    }

    /// Whether there is one for a fatal signal, too.
    pub fn signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self
    }

    /// Sees to it, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If the directory is none, if it was installed already, and if the OS refuses a thread, a descriptor or a handler.
    pub fn install(self) -> io::Result<()> {
        let directory = fs::canonicalize(&self.directory)?;
        if !directory.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no directory"));
        }
        let mut watch = fatal::watch(self.signals)?;
        remember_places();
        let own = OwnProcess::new();
        thread::Builder::new().name("loopscope-last".to_owned()).spawn(move || {
            while let Ok(end) = watch.wait() {
                let words = words_of(&end);
                match write(&directory, &own, &end, &words) {
                    Ok(path) => warn(&format!("{words}: the last picture is in {}", path.display())),
                    Err(error) => {
                        warn(&format!(
                            "{words}: there is no last picture in {}: {error}",
                            directory.display()
                        ));
                    }
                }
                watch.done(&end);
            }
        })?;
        Ok(())
    }
}

/// Installs it where the environment asks for it.
pub(super) fn install_if_asked() {
    let Some(directory) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return };
    if let Err(error) = PostMortem::to(&directory).signals(true).install() {
        let directory = crate::model::words::escape(&directory.to_string_lossy(), 200).into_owned();
        warn(&format!("{VARIABLE}={directory}: there will be no post mortem: {error}"));
    }
}

/// Lets the panic hook note where each panic was.
fn remember_places() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        if let Some(place) = place {
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((thread::current().id(), place));
        }
        before(info);
    }));
}

fn words_of(end: &End) -> String {
    let last = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
    match (end, last.as_ref()) {
        (End::Panic { message, thread, .. }, Some((of, place))) if of == thread => {
            format!("the main task panicked at {place}: {message}")
        }
        _ => end.to_string(),
    }
}

/// Writes the file and returns its path.
fn write(directory: &Path, own: &OwnProcess, end: &End, ended: &str) -> io::Result<PathBuf> {
    let (part, path) = names(directory, own);
    #[cfg(feature = "stacks")]
    let mut stacks = stacks::Stacks::begin(end);
    let mut last = || -> Option<wire::proto::StackReply> {
        #[cfg(feature = "stacks")]
        return stacks.as_mut().map(stacks::Stacks::reply);
        #[cfg(not(feature = "stacks"))]
        None
    };
    let written = match write_rows(&part, own, ended, ROWS, &mut last) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            fs::remove_file(&part)?;
            write_rows(&part, own, ended, ROWS_FEWER, &mut last)
        }
        written => written,
    };
    // A link, unlike a rename, never replaces what is there.
    let put = written.and_then(|()| fs::hard_link(&part, &path));
    fs::remove_file(&part)?;
    put.map(|()| path)
}

/// The file while it is written, and afterwards.
fn names(directory: &Path, own: &OwnProcess) -> (PathBuf, PathBuf) {
    let process = own.read();
    let name: String = process.name.as_deref().unwrap_or("program").chars().take(64).collect();
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = format!("{}-{}-{}", name.replace('/', "_"), process.pid, since_epoch.as_millis());
    (directory.join(format!(".{name}.part")), directory.join(format!("{name}.loopscope")))
}

/// Writes everything, the stacks last: they may take the longest.
fn write_rows(
    path: &Path,
    own: &OwnProcess,
    ended: &str,
    rows: u64,
    stacks: &mut dyn FnMut() -> Option<wire::proto::StackReply>,
) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut file = FileWriter::new(BufWriter::new(file))?;
    file.add(Record::Ended(ended.to_owned()))?;
    file.add(Record::Hello(hello(own)))?;
    add_picture(&mut file, own, ended, rows)?;
    add_histograms(&mut file, own)?;
    #[cfg(feature = "logs")]
    add_log(&mut file, own)?;
    if let Some(reply) = stacks() {
        file.add(Record::Stacks(reply))?;
    }
    file.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

type Out = FileWriter<BufWriter<File>>;

/// What the process would have said of itself.
fn hello(own: &OwnProcess) -> wire::proto::HelloReply {
    let capabilities: Capabilities = [
        Capability::Tasks,
        Capability::Waits,
        Capability::Sites,
        Capability::Timers,
        Capability::Io,
        Capability::Sync,
        Capability::Blocking,
        Capability::Warnings,
        Capability::Histograms,
    ]
    .into_iter()
    .collect();
    let mut process = own.read();
    count_loops(&mut process);
    process.version = Some(env!("CARGO_PKG_VERSION").to_owned());
    process.rights = Some(Rights { see: true, diagnose: false, control: false });
    process.capabilities = Some(capabilities);
    wire::encode_hello(Hello {
        protocol_min: wire::PROTOCOL_MIN,
        protocol_max: wire::PROTOCOL_MAX,
        protocol: Some(wire::PROTOCOL_MAX),
        process,
        start_ticks: own.start_ticks(),
    })
}

/// Everything that a picture can have.
fn request(rows: u64) -> Request {
    let query = || Some(Query::all().limit(rows));
    Request {
        tasks: query(),
        tree: Some(TreeQuery { query: Query::all().limit(0), ..TreeQuery::default() }),
        sites: query(),
        timers: query(),
        io: query(),
        sync: query(),
        blocking: query(),
        loops: query(),
        warnings: query(),
        cycles: true,
        states: true,
        ..Request::default()
    }
}

fn add_picture(file: &mut Out, own: &OwnProcess, ended: &str, rows: u64) -> io::Result<()> {
    let mut reading = Reader::default()
        .read(&request(rows), own.read(), own.start_ticks())
        .map_err(|error| io::Error::other(error.to_string()))?;
    let mut heading = reading.heading();
    for table in heading.tables.iter_mut().filter(|table| table.table == Table::Warnings) {
        table.total += 1;
    }
    let mut parts = Parts::new(1, heading);
    let end = Warning {
        name: "ended".to_owned(),
        severity: Severity::Error,
        count: 1,
        message: format!("the process came to its end: {ended}"),
        ..Warning::default()
    };
    let mut row = Some(Row::Warning(end));
    while let Some(next) = row.take().or_else(|| reading.next_row()) {
        if let Some(part) = parts.push(next) {
            file.add(Record::Part(part))?;
        }
    }
    file.add(Record::Part(parts.finish()))
}

fn add_histograms(file: &mut Out, own: &OwnProcess) -> io::Result<()> {
    let mut reading = HistogramReading::new(HistogramsRequest::default());
    let head: Histograms = reading.head(own.read());
    let mut parts = HistogramParts::new(head, own.start_ticks());
    while let Some(histogram) = reading.next() {
        for part in parts.push(histogram) {
            file.add(Record::Histograms(part))?;
        }
    }
    file.add(Record::Histograms(parts.finish()))
}

/// The last lines of the application's log, if it keeps one.
#[cfg(feature = "logs")]
fn add_log(file: &mut Out, own: &OwnProcess) -> io::Result<()> {
    if !crate::logs::is_installed() {
        return Ok(());
    }
    let (mut lines, mut from) = (Vec::new(), 0);
    let (mut lost, mut gone) = (0, 0);
    // Other threads may go on logging for as long as this takes, so there is an end to it.
    while lines.len() < crate::logs::LINES_MAX {
        let batch = crate::logs::read(from, crate::logs::READ_MAX);
        (from, lost) = (batch.next, batch.lost);
        gone += batch.missed;
        if batch.lines.is_empty() {
            break;
        }
        lines.extend(batch.lines);
    }
    let taken_at = SystemTime::now().into();
    let header =
        wire::encode_logs_header(taken_at, own.read(), own.start_ticks(), crate::logs::filter(), lost + gone);
    for part in wire::encode_lines(Some(header), 0, lines.iter().map(AsRef::as_ref)) {
        file.add(Record::Logs(part))?;
    }
    Ok(())
}
