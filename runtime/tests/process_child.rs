//! Child processes: how they start, end and are told to; with pidfds, and with threads in their place.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/polls.rs"]
mod polls;
#[path = "support/records.rs"]
mod records;

use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use loopscope::process::{Child, Command, Stdio};
use loopscope::signal::Kind;
use loopscope::spawn;
use loopscope::telemetry::WaitKind;
use polls::{poll_once, process_state, until};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

/// Runs a scenario with either way to learn of an end. What it starts goes through the closure it gets.
fn either_way<F: Future<Output = ()>>(scenario: impl Fn(fn(Command) -> Command) -> F) {
    for way in [
        |command| command,
        |mut command: Command| {
            command.exit_by_thread(true);
            command
        },
    ] {
        records::run_live(scenario(way));
    }
}

/// A child that lives until its standard input ends, and has said that it does.
async fn blocked(way: fn(Command) -> Command) -> Child {
    let mut command = way(Command::shell("echo ready; read line"));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_ref().unwrap().read_exact(&mut [0; 6]).await.unwrap();
    child
}

/// The names of the tasks of this loop that are not over.
fn named_tasks() -> Vec<String> {
    let (reader, mut names) = (loopscope::Handle::current().reader(), Vec::new());
    reader.tasks(&mut |task| {
        if !task.state.is_finished() {
            names.extend(task.name.and_then(|name| reader.name(name)));
        }
        ControlFlow::Continue(())
    });
    names
}

#[test]
fn a_child_that_ends_tells_its_code() {
    either_way(|way| async move {
        let child = way(Command::shell("exit 7")).spawn().unwrap();
        let status = child.wait().await.unwrap();
        assert_eq!((status.code(), status.signal(), status.returncode()), (Some(7), None, 7));
        assert_eq!((status.success(), status.to_string().as_str()), (false, "exited with code 7"));
        // Again, and without waiting.
        assert_eq!(child.wait().await, Ok(status));
        assert_eq!(child.try_wait(), Ok(Some(status)));
    });
}

#[test]
fn a_child_that_is_killed_tells_the_signal() {
    either_way(|way| async move {
        let child = blocked(way).await;
        assert_eq!(child.try_wait(), Ok(None));
        assert!(child.kill().unwrap());
        let status = child.wait().await.unwrap();
        assert_eq!((status.code(), status.signal(), status.returncode()), (None, Some(9), -9));
        assert_eq!(status.to_string(), "killed by SIGKILL");
    });
}

#[test]
fn a_child_that_is_asked_to_end_does() {
    either_way(|way| async move {
        let child = blocked(way).await;
        assert!(child.terminate().unwrap());
        assert_eq!(child.wait().await.unwrap().to_string(), "killed by SIGTERM");
    });
}

#[test]
fn any_signal_reaches_the_child() {
    either_way(|way| async move {
        let mut command = way(Command::shell("trap 'exit 5' USR1; echo ready; while :; do read line; done"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_ref().unwrap().read_exact(&mut [0; 6]).await.unwrap();
        assert!(child.signal(Kind::USER_1).unwrap());
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
        // A real-time signal, by its number.
        let child = blocked(way).await;
        assert!(child.signal(libc::SIGRTMIN() + 1).unwrap());
        assert_eq!(child.wait().await.unwrap().to_string(), "killed by SIGRTMIN+1");
    });
}

#[test]
fn a_signal_after_the_end_is_no_error_and_one_that_does_not_exist_is() {
    either_way(|way| async move {
        let child = blocked(way).await;
        let error = child.signal(99).unwrap_err();
        assert!(error.is_no_such_signal() && !error.is_denied());
        let expected = format!("cannot send signal 99 to sh (pid {}): there is no such signal", child.id());
        assert_eq!(error.to_string(), expected);
        child.kill().unwrap();
        until(|| child.try_wait().unwrap().is_some()).await;
        assert_eq!((child.kill().unwrap(), child.terminate().unwrap()), (false, false));
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        assert!(!child.signal(Kind::HANGUP).unwrap());
    });
}

#[test]
fn a_signal_that_may_not_be_sent_says_so_with_signal_and_process() {
    if !rustix::process::geteuid().is_root() {
        return; // only who is somebody else may not: nobody can become that but root
    }
    either_way(|way| async move {
        let child = blocked(way).await;
        // This thread alone, which can come back.
        let (root, nobody) = (Uid::ROOT, Uid::from_raw(65534));
        set_thread_res_uid(nobody, nobody, root).unwrap();
        let refused = child.kill();
        set_thread_res_uid(root, root, root).unwrap();
        let error = refused.unwrap_err();
        assert!(error.is_denied() && !error.is_no_such_signal());
        let expected = format!("cannot send SIGKILL to sh (pid {}): Operation not permitted", child.id());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(child.kill().unwrap());
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    });
}

#[test]
fn a_signal_that_meets_the_end_does_not_spoil_the_status() {
    either_way(|way| async move {
        for _ in 0..20 {
            let child = way(Command::new("true")).spawn().unwrap();
            child.signal(0).unwrap();
            assert_eq!(child.wait().await.unwrap().code(), Some(0));
        }
    });
}

#[test]
fn stopping_gives_the_child_its_grace_and_then_kills_it() {
    either_way(|way| async move {
        // One that ends when it is asked to.
        let child = blocked(way).await;
        let status = child.stop(Duration::from_secs(600)).await.unwrap();
        assert_eq!(status.signal(), Some(15));
        // One that has ended.
        assert_eq!(child.stop(Duration::from_secs(600)).await.unwrap(), status);
        // One that does not care.
        let mut command = way(Command::shell("trap '' TERM; echo ready; while :; do read line; done"));
        let deaf = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        deaf.stdout.as_ref().unwrap().read_exact(&mut [0; 6]).await.unwrap();
        assert_eq!(deaf.stop(Duration::from_millis(20)).await.unwrap().signal(), Some(9));
        // No grace at all.
        let child = blocked(way).await;
        assert_eq!(child.stop(Duration::ZERO).await.unwrap().signal(), Some(9));
    });
}

#[test]
fn stopping_can_be_dropped_at_each_step_and_begun_anew() {
    either_way(|way| async move {
        for pending in 0..3 {
            let mut command = way(Command::shell("trap '' TERM; echo ready; while :; do read line; done"));
            let deaf = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            deaf.stdout.as_ref().unwrap().read_exact(&mut [0; 6]).await.unwrap();
            let stopped = polls::give_up_after(pending, deaf.stop(Duration::from_millis(1))).await;
            assert!(stopped.is_none_or(|status| status.unwrap().signal() == Some(9)));
            assert_eq!(deaf.stop(Duration::from_millis(1)).await.unwrap().signal(), Some(9));
        }
    });
}

#[test]
fn several_tasks_wait_for_one_child() {
    either_way(|way| async move {
        let child = blocked(way).await;
        let tasks: Vec<_> = (0..10).map(|_| spawn(child.wait())).collect();
        loopscope::yield_now().await;
        child.kill().unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().signal(), Some(9));
        }
    });
}

#[test]
fn whoever_looks_first_tells_those_who_wait() {
    either_way(|way| async move {
        let child = blocked(way).await;
        let waiting = spawn(child.wait());
        loopscope::yield_now().await;
        child.kill().unwrap();
        // Reaped by us, before the loop has looked for events.
        while child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        assert_eq!(waiting.await.unwrap().unwrap().signal(), Some(9));
    });
}

#[test]
fn a_wait_can_be_dropped_at_each_step() {
    either_way(|way| async move {
        let child = blocked(way).await;
        drop(child.wait());
        let mut pending = child.wait();
        assert!(poll_once(&mut pending).is_pending());
        let mut notified = child.wait();
        assert!(poll_once(&mut notified).is_pending());
        drop(pending);
        child.kill().unwrap();
        until(|| process_state(child.id()) == Some('Z')).await;
        drop(notified);
        let mut done = child.wait();
        assert_eq!((&mut done).await.unwrap().signal(), Some(9));
        drop(done);
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    });
}

#[test]
fn the_end_is_seen_although_another_process_keeps_the_pipe() {
    either_way(|way| async move {
        let mut command = way(Command::shell("sleep 1000 & echo $!; wait"));
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut line = [0; 16];
        let count = stdout.read(&mut line).await.unwrap();
        let sleeper: u32 = std::str::from_utf8(&line[..count]).unwrap().trim().parse().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        assert!(process_state(sleeper).is_some_and(|state| state != 'Z'), "it goes on");
        if child.signal_group(Kind::TERMINATE).unwrap() {
            // The group outlived its leader, and the pipe the group.
            assert_eq!(stdout.read(&mut line).await.unwrap(), 0);
        } else {
            // Without pidfd nobody knows whose number that is by now.
            let sleeper = rustix::process::Pid::from_raw(sleeper.cast_signed()).unwrap();
            rustix::process::kill_process(sleeper, rustix::process::Signal::TERM).unwrap();
        }
    });
}

#[test]
fn a_group_of_ours_is_not_signalled() {
    either_way(|way| async move {
        let child = blocked(way).await;
        let error = child.signal_group(Kind::TERMINATE).unwrap_err();
        assert!(error.is_no_group());
        let group = format!("the group of sh (pid {}): it was started in ours", child.id());
        assert_eq!(error.to_string(), format!("cannot send SIGTERM to {group}"));
        child.stop(Duration::ZERO).await.unwrap();
    });
}

#[test]
fn a_session_of_its_own_has_the_childs_number() {
    records::run_live(async {
        // pid, and the sixth field of stat: the session.
        let script = "read pid rest < /proc/self/stat; set -- $rest; echo $pid $5; exit 8";
        let mut command = Command::shell(script);
        let output = command.new_session().new_session().output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (pid, session) = text.trim().split_once(' ').unwrap();
        assert_eq!((output.status.code(), session), (Some(8), pid));
    });
}

#[test]
fn a_hundred_children_at_once_each_tell_their_own_end() {
    either_way(|way| async move {
        let children: Vec<_> = (0..100)
            .map(|code| (code, way(Command::shell(format!("read line; exit {code}")))))
            .map(|(code, mut command)| (code, command.stdin(Stdio::piped()).spawn().unwrap()))
            .collect();
        let waiting: Vec<_> = children.iter().map(|(_, child)| spawn(child.wait())).collect();
        loopscope::yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        let mut children = children;
        for (_, child) in &mut children {
            child.stdin = None;
        }
        for ((code, _), task) in children.iter().zip(waiting) {
            assert_eq!(task.await.unwrap().unwrap().code(), Some(*code));
        }
    });
}

#[test]
fn a_child_that_is_dropped_goes_on_and_is_reaped_when_it_ends() {
    either_way(|way| async move {
        let mut child = blocked(way).await;
        let (pid, stdin) = (child.id(), child.stdin.take());
        drop(child);
        loopscope::yield_now().await;
        assert_eq!(named_tasks(), ["main", "reaper of sh"]);
        assert!(records::waits().iter().any(|wait| wait.kind == WaitKind::Process));
        assert!(process_state(pid).is_some_and(|state| state != 'Z'));
        drop(stdin);
        until(|| process_state(pid).is_none()).await;
    });
}

#[test]
fn a_child_that_was_to_be_killed_when_it_is_dropped_is_gone() {
    either_way(|way| async move {
        let mut command = way(Command::new("sleep"));
        let child = command.arg("1000").kill_on_drop(true).spawn().unwrap();
        let pid = child.id();
        drop(child);
        until(|| process_state(pid).is_none()).await;
    });
}

#[test]
fn a_status_that_somebody_else_collected_is_an_error_and_no_code() {
    either_way(|way| async move {
        let child = blocked(way).await;
        child.kill().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed());
        rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
        let error = child.wait().await.unwrap_err();
        let expected = format!("sh (pid {}) ended, but somebody else collected its exit status", child.id());
        assert_eq!(error.to_string(), expected);
        assert_eq!(child.try_wait(), Err(error));
        assert!(!child.kill().unwrap());
    });
}

#[test]
fn a_wait_shows_the_child_and_the_line_of_its_await() {
    records::run_live(async {
        use loopscope::telemetry::ResourceKind::{Pipe, Process};
        let made_at = records::here() + 1;
        let child = Rc::new(Command::shell("read line").stdin(Stdio::piped()).spawn().unwrap());
        let waiting = Rc::clone(&child);
        let awaited_at = records::here() + 2;
        let task = spawn(async move {
            waiting.wait().await.unwrap();
        });
        loopscope::yield_now().await;
        let waits: Vec<_> = records::waits().iter().map(|wait| (wait.kind, wait.at, wait.made_at)).collect();
        assert_eq!(waits, [(WaitKind::Process, awaited_at, made_at)]);
        let mut named: Vec<_> = records::resources()
            .iter()
            .map(|resource| (resource.kind, resource.name.clone().unwrap(), resource.made_at))
            .collect();
        named.sort_by_key(|(kind, ..)| *kind);
        assert_eq!(named, [(Pipe, "stdin of sh".into(), made_at), (Process, "sh".into(), made_at)]);
        let rows = || {
            let mut rows = Vec::new();
            loopscope::Handle::current().reader().resources(&mut |resource| {
                let io = resource.io.as_ref().unwrap();
                rows.push((resource.kind, io.pid, io.exit.map(|exit| exit.to_string())));
                ControlFlow::Continue(())
            });
            rows.sort_by_key(|(kind, ..)| *kind);
            rows
        };
        let pid = Some(child.id());
        assert_eq!(rows(), [(Pipe, pid, None), (Process, pid, None)]);
        child.kill().unwrap();
        task.await.unwrap();
        assert_eq!(rows(), [(Pipe, pid, None), (Process, pid, Some("signal: 9 (SIGKILL)".into()))]);
    });
}
