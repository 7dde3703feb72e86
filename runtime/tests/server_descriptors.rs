#![allow(clippy::unwrap_used, reason = "test crate")]
//! A server in a process that has no descriptors left: it rests, says so once, and goes on.

#[path = "process/child.rs"]
mod child;
#[path = "support/records.rs"]
mod records;
#[path = "support/serving.rs"]
mod serving;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use child::{Side, say, side, wait_for_go};
use loopscope::runner::UnhandledKind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serving::{echo_server, waits_of_server};

/// Descriptors that are left for connections.
const ROOM: usize = 3;
/// Clients that come.
const CLIENTS: usize = 8;

#[test]
fn a_server_without_descriptors_rests_and_goes_on_when_there_are_some() {
    let mut child = match side("a_server_without_descriptors_rests_and_goes_on_when_there_are_some") {
        Side::Child => return serve_with_few_descriptors(),
        Side::Parent(child) => child,
    };
    let address = child.hear().unwrap();
    let mut clients: Vec<StdStream> = (0..CLIENTS).map(|_| StdStream::connect(&address).unwrap()).collect();
    // Those that there is room for are served, while the others wait.
    for client in &mut clients[..ROOM] {
        ping(client);
    }
    child.expect(&["rests", "waits [Sleep]"]);
    child.go();
    // Each that goes makes room for another one.
    while !clients.is_empty() {
        let mut client = clients.remove(0);
        ping(&mut client);
    }
    child.go();
    let (said, ended) = child.end();
    assert_eq!(ended, Ok(0));
    let polls: u64 = said[0].strip_prefix("polls ").unwrap().parse().unwrap();
    // A turn for each client and each second of rest; a busy loop makes thousands.
    assert!(polls < 100, "{polls}");
    assert_eq!(said[1..], ["reports 1"]);
}

fn ping(client: &mut StdStream) {
    client.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
}

/// Says where it listens, what the server waits for when it rests, and in the end how often it ran.
fn serve_with_few_descriptors() {
    let reports: Rc<RefCell<Vec<String>>> = Rc::default();
    let noted = Rc::clone(&reports);
    let builder = loopscope::Runner::builder().on_unhandled(move |unhandled| {
        assert!(matches!(unhandled.kind, UnhandledKind::AcceptPaused(_)), "{unhandled}");
        noted.borrow_mut().push(unhandled.to_string());
    });
    records::run_live_on(builder, async move {
        let server = echo_server().await;
        let address = server.local_addrs()[0];
        leave_descriptors();
        say(&address.to_string());
        while reports.borrow().is_empty() {
            loopscope::sleep(Duration::from_millis(1)).await;
        }
        let start = "\"echo\" (spawned at ";
        let text = reports.borrow()[0].clone();
        assert!(text.contains(start), "{text}");
        let told = format!("cannot accept connections at {address}: Too many open files");
        assert!(text.contains(&told), "{text}");
        say("rests");
        say(&format!("waits {:?}", waits_of_server(&server)));
        loopscope::to_thread(wait_for_go).await;
        loopscope::to_thread(wait_for_go).await;
        let reader = loopscope::Handle::current().reader();
        let mut polls = 0;
        reader.tasks(&mut |task| {
            if task.name.and_then(|name| reader.name(name)).as_deref() == Some("echo") {
                polls = task.polls;
            }
            ControlFlow::Continue(())
        });
        say(&format!("polls {polls}"));
        say(&format!("reports {}", reports.borrow().len()));
        server.shutdown(Duration::from_secs(30)).await;
    });
}

/// Lets this process open no more than [`ROOM`] further descriptors.
fn leave_descriptors() {
    let is_free = |number: &usize| !std::path::Path::new(&format!("/proc/self/fd/{number}")).exists();
    let last = (0..).filter(is_free).nth(ROOM - 1).unwrap();
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(u64::try_from(last + 1).unwrap());
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}
