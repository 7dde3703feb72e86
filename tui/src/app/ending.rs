//! How a process has ended, where that can be known.
//!
//! Only the parent is told by the OS. So it is known of a program that we started ourselves, and of one whose parent has
//! not asked yet: until then its entry in `/proc` stays, with the exit code in it.

use super::event::Identity;
use std::cell::RefCell;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::rc::Rc;

/// A program that we started, to be asked how it has ended.
#[derive(Clone)]
pub(crate) struct Started(Rc<RefCell<Child>>);

impl fmt::Debug for Started {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Started")
    }
}

impl Started {
    /// Of this child, which whoever started it still ends.
    pub(crate) fn new(child: &Rc<RefCell<Child>>) -> Self {
        Self(Rc::clone(child))
    }

    /// How it has ended; `None` if it has not, or is another process than that of the number.
    fn status(&self, pid: u32) -> Option<ExitStatus> {
        let mut child = self.0.try_borrow_mut().ok().filter(|child| child.id() == pid)?;
        child.try_wait().ok()?
    }
}

/// How a process has ended, in words; `None` where nobody can tell.
pub(crate) fn how(process: &Identity, started: Option<&Started>) -> Option<String> {
    let status = started.and_then(|started| started.status(process.pid)).or_else(|| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).ok()?;
        status_of(&stat, process.started)
    });
    status.map(words)
}

/// The exit status in a `stat` of `/proc`, if the process that was started then has ended and its parent has not asked yet.
fn status_of(stat: &str, started: Option<u64>) -> Option<ExitStatus> {
    /// The fields behind the name, of which the state is the third of all.
    const STARTED: usize = 22 - 3;
    const EXIT_CODE: usize = 52 - 3;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let is_it =
        started.is_none_or(|ticks| fields.get(STARTED).and_then(|field| field.parse().ok()) == Some(ticks));
    if *fields.first()? != "Z" || !is_it {
        return None;
    }
    fields.get(EXIT_CODE)?.parse().ok().map(ExitStatus::from_raw)
}

/// An exit status in words: `exit code 3`, `killed by SIGKILL`.
pub(crate) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => {
            let name = signal_hook::low_level::signal_name(signal);
            let name = name.map_or_else(|| format!("signal {signal}"), str::to_owned);
            let core = if status.core_dumped() { ", core dumped" } else { "" };
            format!("killed by {name}{core}")
        }
        (None, None) => "in a way the OS does not tell".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn of(pid: u32) -> Identity {
        Identity { pid, started: None }
    }

    fn ended(script: &str) -> Rc<RefCell<Child>> {
        let mut child =
            Command::new("sh").args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        // What a zombie is, without asking for its status: its state.
        let path = format!("/proc/{}/stat", child.id());
        drop(child.stdin.take());
        while !std::fs::read_to_string(&path).is_ok_and(|stat| stat.contains(") Z ")) {
            std::thread::yield_now();
        }
        Rc::new(RefCell::new(child))
    }

    #[test]
    fn a_program_that_we_started_tells_how_it_ended() {
        for (script, words) in
            [("exit 3", "exit code 3"), ("kill -KILL $$", "killed by SIGKILL"), ("true", "exit code 0")]
        {
            let child = ended(script);
            let pid = child.borrow().id();
            assert_eq!(how(&of(pid), Some(&Started::new(&child))).as_deref(), Some(words));
            // Asked once more it says the same.
            assert_eq!(how(&of(pid), Some(&Started::new(&child))).as_deref(), Some(words));
        }
    }

    #[test]
    fn one_whose_parent_has_not_asked_is_told_by_its_entry() {
        let child = ended("exit 3");
        let pid = child.borrow().id();
        assert_eq!(how(&of(pid), None).as_deref(), Some("exit code 3"));
        let another = Identity { pid, started: Some(1) };
        assert_eq!(how(&another, None), None, "its number was taken by this one");
        child.borrow_mut().wait().unwrap();
        assert_eq!(how(&of(pid), None), None, "now it is gone");
        let killed = ended("kill -TERM $$");
        let pid = killed.borrow().id();
        assert_eq!(how(&of(pid), None).as_deref(), Some("killed by SIGTERM"));
        killed.borrow_mut().wait().unwrap();
    }

    #[test]
    fn of_a_process_that_lives_nothing_is_told() {
        assert_eq!(how(&of(std::process::id()), None), None);
        let child = ended("exit 3");
        assert_eq!(how(&of(std::process::id()), Some(&Started::new(&child))), None, "it is another one");
        child.borrow_mut().wait().unwrap();
    }
}
