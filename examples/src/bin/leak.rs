//! Tasks, or descriptors, that only become more.
//!
//! ```text
//! leak [--what tasks|descriptors] [--seconds N | --hold]
//! ```
//!
//! Five times a second somebody comes and is never let go: a session whose visitor has left, a socket that stays in a list. At
//! most 500 of them, so that the machine does not suffer.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::net::UdpSocket;
use loopscope::sync::Event;
use loopscope::task;
use loopscope::time::{interval, sleep};
use loopscope_examples::fault::Fault;

const FAULT: Fault = Fault {
    program: "leak",
    wrong: "what is made is never let go, and there is a little more of it all the time.",
    kinds: Some((
        "--what",
        &[
            ("tasks", "sessions that wait for visitors who have left"),
            ("descriptors", "sockets that stay open in a list"),
        ],
    )),
    look: &[
        (
            "loopscope warnings PID",
            "leak or fd-leak with its line, after it was looked at for half a minute: start it with LOOPSCOPE_DEBUG=1 and --hold",
        ),
        ("loopscope sites PID", "spawned and live of each place that spawns: nothing ends"),
        ("loopscope io PID", "the sockets, and when each was last used"),
        ("loopscope explain leak", "what to do about it"),
    ],
};

/// How often one more is made, and how many at most.
const EVERY: Duration = Duration::from_millis(200);
const MOST: usize = 500;

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn program(arguments: impl Iterator<Item = String>) -> ExitCode {
    match FAULT.begin(arguments) {
        Ok(options) => {
            loopscope::run(run(options.kind, options.stay));
            ExitCode::SUCCESS
        }
        Err(stop) => stop.tell(),
    }
}

async fn run(kind: &str, stay: Duration) {
    let closing = Rc::new(Event::new().named("closing"));
    let making = match kind {
        "tasks" => task::Builder::new().name("door").spawn(open_sessions(Rc::clone(&closing))),
        _ => task::Builder::new().name("prober").spawn(open_sockets()),
    };
    sleep(stay).await;
    making.cancel().await;
    closing.set();
    // They end in order, which takes a turn of each.
    loopscope::yield_now().await;
}

/// Opens a session for each visitor, and forgets about it.
async fn open_sessions(closing: Rc<Event>) {
    let mut visitors = interval(EVERY);
    for _ in 0..MOST {
        visitors.tick().await;
        loopscope::spawn(session(Rc::clone(&closing))).detach(); // here: tasks
    }
}

/// Has no limit of time: it ends when all do, and not when its visitor has left.
async fn session(closing: Rc<Event>) {
    closing.wait().await; // here: a session
}

/// Opens a socket for each question, and keeps it.
async fn open_sockets() {
    let mut questions = interval(EVERY);
    let mut sockets = Vec::new();
    for _ in 0..MOST {
        questions.tick().await;
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))); // here: descriptors
        sockets.extend(socket.ok());
    }
    sleep(Duration::MAX).await;
}
