//! Processes whose protocol is called back.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/polls.rs"]
mod polls;
#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use loopscope::process::{Command, ExitStatus, Pipe, Protocol, Stdio, Transport, WaitError};
use loopscope::yield_now;
use polls::{process_state, until};
use trace::Trace;

/// Writes down what it is told; bytes are put together.
#[derive(Default)]
struct Told {
    trace: Trace,
    stdout: Rc<RefCell<Vec<u8>>>,
    stderr: Rc<RefCell<Vec<u8>>>,
    made: Option<Transport>,
}

impl Protocol for Told {
    fn connection_made(&mut self, transport: &Transport) {
        self.trace.push("made");
        self.made = Some(transport.clone());
    }
    fn pipe_data_received(&mut self, pipe: Pipe, bytes: &[u8]) {
        let to = if pipe.fd() == 1 { &self.stdout } else { &self.stderr };
        to.borrow_mut().extend_from_slice(bytes);
    }
    fn pipe_connection_lost(&mut self, pipe: Pipe, error: Option<io::Error>) {
        let error = error.map(|error| format!(" {:?}", error.kind())).unwrap_or_default();
        self.trace.push(format!("{pipe} lost{error}"));
    }
    fn pause_writing(&mut self) {
        self.trace.push("pause");
    }
    fn resume_writing(&mut self) {
        self.trace.push("resume");
    }
    fn process_exited(&mut self, ended: &Result<ExitStatus, WaitError>) {
        self.trace.push(ended.as_ref().unwrap().to_string());
    }
    fn connection_lost(&mut self) {
        self.trace.push("lost");
    }
}

#[test]
fn everything_that_happens_is_told_and_the_loss_comes_last() {
    records::run_live(async {
        let told = Told::default();
        let (trace, stdout, stderr) = (told.trace.clone(), Rc::clone(&told.stdout), Rc::clone(&told.stderr));
        let mut command = Command::shell("printf out; printf err >&2; exit 4");
        let (transport, over) = command.stdin(Stdio::null()).spawn_with_protocol(told).unwrap();
        assert_eq!((transport.status(), transport.is_closing()), (None, false));
        let told = over.await.unwrap();
        assert_eq!((stdout.take(), stderr.take()), (b"out".to_vec(), b"err".to_vec()));
        let mut happened = trace.take();
        assert_eq!((happened.first().unwrap().as_str(), happened.last().unwrap().as_str()), ("made", "lost"));
        // Between the two the OS decides the order.
        happened.sort();
        assert_eq!(happened, ["exited with code 4", "lost", "made", "stderr lost", "stdout lost"]);
        assert_eq!(told.made.unwrap().status().unwrap().unwrap().code(), Some(4));
        assert_eq!(transport.wait().await.unwrap().code(), Some(4));
        assert!(!transport.kill().unwrap());
        transport.close();
    });
}

#[test]
fn the_loss_waits_for_a_pipe_that_another_process_keeps() {
    records::run_live(async {
        let told = Told::default();
        let (trace, stdout) = (told.trace.clone(), Rc::clone(&told.stdout));
        let mut command = Command::shell("exec 3<&0; { read line; echo late; } <&3 & exit 0");
        let (transport, over) = command.stderr(Stdio::null()).spawn_with_protocol(told).unwrap();
        transport.wait().await.unwrap();
        yield_now().await;
        trace.expect(&["made", "exited with code 0"]);
        transport.write(b"\n").unwrap();
        drop(over.await.unwrap());
        assert_eq!(stdout.take(), b"late\n");
        let mut happened = trace.take();
        assert_eq!(happened.pop().unwrap(), "lost");
        happened.sort();
        assert_eq!(happened, ["stdin lost", "stdout lost"]);
    });
}

#[test]
fn closing_kills_a_child_that_runs() {
    records::run_live(async {
        let told = Told::default();
        let trace = told.trace.clone();
        let (transport, over) = Command::new("sleep").arg("1000").spawn_with_protocol(told).unwrap();
        yield_now().await;
        assert_eq!(transport.status(), None);
        assert_eq!(format!("{transport:?}"), format!("Transport(sleep (pid {}): running)", transport.id()));
        transport.close();
        transport.close();
        assert!(transport.is_closing() && transport.write(b"x").is_err());
        drop(over.await.unwrap());
        trace.expect(&["made", "stdin lost", "stdout lost", "stderr lost", "killed by SIGKILL", "lost"]);
        let text = format!("Transport(sleep (pid {}): killed by SIGKILL, closed)", transport.id());
        assert_eq!(format!("{transport:?}"), text);
    });
}

#[test]
fn closing_does_not_kill_a_child_that_has_ended() {
    records::run_live(async {
        let told = Told::default();
        let trace = told.trace.clone();
        let (transport, over) = Command::shell("exit 6").spawn_with_protocol(told).unwrap();
        // It has ended and the task has had no turn to see it.
        while process_state(transport.id()) != Some('Z') {
            std::hint::spin_loop();
        }
        assert_eq!(transport.status(), None);
        transport.close();
        drop(over.await.unwrap());
        trace.expect(&["made", "stdin lost", "stdout lost", "stderr lost", "exited with code 6", "lost"]);
    });
}

#[test]
fn a_paused_pipe_keeps_its_bytes_and_its_end() {
    records::run_live(async {
        let told = Told::default();
        let (trace, stdout) = (told.trace.clone(), Rc::clone(&told.stdout));
        let mut command = Command::shell("echo late");
        let (transport, over) =
            command.stdin(Stdio::null()).stderr(Stdio::null()).spawn_with_protocol(told).unwrap();
        transport.pause_reading(Pipe::Stdout);
        transport.wait().await.unwrap();
        yield_now().await;
        trace.expect(&["made", "exited with code 0"]);
        assert_eq!(stdout.take(), b"");
        transport.resume_reading(Pipe::Stdout);
        drop(over.await.unwrap());
        trace.expect(&["stdout lost", "lost"]);
        assert_eq!(stdout.take(), b"late\n");
    });
}

#[test]
fn a_child_that_writes_more_than_a_pipe_holds_waits_while_reading_is_paused() {
    records::run_live(async {
        let told = Told::default();
        let (trace, stdout) = (told.trace.clone(), Rc::clone(&told.stdout));
        let mut command = Command::shell("head -c 1000000 /dev/zero; echo filled >&2");
        let (transport, over) = command.stdin(Stdio::null()).spawn_with_protocol(told).unwrap();
        transport.pause_reading(Pipe::Stdout);
        loopscope::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!((stdout.borrow().len(), transport.status()), (0, None));
        transport.resume_reading(Pipe::Stdout);
        drop(over.await.unwrap());
        assert_eq!(stdout.take().len(), 1_000_000);
        assert_eq!(trace.take().last().unwrap(), "lost");
    });
}

#[test]
fn much_to_write_pauses_and_what_is_written_resumes() {
    records::run_live(async {
        let told = Told::default();
        let (trace, stdout) = (told.trace.clone(), Rc::clone(&told.stdout));
        // It reads nothing before its first line of another pipe.
        let (told_to, tell) = io::pipe().unwrap();
        let mut command = Command::shell("read line <&2; cat");
        let (transport, over) = command.stderr(told_to).spawn_with_protocol(told).unwrap();
        let sent = vec![7; 300_000];
        transport.write(&sent).unwrap();
        until(|| transport.write_buffer_size() < 300_000).await;
        trace.expect(&["made", "pause"]);
        transport.write_eof();
        let error = transport.write(b"more").unwrap_err();
        assert_eq!(error.to_string(), format!("the stdin of sh (pid {}) is closed", transport.id()));
        io::Write::write_all(&mut &tell, b"\n").unwrap();
        drop(over.await.unwrap());
        assert!(stdout.take() == sent);
        let mut happened = trace.take();
        assert_eq!((happened.remove(0).as_str(), happened.remove(0).as_str()), ("resume", "stdin lost"));
        happened.sort();
        assert_eq!(happened, ["exited with code 0", "lost", "stdout lost"]);
    });
}

#[test]
fn a_child_that_closes_its_input_is_noticed_at_once() {
    records::run_live(async {
        let told = Told::default();
        let trace = told.trace.clone();
        let (transport, over) =
            Command::shell("exec 0<&-; exec sleep 1000").spawn_with_protocol(told).unwrap();
        until(|| transport.write(b"").is_err()).await;
        trace.expect(&["made", "stdin lost"]);
        transport.close();
        drop(over.await.unwrap());
        trace.expect(&["stdout lost", "stderr lost", "killed by SIGKILL", "lost"]);
    });
}

#[test]
fn bytes_that_nobody_reads_any_more_are_a_broken_pipe() {
    records::run_live(async {
        let told = Told::default();
        let trace = told.trace.clone();
        let mut command = Command::shell("read line; exit 0");
        let (transport, over) = command.spawn_with_protocol(told).unwrap();
        let mut sent = vec![7; 300_000];
        sent[0] = b'\n';
        transport.write(&sent).unwrap();
        drop(over.await.unwrap());
        assert!(trace.take().contains(&"stdin lost BrokenPipe".to_owned()));
    });
}

/// Panics at what it is told first.
struct Panics;

impl Protocol for Panics {
    fn pipe_data_received(&mut self, _: Pipe, _: &[u8]) {
        panic!("no data, please");
    }
}

#[test]
fn a_callback_that_panics_ends_the_task_and_the_process() {
    records::run_live(async {
        let mut command = Command::shell("echo data; exec sleep 1000");
        let (transport, over) = command.spawn_with_protocol(Panics).unwrap();
        assert!(over.await.err().unwrap().is_panic());
        assert_eq!(transport.wait().await.unwrap().signal(), Some(9));
        assert!(transport.write(b"x").is_err());
    });
}

#[test]
fn cancelling_the_task_kills_the_process() {
    records::run_live(async {
        // Before its first turn, and after.
        for turns in 0..2 {
            let told = Told::default();
            let trace = told.trace.clone();
            let (transport, over) = Command::new("sleep").arg("1000").spawn_with_protocol(told).unwrap();
            for _ in 0..turns {
                yield_now().await;
            }
            over.cancel().await;
            assert_eq!(transport.wait().await.unwrap().signal(), Some(9));
            assert_eq!(trace.take(), ["made"; 2][..turns]);
        }
    });
}
