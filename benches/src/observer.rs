//! A client that looks at a peer once a second, as the live picture does, from a process of its own on another CPU.

use std::io::{BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use loopscope_inspector::client::{Client, Target, find};
use loopscope_inspector::wire::{Query, Request, TreeQuery};

use crate::load::{expect_line, leave_cpu};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Rows of a large terminal.
const ROWS: u64 = 60;
/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client's process, seen by the peer. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Observer(Child);

impl Observer {
    /// Starts it and waits for its first picture.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("finding this executable")?);
        command.args(["observe", &std::process::id().to_string()]);
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting a client")?;
        let mut observer = Self(child);
        let output = observer.0.stdout.as_mut().context("the client has no standard output")?;
        expect_line(&mut BufReader::new(output), "attached").context("attaching a client")?;
        Ok(observer)
    }

    /// Ends it; an error if it was gone already, and so the peer not observed.
    pub(crate) fn end(mut self) -> Result<()> {
        let gone = self.0.try_wait().context("asking after the client")?;
        ensure!(gone.is_none(), "the client left too early: {}", gone.unwrap_or_default());
        Ok(())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        // It ends by itself when its standard input does; killed, it cannot keep this process.
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The hidden subcommand `observe`.
pub(crate) fn observe(pid: u32) -> Result<()> {
    leave_cpu();
    // Whoever started it may have been killed.
    std::thread::spawn(|| {
        let _end_of_input = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    loopscope::run(async move {
        let found = find(&Target::Pid(pid))?;
        let mut client = Client::connect(&found, PATIENCE).await?;
        let mut watch = client.watch(&screen(), INTERVAL).await?;
        let mut is_first = true;
        loop {
            watch.next().await.context("the next picture")?;
            if std::mem::take(&mut is_first) {
                let mut stdout = std::io::stdout().lock();
                writeln!(stdout, "attached")
                    .and_then(|()| stdout.flush())
                    .context("writing to standard output")?;
            }
        }
    })
}

/// What the live picture asks for while it shows the tree.
fn screen() -> Request {
    let rows = || Query::all().limit(ROWS);
    Request {
        tree: Some(TreeQuery { query: rows(), ..TreeQuery::default() }),
        loops: Some(Query::all()),
        warnings: Some(rows()),
        states: true,
        ..Request::default()
    }
}
