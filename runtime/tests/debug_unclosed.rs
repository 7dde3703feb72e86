//! Debug mode: what is dropped that wants to be closed first, with the place it was made at.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/warned.rs"]
mod warned;

use loopscope::debug::Lint;
use loopscope::net::{TcpListener, TcpStream, UnixStream};
use loopscope::process::Command;
use loopscope::server::serve;
use loopscope::stream::StreamWriter;
use loopscope::yield_now;
use warned::{Heard, here};

const FILE: &str = "runtime/tests/debug_unclosed.rs";

/// What a loop with the real clock tells while it runs `main` and ends.
fn told(main: impl Future<Output = ()>) -> Vec<(Lint, u32, String)> {
    let heard = Heard::default();
    let mut runner = heard.builder().paused(false).build().unwrap();
    runner.block_on(main).unwrap();
    drop(runner.shutdown(std::time::Duration::ZERO));
    heard.lines()
}

#[test]
fn a_child_that_is_dropped_while_it_runs_says_which_and_where_it_was_started() {
    let mut pid = 0;
    let line = here() + 2;
    let told = told(async {
        let child = Command::new("cat").stdin(loopscope::process::Stdio::piped()).spawn().unwrap();
        pid = child.id();
        drop(child);
        // Its input is closed, so it ends, and the reaper does.
        while rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid.cast_signed()).unwrap())
            .is_ok()
        {
            loopscope::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
    assert_eq!(
        told,
        [(
            Lint::Unclosed,
            line,
            format!(
                "child cat (pid {pid}), started at {FILE}:{line}, was dropped while it runs, and runs on: `wait` for it, `stop` it, or \
                 ask for `kill_on_drop`"
            )
        )]
    );
}

#[test]
fn a_child_that_has_ended_or_is_killed_when_it_is_dropped_is_nothing_to_tell_of() {
    let told = told(async {
        let child = Command::new("true").spawn().unwrap();
        child.wait().await.unwrap();
        drop(child);
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        drop(child);
        while rustix::process::test_kill_process(pid).is_ok() {
            loopscope::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
    assert_eq!(told, []);
}

#[test]
fn a_server_that_is_dropped_while_it_serves_says_how_many_connections_it_breaks_off() {
    let mut line = 0;
    let told = told(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        line = here() + 1;
        let server = serve(listener, async |_stream, _peer| std::future::pending::<()>().await);
        let client = TcpStream::connect(address).await.unwrap();
        while server.connections() == 0 {
            yield_now().await;
        }
        drop(server);
        drop(client);
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, told[0].1), (Lint::Unclosed, line));
    assert!(
        told[0].2.ends_with(&format!(
            "started at {FILE}:{line}, was dropped while it served, and 1 connection broke off: `shutdown` ends it in order, `detach` lets it \
             run on"
        )),
        "{}",
        told[0].2
    );
}

#[test]
fn a_server_that_was_closed_and_sockets_that_are_dropped_are_nothing_to_tell_of() {
    let told = told(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = serve(listener, async |_stream, _peer| {});
        server.shutdown(std::time::Duration::from_secs(1)).await;
        drop(server);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        serve(listener, async |_stream, _peer| {}).detach();
        drop(TcpListener::bind("127.0.0.1:0").unwrap());
        drop(UnixStream::pair().unwrap());
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut writer = StreamWriter::new(ours);
        writer.write(b"taken at once").unwrap();
        drop(writer);
    });
    assert_eq!(told, []);
}

#[test]
fn a_writer_that_is_dropped_with_bytes_that_cannot_be_sent_says_how_many_in_any_mode() {
    for debug in [true, false] {
        let heard = Heard::default();
        let mut runner = heard.builder().debug(debug).paused(false).build().unwrap();
        runner
            .block_on(async {
                let (ours, _theirs) = UnixStream::pair().unwrap();
                let mut writer = StreamWriter::new(ours).named("the archive");
                writer.write(&vec![7; 8 << 20]).unwrap();
                drop(writer);
                yield_now().await;
            })
            .unwrap();
        let told = heard.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].lint, told[0].task_name.as_deref()), (Lint::Unclosed, Some("main")));
        assert!(told[0].message.contains("dropped a stream writer with"), "{}", told[0].message);
        assert!(told[0].message.ends_with("for the archive that were not sent"), "{}", told[0].message);
    }
}
