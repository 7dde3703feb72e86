//! The application that is attached to: this same program, told by its environment what to be.
//!
//! It ends when its standard input does, in order, so that nothing outlives the test.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Says what to be.
pub(crate) const MODE: &str = "ATTACHING_MODE";
/// What it is to call itself.
pub(crate) const COMM: &str = "ATTACHING_COMM";
/// What it writes once it is what it is to be.
pub(crate) const READY: &str = "ready";

pub(crate) fn run(mode: &str) {
    if let Ok(name) = std::env::var(COMM) {
        std::fs::write("/proc/self/comm", name).unwrap();
    }
    match mode {
        "agent" => {
            loopscope_inspector::start();
            std::thread::spawn(|| {
                loopscope::run(async {
                    loop {
                        loopscope::sleep(Duration::from_secs(3600)).await;
                    }
                });
            });
        }
        "vanishing" => vanish(),
        _ => {}
    }
    let mut out = std::io::stdout();
    writeln!(out, "{READY}").and_then(|()| out.flush()).unwrap();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Opens a socket where an agent has it, and ends as soon as somebody connects.
fn vanish() {
    let path = usual_socket(std::process::id());
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let _connected = listener.accept();
        std::process::exit(0);
    });
}

/// Where an agent of root in that process would have its socket; its directory is made.
pub(crate) fn usual_socket(pid: u32) -> std::path::PathBuf {
    socket(&format!("{pid}-{}.sock", start_ticks(pid)))
}

/// A socket in the directory of this user.
pub(crate) fn socket(name: &str) -> std::path::PathBuf {
    use std::os::unix::fs::DirBuilderExt as _;
    let uid = rustix::process::geteuid().as_raw();
    let dir = std::path::PathBuf::from(format!("/tmp/loopscope-{uid}"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).unwrap();
    dir.join(name)
}

/// The fields of `/proc/PID/stat` after the name, which may hold spaces itself: the first is the state.
pub(crate) fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// When a process was started, as its socket's name has it.
pub(crate) fn start_ticks(pid: u32) -> u64 {
    stat(pid).unwrap()[19].parse().unwrap()
}
