//! `export`: every histogram with exact counts, in formats that other programs read.

mod hdr;
mod hgrm;
mod hlog;
mod output;
mod row;

pub(crate) use row::HistogramRow;

use super::exit::{Exit, Failure};
use super::find::attach;
use super::flags::Flags;
use super::json;
use super::perform::fail_on;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use loopscope::time::Instant;
use loopscope_inspector::client::{self, Client, Kind, Target};
use loopscope_inspector::model::query::{Filter, QueryError, Sort};
use loopscope_inspector::model::{Histogram, Histograms, Names};
use loopscope_inspector::wire::HistogramsRequest;
use output::Output;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// What `export` is told beside the flags of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Where to write; stdout without it. A file that exists is not touched without --force
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a file that exists
    #[arg(long)]
    force: bool,

    /// With --interval: end after so many intervals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// With --interval: end after so many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400 * 366))]
    seconds: Option<u64>,
}

/// A format of `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The log of HdrHistogram, one tag a histogram, for its tools in any language
    Hlog,
    /// HdrHistogram's table of percentiles, one a histogram, in nanoseconds: for plotters
    Hgrm,
    /// Exact counts of every bucket; with --interval one document a line
    Json,
}

/// `export`.
pub(super) fn run(target: Option<Target>, options: &Options, flags: &Flags) -> anyhow::Result<()> {
    let mut export = Export::new(options, flags)?;
    let output = Output::open(options.output.as_deref(), options.force)?;
    let mut sink = Sink { output, written: 0, broken: false };
    let mut runner = super::perform::event_loop(true)?;
    let target = target.unwrap_or_default();
    // Ctrl-C is how an export without an end comes to one.
    let ended = runner.block_on(export.write_all(&target, flags, &mut sink)).unwrap_or(Ok(()));
    if sink.broken || sink.written == 0 {
        return ended
            .and_then(|()| Err(Failure::new(Exit::Failed, "interrupted before anything was read").into()));
    }
    sink.output.keep()?;
    if ended.as_ref().is_err_and(is_gone) && options.output.is_some() {
        // Standard error may be closed.
        let _ = writeln!(io::stderr(), "loopscope: what was read until then is kept");
    }
    ended
}

/// Whether the process ended, or does not answer any more.
fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<client::Error>().is_some_and(|error| error.exit_code() == 3)
}

/// Where the readings go, and how many did.
struct Sink {
    output: Output,
    written: u64,
    /// Whether one could not be written.
    broken: bool,
}

/// What is exported, and how.
struct Export {
    format: Format,
    interval: Option<Duration>,
    count: u64,
    lasts: Option<Duration>,
    chosen: Chosen,
    names: Names,
    hlog: hlog::Log,
}

/// Which histograms, in which order.
pub(super) struct Chosen {
    filter: Option<Filter>,
    sort: Option<Sort>,
    limit: usize,
}

impl Export {
    /// # Errors
    ///
    /// If the flags do not go together.
    fn new(options: &Options, flags: &Flags) -> anyhow::Result<Self> {
        super::check::histograms(flags)?;
        let format = match (options.format, flags.json) {
            (Some(Format::Json) | None, true) => Format::Json,
            (Some(format), false) if !flags.csv => format,
            (None, false) if !flags.csv => {
                return Err(Failure::usage("--format is missing: hlog, hgrm or json").into());
            }
            _ => {
                return Err(
                    Failure::usage("say with --format what to write, without --json and --csv").into()
                );
            }
        };
        let interval = flags.interval.filter(|_| flags.interval_is_typed);
        if interval.is_none() && (options.count.is_some() || options.seconds.is_some()) {
            let flag = if options.count.is_some() { "--count" } else { "--seconds" };
            return Err(Failure::usage(format!(
                "{flag} says when intervals end; without --interval there is one reading of everything since the start"
            ))
            .into());
        }
        Ok(Self {
            format,
            interval,
            count: options.count.unwrap_or(u64::MAX),
            lasts: options.seconds.map(Duration::from_secs),
            chosen: Chosen::of(flags)?,
            names: Names::default(),
            hlog: hlog::Log::default(),
        })
    }

    async fn write_all(&mut self, target: &Target, flags: &Flags, sink: &mut Sink) -> anyhow::Result<()> {
        let mut client = attach(target, flags).await?;
        let request = HistogramsRequest::default();
        let Some(interval) = self.interval else {
            let reading = client.histograms(&request).await?;
            self.write(&reading, sink)?;
            return fail_on(&mut client, flags).await;
        };
        let begun = Instant::now();
        let end = self.lasts.map(|lasts| begun + lasts);
        let mut due = begun;
        let mut before = client.histograms(&request).await?;
        while sink.written < self.count && end.is_none_or(|end| due < end) {
            due += interval;
            due = end.map_or(due, |end| due.min(end));
            wait_until(due, &mut client).await?;
            let reading = client.histograms(&request).await?;
            self.write(&reading.since(&before), sink)?;
            before = reading;
        }
        fail_on(&mut client, flags).await
    }

    /// Writes one reading, or what came between two.
    fn write(&mut self, reading: &Histograms, sink: &mut Sink) -> anyhow::Result<()> {
        let (rows, total) = self.chosen.rows(self.names.name(&reading.rows));
        let out = &mut sink.output;
        let written = match self.format {
            Format::Hlog => self.hlog.write(out, reading, &rows),
            Format::Hgrm => hgrm::write(out, reading, &rows),
            Format::Json => json::write_histograms(out, reading, &rows, total),
        };
        let written = written.and_then(|()| out.flush()).with_context(|| out.what());
        sink.broken |= written.is_err();
        sink.written += u64::from(written.is_ok());
        written
    }
}

impl Chosen {
    /// What the flags choose.
    ///
    /// # Errors
    ///
    /// If the filter or the sort makes no sense.
    pub(super) fn of(flags: &Flags) -> Result<Self, QueryError> {
        Ok(Self {
            filter: flags.filter.as_deref().map(Filter::parse::<HistogramRow>).transpose()?,
            sort: flags.sort.as_deref().map(Sort::parse::<HistogramRow>).transpose()?,
            limit: flags.limit.unwrap_or(usize::MAX),
        })
    }

    /// The histograms that were asked for, and how many there were before the limit.
    pub(super) fn rows(&self, named: Vec<(String, Histogram)>) -> (Vec<HistogramRow>, u64) {
        let rows = named.into_iter().map(|(name, histogram)| HistogramRow::new(name, histogram));
        let mut rows: Vec<HistogramRow> =
            rows.filter(|row| self.filter.as_ref().is_none_or(|filter| filter.matches(row))).collect();
        if let Some(sort) = &self.sort {
            rows.sort_by(|a, b| sort.compare(a, b));
        }
        let total = rows.len() as u64;
        rows.truncate(self.limit);
        (rows, total)
    }
}

/// Waits, and notices at once when the process ends.
async fn wait_until(due: Instant, client: &mut Client) -> Result<(), client::Error> {
    /// How often a process is asked whether it is still there.
    const LOOK_EACH: Duration = Duration::from_secs(1);
    loop {
        let next = due.min(Instant::now() + LOOK_EACH);
        loopscope::sleep_until(next).await;
        if next >= due {
            return Ok(());
        }
        match client.snapshot(&loopscope_inspector::wire::Request::default()).await {
            // A process that is slow to answer once may still answer when it counts.
            Err(error) if !matches!(error.kind(), Kind::Silent { .. } | Kind::Busy { .. }) => {
                return Err(error);
            }
            _ => {}
        }
    }
}
