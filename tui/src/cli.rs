//! The command line: what the program can be told, as clap definitions, and where each command is carried out.
//!
//! Names, flags and exit codes are a contract with people and scripts; they may grow, but do not change meaning.

mod ask;
mod cancel;
mod cells;
mod check;
mod config;
mod dead;
mod debug;
mod exit;
mod explain;
mod export;
mod fetch;
mod find;
mod findings;
mod flags;
mod hist;
mod json;
mod logs;
mod many;
mod mistyped;
mod perform;
mod processes;
mod render;
mod run;
#[cfg(test)]
mod samples;
mod ship;
mod stacks;
mod table;
mod tables;
mod tree;
mod watch;
mod why;

use exit::{Exit, Failure};
use flags::{Flags, Look};
pub(crate) use perform::main;

use clap::{Parser, Subcommand, ValueEnum};
use loopscope_inspector::client::Target;

const LONG_ABOUT: &str = "\
Look into a running event loop: which tasks live, what each waits for, who holds whom up.

Without a command it attaches to TARGET, or lets you pick a process. Attaching does not stop the program, and its loop \
is not asked for anything: this also works while the loop is stuck.";

const AFTER_HELP: &str = "\
In a hurry:
  loopscope ps                 which processes can be looked into
  loopscope warnings PID       what is wrong in one of them
  loopscope tasks PID --sort=-blocks   the task most others wait for, on top
  loopscope why PID 7          why task #7 does not get on
  loopscope PID                all of it, live";

const AFTER_LONG_HELP: &str = "\
TARGET is one of
  a PID                        loopscope 4711
  the name of a program        loopscope echo_server      (if exactly one matches)
  the path of a socket         loopscope /run/user/1000/loopscope/4711-8123.sock
  nothing                      if exactly one process can be attached to

Examples:
  loopscope demo                               try it on a built-in application
  loopscope ps                                 which processes can be looked into
  loopscope warnings 4711                      what is wrong
  loopscope tasks 4711 --sort=-blocks          the task most others wait for, on top
  loopscope tasks 4711 --filter 'state=idle name~^work busy>10ms'
  loopscope why 4711 7                         why task #7 does not get on
  loopscope tree 4711 --asyncio=pstree         the shape of `python -m asyncio pstree`
  loopscope loops 4711 --json | jq '.loops[].running'
  loopscope warnings 4711 --fail-on blocked    for a health check: exit code 5 if it is so

The application needs one line at the top of its main:
  loopscope_inspector::start();

Settings: flags beat the environment (LOOPSCOPE_*), which beats $XDG_CONFIG_HOME/loopscope/config.toml (or the file that \
LOOPSCOPE_CONFIG names), which beats the defaults. `loopscope --print-config` shows them and can be saved as that file.

Exit codes:
  0  fine (also: the reader of the output went away)
  1  failed
  2  wrong usage, or several processes match
  3  nothing to attach to, or it does not answer within --timeout
  4  refused: a right is missing (the message says how to grant it)
  5  --fail-on, and one was found
  126, 127  `run`: the program cannot be executed, or is not there; else its own exit code
  128 + N  the live picture was ended by signal N (143: SIGTERM)";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "loopscope",
    version,
    about = "Look into a running event loop",
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    after_long_help = AFTER_LONG_HELP,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What to do; without one, attach.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// A PID, the name of a program, or the path of a socket.
    pub(crate) target: Option<Target>,

    /// Print the settings that count and where each comes from, as a configuration file
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Print the JSON schema of the configuration file
    #[arg(long, conflicts_with = "print_config")]
    pub(crate) config_schema: bool,

    /// Flags that every command takes.
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a small application and watch it
    ///
    /// Starts a built-in application as a child process (an echo server under load, workers on a queue, timers, a callback that
    /// is slow now and then, a pile-up on a lock) and attaches to it. It is an ordinary process, which `loopscope ps` shows too;
    /// it uses little CPU and ends when this program ends.
    ///
    /// Without a terminal on stdout it prints the task tree and the warnings once an interval and exits with 0.
    Demo {
        /// How long to print without a terminal
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        seconds: u64,
    },

    /// Start a program and look into it
    ///
    /// Starts CMD with `LOOPSCOPE_INSPECT=1` (and `LOOPSCOPE_DEBUG=1` with --debug), waits until its agent answers, and attaches. What CMD
    /// starts itself counts too, so `loopscope run -- cargo run` works. Signals are passed on, and its exit code is the exit code (128 + N
    /// for signal N; 126 if it cannot be executed, 127 if it is not there).
    ///
    /// On a terminal CMD has an empty input, and its output is kept while the picture is drawn (the last MiB) and printed when you leave;
    /// q leaves the picture and CMD goes on in the foreground. Without a terminal the task tree and the warnings are printed once an
    /// interval until CMD ends, between its own output; with --json and --csv CMD's output goes to standard error.
    #[command(override_usage = "loopscope run [OPTIONS] -- <CMD>...")]
    Run(run::Plan),

    /// List the processes that can be attached to
    ///
    /// Yours, or everybody's if you are root. A process that is there but does not answer (stopped, or of another protocol) is named
    /// on stderr with the reason.
    Ps {
        /// List what dead processes left: the files of their sockets
        #[arg(long)]
        dead: bool,

        /// Remove what --dead lists; yours, or everybody's if you are root
        #[arg(long, requires = "dead")]
        remove: bool,
    },

    /// Watch a process live
    ///
    /// The same as `loopscope TARGET`. Press ? in there for the keys; q leaves. The observed program does not notice.
    Attach {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// Show the task tree, and what each task waits for
    ///
    /// A child is a task that its parent spawned. What a task waits for stands behind it; tasks that wait for each other are
    /// listed below the tree as cycles, and as a deadlock where nothing can end it.
    Tree {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// Print the very columns or shapes of `python -m asyncio ps` or `pstree`
        #[arg(long, value_name = "STYLE")]
        asyncio: Option<Asyncio>,
    },

    /// List the tasks
    ///
    /// Start with `--sort=-blocks`: the task that most others wait for is on top. `--sort=-busy` shows who uses the loop,
    /// `--filter 'state=idle state_for>10s'` who has not moved.
    Tasks {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List the spawn sites: how many tasks each line of code started, and how long they take
    ///
    /// Every task counts, also one that lived for two microseconds. `--sort=-busy` shows which line uses the loop, `--sort=-poll.p99` which one
    /// holds it up, `--filter 'panicked>0'` where tasks die. WAIT is the time between a wake and the poll that it led to.
    Sites {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List the timers that are pending, the next one first
    ///
    /// A timer that should have fired and has not is late: its loop is busy with something else.
    Timers {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List the sockets, pipes, child processes and signal listeners: bytes, calls, and who waits for them
    ///
    /// `--filter 'kind=tcp idle_for>1min'` finds connections on which nothing happens, `--sort=-bytes_read` the busiest one.
    Io {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List what tasks synchronise with: who holds it, since when, how full it is, and who waits
    ///
    /// A lock, semaphore, event, condition, barrier, queue or group is listed while a task waits for it, and a channel from the
    /// first wait for it on, so that what never makes anybody wait costs nothing.
    /// `--filter 'held_for>1s'` finds locks that are held for long, `--filter cycle=deadlock` those that nobody will let go.
    Sync {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List the jobs on blocking threads, and the pools that run them
    ///
    /// A job that is queued for long wants more threads, or shorter jobs. Jobs that ended a moment ago are there too;
    /// `--filter 'state=running running_for>1s'` leaves those that hold a thread.
    Blocking {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// List the loops: what each runs right now, and since when
    ///
    /// A stuck loop shows itself here: the task it is polling, since when, and where that task was spawned. It is read without the
    /// loop's help, so it answers at once.
    Loops {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// Show a table again and again, in plain lines, for logs and screen readers
    ///
    /// A picture each --interval, below a line with the time; nothing moves the cursor, and there is no colour unless --color=always asks for it.
    /// `--jsonl` prints one JSON document a line, `--csv` one table with the time in every row. A picture holds 100,000 rows at most.
    ///
    /// When the process is restarted or does not answer, a line on stderr says so and it is tried again: for as long as --timeout where the
    /// process was named by its program or its socket. When it has ended, so does this, with 3.
    Watch(watch::Plan),

    /// Say why a task does not get on
    ///
    /// Follows what the task waits for to the root: `#7 → lock db → #9 writer → read 10.0.0.7:5432 (fd 12), 12 s`, with the place of
    /// each `.await`.
    #[command(allow_missing_positional = true)]
    Why {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// The task's number as `tasks` shows it (7 or #7), or its name if only one task bears it
        task: String,
    },

    /// List what is wrong
    ///
    /// The worst first: a loop that is blocked, with the stack that blocks it where debug mode caught it, tasks that wait for each other for
    /// ever, slow polls, errors that nobody looked at, leaks. What was found and is over comes last, as past. `loopscope explain NAME` says
    /// how to mend one. With `--fail-on` the exit code says so too: `--fail-on any`, `--fail-on error`, `--fail-on blocked,deadlock`.
    Warnings {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// Show where every task stands: each `.await` from root to leaf, with file and line
    ///
    /// Through `join!`, `select!`, groups and combinators; where a stack forks it is a tree. Each loop pauses for a moment, in slices,
    /// and it is said how long. A task whose leaf cannot be reached is marked, never left out. Needs the right to diagnose.
    Dump {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// Only that of this task, by its number or its name; can be given several times
        #[arg(long, value_name = "TASK")]
        task: Vec<String>,
    },

    /// Show the stack of each loop's thread right now: what it computes, or which call it is stuck in
    ///
    /// Innermost first, with function, file and line. The thread is interrupted for some microseconds; this works while the loop is
    /// stuck. Needs the right to diagnose.
    Stack {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,
    },

    /// Show the application's own log, with the task each line came from
    ///
    /// Needs the layer of `loopscope_inspector::logs` in the application's tracing subscriber. --set changes which events it keeps,
    /// as `info,app::db=debug`, for as long as this follows the log or --for says.
    Logs {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// What to show
        #[command(flatten)]
        options: logs::Options,
    },

    /// Switch debug mode of a running process
    ///
    /// On: it looks for slow polls, errors that nobody retrieves, leaks, deadlocks, and watches for blocked loops; stacks: it also
    /// keeps the stacks by which tasks were made. New warnings are printed as they come, and when this ends (Ctrl-C), all is as it was
    /// before; with --for it ends at once and the process goes on so for that long. --slow says from when on a poll is slow. Needs the
    /// right to diagnose.
    Debug {
        /// A PID, the name of a program, or the path of a socket
        target: Target,

        /// What to switch it to
        mode: debug::Wish,

        /// Leave it so for that long, as 10m
        #[arg(long = "for", value_name = "TIME", value_parser = debug::parse_lease)]
        lasts: Option<std::time::Duration>,
    },

    /// Cancel tasks: their futures are dropped
    ///
    /// Whoever awaits such a task gets an error that says so. Needs the right to control, which the application grants or
    /// `LOOPSCOPE_CONTROL=1` in its environment.
    Cancel {
        /// A PID, the name of a program, or the path of a socket
        target: Target,

        /// The tasks, by their numbers or names
        #[arg(required = true)]
        task: Vec<String>,
    },

    /// Draw the histograms: how long polls took, tasks waited for their turn, timers were late
    ///
    /// Those of loops and pools; with --sites or a --filter those of spawn sites too. `--filter name=poll.src/main.rs:40` draws one.
    Hist {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// Those of spawn sites, and of the places where sockets are made, too
        #[arg(long)]
        sites: bool,
    },

    /// Write every histogram with exact counts, for other programs
    ///
    /// How long polls took and tasks stood in the run queue, by spawn site and by loop; how late timers fired, how long loops slept, how
    /// late reads came. Everything since the start, or with `--interval D` what came within each interval. Names are `poll.loop0`,
    /// `poll.src/main.rs:40` and the like; what a tag may not hold is written as %XX.
    ///
    /// If the process ends between two intervals, what was read is kept and the exit code is 3.
    Export {
        /// A PID, the name of a program, or the path of a socket
        target: Option<Target>,

        /// What to write, and where
        #[command(flatten)]
        options: export::Options,
    },

    /// Say what a warning means, how it comes about and how to mend it
    ///
    /// Without a name it lists all of them.
    Explain {
        /// The name of the warning, as `warnings` shows it
        lint: Option<String>,
    },

    /// Print completions for a shell
    ///
    /// For bash: `loopscope completions bash > ~/.local/share/bash-completion/completions/loopscope`.
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },

    /// Print the manual page
    ///
    /// `loopscope man | man -l -` shows it.
    Man {
        /// Write the pages of all commands into this directory instead
        #[arg(long, short, value_name = "DIR")]
        output: Option<std::path::PathBuf>,
    },

    /// The application of `demo`.
    #[command(hide = true)]
    DemoApp {
        /// The process that started it.
        #[arg(long)]
        parent: i32,
    },
}

impl Command {
    /// The name that is typed.
    fn name(&self) -> &'static str {
        match self {
            Self::Demo { .. } => "demo",
            Self::Run(_) => "run",
            Self::Ps { .. } => "ps",
            Self::Attach { .. } => "attach",
            Self::Tree { .. } => "tree",
            Self::Tasks { .. } => "tasks",
            Self::Sites { .. } => "sites",
            Self::Timers { .. } => "timers",
            Self::Io { .. } => "io",
            Self::Sync { .. } => "sync",
            Self::Blocking { .. } => "blocking",
            Self::Loops { .. } => "loops",
            Self::Watch(_) => "watch",
            Self::Why { .. } => "why",
            Self::Warnings { .. } => "warnings",
            Self::Dump { .. } => "dump",
            Self::Stack { .. } => "stack",
            Self::Logs { .. } => "logs",
            Self::Debug { .. } => "debug",
            Self::Cancel { .. } => "cancel",
            Self::Hist { .. } => "hist",
            Self::Export { .. } => "export",
            Self::Explain { .. } => "explain",
            Self::Completions { .. } => "completions",
            Self::Man { .. } => "man",
            Self::DemoApp { .. } => "demo-app",
        }
    }

    /// Its name, if it asks no process for anything that it could find there.
    fn about_no_process(&self) -> Option<&'static str> {
        let is_it = match self {
            Self::Ps { .. } | Self::Explain { .. } | Self::Completions { .. } | Self::Man { .. } => true,
            Self::Watch(plan) => plan.view == render::Table::Processes,
            _ => false,
        };
        is_it.then(|| self.name())
    }
}

/// Which of asyncio's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asyncio {
    /// The table of all pending tasks
    Ps,
    /// The tree of all pending tasks
    Pstree,
}

#[cfg(test)]
mod tests;
