//! What a child's standard streams are.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::Location;

use crate::io::{PipeReader, PipeWriter};

/// What becomes a child's standard input, output or error.
///
/// # Examples
///
/// ```
/// use loopscope::process::{Command, Stdio};
///
/// loopscope::run(async {
///     let log = std::fs::File::open("/dev/null").unwrap();
///     let status = Command::new("true").stdin(log).stdout(Stdio::null()).status().await.unwrap();
///     assert!(status.success());
/// });
/// ```
#[derive(Debug)]
#[doc(alias = "asyncio.subprocess.PIPE")]
#[doc(alias = "asyncio.subprocess.DEVNULL")]
pub struct Stdio(Kind);

#[derive(Debug)]
enum Kind {
    Inherit,
    Null,
    Piped,
    Fd(OwnedFd),
}

impl Stdio {
    /// A pipe to this process.
    pub fn piped() -> Self {
        Self(Kind::Piped)
    }

    /// `/dev/null`.
    pub fn null() -> Self {
        Self(Kind::Null)
    }

    /// The stream that this process has.
    pub fn inherit() -> Self {
        Self(Kind::Inherit)
    }
}

/// A file, a socket or the end of a pipe. The command keeps it open, for each child that is started.
impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(fd: T) -> Self {
        Self(Kind::Fd(fd.into()))
    }
}

/// The three streams of a command.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) stdin: Option<Stdio>,
    pub(super) stdout: Option<Stdio>,
    pub(super) stderr: Option<Stdio>,
    pub(super) stderr_to_stdout: bool,
}

/// What is used where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    Inherit,
    /// Input from nowhere, output and errors through pipes.
    Captured,
    /// All three through pipes.
    Piped,
}

impl Unsaid {
    /// What the input is, and what output and errors are.
    fn kinds(self) -> (Kind, Kind) {
        match self {
            Self::Inherit => (Kind::Inherit, Kind::Inherit),
            Self::Captured => (Kind::Null, Kind::Piped),
            Self::Piped => (Kind::Piped, Kind::Piped),
        }
    }
}

impl Kind {
    fn shown(&self) -> &'static str {
        match self {
            Self::Inherit => "<inherited>",
            Self::Null => "<null>",
            Self::Piped => "<pipe>",
            Self::Fd(_) => "<descriptor>",
        }
    }
}

/// Our ends of pipes.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) stdin: Option<io::PipeWriter>,
    pub(super) stdout: Option<io::PipeReader>,
    pub(super) stderr: Option<io::PipeReader>,
}

/// Which stream could not be made, and why.
pub(super) type Failed = (&'static str, io::Error);

impl Streams {
    /// Gives a command its streams, for one start. Returns our ends.
    pub(super) fn apply(&self, command: &mut std::process::Command, unsaid: Unsaid) -> Result<Ends, Failed> {
        use std::process::Stdio as Std;
        let mut ends = Ends::default();
        let (unsaid_input, unsaid_output) = unsaid.kinds();
        let stdin = match of(self.stdin.as_ref(), &unsaid_input) {
            Kind::Inherit => Std::inherit(),
            Kind::Null => Std::null(),
            Kind::Fd(fd) => fd.try_clone().map_err(|error| ("stdin", error))?.into(),
            Kind::Piped => {
                let (reader, writer) = io::pipe().map_err(|error| ("stdin", error))?;
                ends.stdin = Some(writer);
                reader.into()
            }
        };
        let (stdout, copy) = output(
            of(self.stdout.as_ref(), &unsaid_output),
            &mut ends.stdout,
            self.stderr_to_stdout.then(io::stdout),
        )
        .map_err(|error| ("stdout", error))?;
        let stderr = if let Some(copy) = copy {
            copy
        } else {
            let kind = of(self.stderr.as_ref(), &unsaid_output);
            output(kind, &mut ends.stderr, None).map_err(|error| ("stderr", error))?.0
        };
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        Ok(ends)
    }

    /// How a start is logged: `stdin=<null> stdout=<pipe> stderr=<pipe>`.
    pub(super) fn shown(&self, unsaid: Unsaid) -> String {
        let (input, output) = unsaid.kinds();
        let stdout = of(self.stdout.as_ref(), &output).shown();
        let stdin = of(self.stdin.as_ref(), &input).shown();
        if self.stderr_to_stdout {
            return format!("stdin={stdin} stdout=stderr={stdout}");
        }
        format!("stdin={stdin} stdout={stdout} stderr={}", of(self.stderr.as_ref(), &output).shown())
    }

    /// Takes back what [`apply`](Self::apply) gave, so that the child alone has its ends of the pipes.
    pub(super) fn release(command: &mut std::process::Command) {
        use std::process::Stdio as Std;
        command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
    }
}

fn of<'a>(stream: Option<&'a Stdio>, unsaid: &'a Kind) -> &'a Kind {
    stream.map_or(unsaid, |stdio| &stdio.0)
}

/// A stream that is written to, our end of it, and the same stream once more if it is to be errors too; `ours` is what is
/// inherited then.
fn output(
    kind: &Kind,
    end: &mut Option<io::PipeReader>,
    ours: Option<io::Stdout>,
) -> io::Result<(std::process::Stdio, Option<std::process::Stdio>)> {
    use std::process::Stdio as Std;
    let twice = |fd: OwnedFd| {
        let copy = ours.is_some().then(|| fd.try_clone()).transpose()?;
        Ok((Std::from(fd), copy.map(Std::from)))
    };
    match kind {
        Kind::Inherit => {
            let copy = ours.as_ref().map(|stdout| stdout.as_fd().try_clone_to_owned()).transpose()?;
            Ok((Std::inherit(), copy.map(Std::from)))
        }
        Kind::Null => Ok((Std::null(), ours.map(|_| Std::null()))),
        Kind::Fd(fd) => twice(fd.try_clone()?),
        Kind::Piped => {
            let (reader, writer) = io::pipe()?;
            *end = Some(reader);
            twice(writer.into())
        }
    }
}

/// Our ends on the loop.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: Option<PipeWriter>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

impl Ends {
    /// Registers them with the loop, as the streams of the process called `name`.
    pub(super) fn register(
        self,
        name: &str,
        pid: u32,
        made_at: &'static Location<'static>,
    ) -> Result<Pipes, Failed> {
        let reader = |pipe: Option<io::PipeReader>, stream: &'static str| {
            pipe.map(|pipe| {
                let pipe = PipeReader::register(pipe, made_at).map_err(|error| (stream, error))?;
                pipe.belongs_to(&format!("{stream} of {name}"), pid);
                Ok(pipe)
            })
            .transpose()
        };
        let stdin = match self.stdin {
            Some(pipe) => {
                let pipe = PipeWriter::register(pipe, made_at).map_err(|error| ("stdin", error))?;
                pipe.belongs_to(&format!("stdin of {name}"), pid);
                Some(pipe)
            }
            None => None,
        };
        Ok(Pipes { stdin, stdout: reader(self.stdout, "stdout")?, stderr: reader(self.stderr, "stderr")? })
    }
}
