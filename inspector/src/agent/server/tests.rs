//! Clients that misbehave, and what becomes of the others.

#![allow(clippy::unwrap_used, reason = "tests and what they share")]

use super::*;
use crate::agent::{Agent, socket, spawn};
use crate::client::{Client, Error, Found, Kind};
use crate::scratch::Dir;
use crate::wire::{Query, Request};
use std::io::{Read as _, Write as _};

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An agent with limits of the test's own, and the directory of its socket.
fn start(limits: Limits) -> (Agent, Dir) {
    let dir = Dir::new("agent");
    let agent = spawn(socket::bind(&dir.join("s")).unwrap(), limits).unwrap();
    (agent, dir)
}

fn run<F: Future>(main: F) -> F::Output {
    loopscope::Runner::builder().hidden(true).build().unwrap().block_on(main).unwrap()
}

async fn connect(agent: &Agent) -> Result<Client, Error> {
    Client::connect(&Found::at(agent.socket()), PATIENCE).await
}

fn all_tasks() -> Request {
    // Hidden ones as well: the agent's own loop is always there.
    Request { tasks: Some(Query::all()), hidden: true, ..Request::default() }
}

#[test]
fn only_ones_own_user_and_root_are_welcome() {
    assert!(is_welcome(1000, 1000));
    assert!(is_welcome(0, 1000));
    assert!(!is_welcome(1001, 1000));
    assert!(!is_welcome(1000, 0));
}

#[test]
fn one_client_too_many_is_told_so_and_many_too_many_are_not_heard() {
    let (agent, _dir) = start(Limits { clients_max: 3, refusals_max: 2, ..Limits::default() });
    run(async {
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(connect(&agent).await.unwrap());
        }
        let error = connect(&agent).await.unwrap_err();
        let Kind::Busy { detail } = error.kind() else { panic!("{error:?}") };
        assert_eq!(detail, "the process has 3 clients already, which is as many as it takes");
        // Those that are in are not disturbed.
        for client in &mut clients {
            client.snapshot(&all_tasks()).await.unwrap();
        }
        drop(clients);
        // A seat is free when the agent has seen its client go, which takes a moment.
        while connect(&agent).await.is_err() {}
    });
    agent.stop();
}

#[test]
fn a_hundred_clients_do_no_harm() {
    let (agent, _dir) = start(Limits::default());
    run(async {
        let mut connected = Vec::new();
        let mut refused = 0;
        for _ in 0..100 {
            match connect(&agent).await {
                Ok(client) => connected.push(client),
                Err(error) => {
                    assert!(matches!(error.kind(), Kind::Busy { .. } | Kind::Closed { .. }), "{error:?}");
                    refused += 1;
                }
            }
        }
        assert_eq!((connected.len(), refused), (64, 36));
        for client in &mut connected {
            assert!(!client.snapshot(&all_tasks()).await.unwrap().snapshot.tasks.unwrap().is_empty());
        }
    });
    agent.stop();
}

#[test]
fn garbage_ends_its_connection_and_no_other() {
    let (agent, _dir) = start(Limits::default());
    let garbage: [&[u8]; 4] = [
        &[0xff; 4096],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        // The preface of HTTP/2, then a frame that claims to be 16 MiB long.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00",
        // The preface and nonsense for settings.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x05\x04\x00\x00\x00\x00\x00xxxxx",
    ];
    for bytes in garbage {
        let mut stream = std::os::unix::net::UnixStream::connect(agent.socket()).unwrap();
        stream.write_all(bytes).unwrap();
        // Whatever it says, it comes to an end.
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 4096);
    }
    run(async { connect(&agent).await.unwrap().snapshot(&all_tasks()).await.unwrap() });
    agent.stop();
}

#[test]
fn a_client_that_asks_nothing_is_let_go() {
    let (agent, _dir) = start(Limits { first_request: Duration::from_millis(20), ..Limits::default() });
    let mut stream = std::os::unix::net::UnixStream::connect(agent.socket()).unwrap();
    let mut answer = Vec::new();
    // Ends only because the agent hangs up.
    let _ = stream.read_to_end(&mut answer);
    agent.stop();
}

#[test]
fn a_client_that_does_not_read_loses_its_connection() {
    let (agent, _dir) = start(Limits { write_patience: Duration::from_millis(30), ..Limits::default() });
    let mut runner = loopscope::Runner::builder().name("crowd").build().unwrap();
    let error = runner
        .block_on(async {
            for number in 0..3000_u64 {
                let name = format!("{number} {}", "x".repeat(90));
                loopscope::task::Builder::new().name(&name).spawn(std::future::pending::<()>()).detach();
            }
            let mut client = connect(&agent).await.unwrap();
            // Some 900 KiB a picture, which is more than the windows of the stream and the connection hold.
            let mut watch = client.watch(&all_tasks(), Duration::from_millis(50)).await.unwrap();
            let _ = watch.next().await.unwrap();
            // The watch is not looked at any more, while small questions go on until the agent has had enough.
            loop {
                if let Err(error) = client.snapshot(&Request::default()).await {
                    break error;
                }
            }
        })
        .unwrap();
    assert!(matches!(error.kind(), Kind::Closed { .. }), "{error:?}");
    run(async { connect(&agent).await.unwrap().snapshot(&Request::default()).await.unwrap() });
    agent.stop();
}

#[test]
fn what_makes_no_sense_is_refused_and_the_client_goes_on() {
    let (agent, _dir) = start(Limits::default());
    run(async {
        let mut client = connect(&agent).await.unwrap();
        let bad = [
            Query::all().filter("stat=idle"),
            Query::all().filter("busy>10"),
            Query::all().sort("nonsense"),
            Query::all().filter("x".repeat(4097).as_str()).limit(1),
        ];
        for query in bad {
            let request = Request { tasks: Some(query), ..Request::default() };
            let error = client.snapshot(&request).await.unwrap_err();
            assert!(matches!(error.kind(), Kind::BadRequest { .. }), "{error:?}");
            assert_eq!(error.exit_code(), 2);
        }
        client.snapshot(&all_tasks()).await.unwrap();
    });
    agent.stop();
}

#[test]
fn a_stopped_agent_takes_its_socket_along() {
    let (agent, dir) = start(Limits::default());
    assert!(dir.join("s").exists());
    agent.stop();
    assert!(!dir.join("s").exists());
    let error = run(async {
        let found = Found::at(dir.join("s"));
        Client::connect(&found, PATIENCE).await.unwrap_err()
    });
    assert!(matches!(error.kind(), Kind::NoSocket { .. }), "{error:?}");
}

#[test]
fn a_client_that_keeps_leaving_its_streams_is_told_to_wait() {
    let (agent, _dir) = start(Limits { streams_max: 2, ..Limits::default() });
    run(async {
        let mut client = connect(&agent).await.unwrap();
        let hour = Duration::from_secs(3600);
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut watch = client.watch(&Request::default(), hour).await.unwrap();
            watch.next().await.unwrap();
            held.push(watch);
        }
        let error = client.watch(&Request::default(), hour).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Busy { .. }), "{error:?}");
        drop(held);
        // Room is there again when the agent has seen them go, which takes a moment.
        while client.snapshot(&Request::default()).await.is_err() {}
    });
    agent.stop();
}
