//! What a child process is started with.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::panic::Location;
use std::path::Path;
use std::rc::Rc;

use rustix::process::Rlimit;

use super::child::Child;
use super::communicate::Output;
use super::error::{OutputError, SpawnError, StatusError};
use super::limit::Resource;
use super::protocol::Protocol;
use super::started::{OutputOf, StatusOf};
use super::stdio::{Stdio, Streams, Unsaid};
use super::system::{self, Step};
use super::transport::{self, Transport};
use super::watch::{Process, Started};
use super::{ExitStatus, orphans};
use crate::debug::log::log_here;
use crate::event_loop::current;
use crate::task::Task;

/// A program and what it is started with.
///
/// Streams of which nothing is said are those of this process, but [`output`](Self::output) captures them. A command can be
/// started any number of times.
///
/// Starting a program takes the loop as long as the OS needs for it, mostly less than a millisecond; a
/// [`new_session`](Self::new_session), a [`limit`](Self::limit) and a user take a `fork` of this process, which costs more the
/// more memory it uses. The child has no descriptor of this process but its three streams.
///
/// # Examples
///
/// ```
/// use loopscope::process::{Command, Stdio};
///
/// loopscope::run(async {
///     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
///     let output = child.communicate(b"hello").await.unwrap();
///     assert_eq!((output.stdout.as_slice(), output.status.code()), (b"hello".as_slice(), Some(0)));
/// });
/// ```
#[doc(alias = "asyncio.create_subprocess_exec")]
#[doc(alias = "asyncio.create_subprocess_shell")]
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    streams: Streams,
    name: Option<Box<str>>,
    group: Option<i32>,
    has_session: bool,
    kill_on_drop: bool,
    exit_by_thread: bool,
}

impl Command {
    /// A program: a path, or a name that is looked for in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            std: std::process::Command::new(program),
            streams: Streams::default(),
            name: None,
            group: None,
            has_session: false,
            kill_on_drop: false,
            exit_by_thread: false,
        }
    }

    /// A line for `/bin/sh -c`. Whatever is put into it from elsewhere must be quoted; [`new`](Self::new) needs no quotes.
    ///
    /// The shell's exit status tells how its last command ended: 128 and the signal's number if a signal ended that.
    #[doc(alias = "asyncio.create_subprocess_shell")]
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        let mut command = Self::new("/bin/sh");
        command.arg("-c").arg(line);
        command
    }

    /// What the process is called wherever it is shown, instead of the program's file name. A loop keeps 65,536 names.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// One more argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(argument);
        self
    }

    /// More arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.std.args(arguments);
        self
    }

    /// What the program is told that it is called.
    pub fn arg0(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg0(argument);
        self
    }

    /// An environment variable of the child; the others are ours.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(key, value);
        self
    }

    /// Environment variables of the child.
    pub fn envs(
        &mut self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Self {
        self.std.envs(variables);
        self
    }

    /// Leaves out an environment variable that we have.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Leaves out all environment variables that we have, and those set so far.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// The folder it is started in. A program's relative path begins there too.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(folder);
        self
    }

    /// What it reads from.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.streams.stdin = Some(stdin.into());
        self
    }

    /// Where its output goes.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.streams.stdout = Some(stdout.into());
        self
    }

    /// Where its errors go.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.streams.stderr = Some(stderr.into());
        self.streams.stderr_to_stdout = false;
        self
    }

    /// Lets its errors go where its output goes, in one stream, in order.
    #[doc(alias = "asyncio.subprocess.STDOUT")]
    pub fn stderr_to_stdout(&mut self) -> &mut Self {
        self.streams.stderr_to_stdout = true;
        self
    }

    /// The user it runs as.
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// The group, in the sense of users, that it runs as.
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// The process group it belongs to; 0 for one of its own, which [`signal_group`](Child::signal_group) reaches and Ctrl-C
    /// of our terminal does not.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.group = Some(group);
        self
    }

    /// A session of its own, without a terminal, and with it a process group of its own.
    #[doc(alias = "start_new_session")]
    pub fn new_session(&mut self) -> &mut Self {
        if !self.has_session {
            self.has_session = true;
            system::before_exec(&mut self.std, Step::Session);
        }
        self
    }

    /// Limits what it, and whatever it starts, may use; `None` for no limit. It may raise the soft limit up to the hard one.
    ///
    /// An impossible limit (soft above hard, or above what we may have) is an error of the start.
    pub fn limit(
        &mut self,
        resource: Resource,
        soft: impl Into<Option<u64>>,
        hard: impl Into<Option<u64>>,
    ) -> &mut Self {
        let limit = Rlimit { current: soft.into(), maximum: hard.into() };
        system::before_exec(&mut self.std, Step::Limit(resource.into(), limit));
        self
    }

    /// Whether dropping the [`Child`] kills the process, which otherwise goes on by itself.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// Whether a blocking thread waits for the process's end, as happens by itself where the OS refuses pidfds.
    #[doc(alias = "asyncio.ThreadedChildWatcher")]
    pub fn exit_by_thread(&mut self, by_thread: bool) -> &mut Self {
        self.exit_by_thread = by_thread;
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] names the program and the folder and says which of them is at fault. When the process's end cannot be
    /// watched or a pipe cannot be registered, the process is killed.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn spawn(&mut self) -> Result<Child, SpawnError> {
        self.start(Unsaid::Inherit, Location::caller())
    }

    /// Starts the program and waits for its end.
    ///
    /// The program is started by this call, not by the first poll.
    ///
    /// # Errors
    ///
    /// [`StatusError`]: it cannot be started, or somebody else collected how it ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is dropping the child: it goes on by itself, or is killed if that was asked for with
    /// [`kill_on_drop`](Self::kill_on_drop).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = Result<ExitStatus, StatusError>> + 'static {
        StatusOf::new(self.start(Unsaid::Inherit, Location::caller()))
    }

    /// Starts the program, reads its output and errors to their end and waits for its own. What was not said otherwise is:
    /// input from `/dev/null`, output and errors to us.
    ///
    /// The program is started by this call, not by the first poll.
    ///
    /// # Errors
    ///
    /// [`OutputError`]: it cannot be started, or what [`communicate`](Child::communicate) says.
    ///
    /// # Cancel safety
    ///
    /// As of [`status`](Self::status): the child runs on unless it was told to [end with it](Self::kill_on_drop). What was read is
    /// lost.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = Result<Output, OutputError>> + 'static {
        OutputOf::new(self.start(Unsaid::Captured, Location::caller()))
    }

    /// Starts the program and lets a [`Protocol`] hear of what it writes and of its end. Streams of which nothing is said are
    /// pipes, all three.
    ///
    /// Returns a handle to write to the process and to close it, and the task that calls the protocol, which gives the
    /// protocol back when it is over. Cancelling that task kills the process.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.subprocess_exec")]
    #[doc(alias = "asyncio.loop.subprocess_shell")]
    #[track_caller]
    pub fn spawn_with_protocol<P: Protocol>(
        &mut self,
        protocol: P,
    ) -> Result<(Transport, Task<P>), SpawnError> {
        let made_at = Location::caller();
        let mut child = self.start(Unsaid::Piped, made_at)?;
        child.set_kill_on_drop(true);
        Ok(transport::start(child, protocol, made_at))
    }

    pub(super) fn start(
        &mut self,
        unsaid: Unsaid,
        made_at: &'static Location<'static>,
    ) -> Result<Child, SpawnError> {
        current::expect("starting a process").check_not_forked();
        orphans::sweep();
        if !self.has_session
            && let Some(group) = self.group
        {
            self.std.process_group(group);
        }
        let program = self.std.get_program().to_owned();
        let ends = self.streams.apply(&mut self.std, unsaid);
        let ends = ends.map_err(|(stream, error)| SpawnError::of_stream(&program, stream, error));
        // Its environment may hold what belongs in no log.
        log_here!(
            Debug,
            "executing {program:?} with {:?}, {}",
            self.std.get_args().collect::<Vec<_>>(),
            self.streams.shown(unsaid)
        );
        let spawned = ends.and_then(|ends| {
            let spawned = self.std.spawn();
            let folder = self.std.get_current_dir();
            let std = spawned.map_err(|error| SpawnError::of_start(&program, folder, error))?;
            Ok((ends, std.id()))
        });
        // The child has its ends of the pipes now; as long as we have them too, none of them ends.
        Streams::release(&mut self.std);
        let (ends, pid) = spawned?;
        let name = self.name.clone().unwrap_or_else(|| file_name(&program));
        let leads_group = self.has_session || self.group == Some(0);
        let started = Started { pid, name: &name, leads_group, by_thread: self.exit_by_thread };
        log_here!(Info, "{name} runs as pid {pid}");
        let process =
            Process::watch(&started, made_at).map_err(|error| SpawnError::of_watch(&program, error))?;
        let mut child = Child::new(Rc::new(process), true, made_at);
        let pipes = ends.register(&name, pid, made_at);
        let pipes = pipes.map_err(|(stream, error)| SpawnError::of_stream(&program, stream, error))?;
        (child.stdin, child.stdout, child.stderr) = (pipes.stdin, pipes.stdout, pipes.stderr);
        child.set_kill_on_drop(self.kill_on_drop);
        Ok(child)
    }
}

fn file_name(program: &OsString) -> Box<str> {
    let path = Path::new(program);
    path.file_name().unwrap_or(program).to_string_lossy().into()
}
