#![allow(clippy::unwrap_used, reason = "test crate")]
//! How servers and their connections end, and that nothing is left of them.

#[path = "support/records.rs"]
mod records;
#[path = "support/serving.rs"]
mod serving;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{AsyncReadExt, FutureExt};
use loopscope::net::TcpStream;
use loopscope::server::{Builder, Peer, Server};
use loopscope::sync::Event;
use loopscope::task::cancel_requested;
use loopscope::telemetry::WaitKind;
use loopscope::{Runner, spawn, timeout, yield_now};
use serving::{PATIENCE, connect, echo, echo_server, ping, rest, served, some_turns, waits_of_clients};

#[test]
fn a_server_serves_until_it_is_closed_and_its_connections_go_on() {
    records::run_live(async {
        let server = echo_server().await;
        let client = served(&server).await;
        assert_eq!((server.is_serving(), server.connections()), (true, 1));
        let address = server.local_addrs()[0];
        server.close();
        assert_eq!((server.is_serving(), server.local_addrs(), server.sockets()), (false, vec![], vec![]));
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        ping(&client).await.unwrap();
        drop(client);
        server.wait_closed().await;
        assert_eq!(server.connections(), 0);
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn waiting_for_the_end_waits_for_both_the_closing_and_the_last_connection() {
    records::run_live(async {
        let server = Rc::new(echo_server().await);
        let wait = || {
            let server = Rc::clone(&server);
            spawn(async move { server.wait_closed().await })
        };
        let nobody_and_open = wait();
        some_turns().await;
        assert!(!nobody_and_open.is_finished());
        let client = served(&server).await;
        let somebody_and_open = wait();
        some_turns().await;
        assert!(!nobody_and_open.is_finished() && !somebody_and_open.is_finished());
        server.close();
        let somebody_and_closed = wait();
        some_turns().await;
        assert!(!nobody_and_open.is_finished() && !somebody_and_open.is_finished());
        assert!(!somebody_and_closed.is_finished());
        drop(client);
        for waiting in [nobody_and_open, somebody_and_open, somebody_and_closed] {
            waiting.await.unwrap();
        }
        server.wait_closed().await;
    });
}

#[test]
fn closing_and_the_end_of_the_last_client_in_one_turn_end_the_wait() {
    records::run_live(async {
        let server = Rc::new(echo_server().await);
        let early = Rc::clone(&server);
        let early = spawn(async move { early.wait_closed().await });
        let client = served(&server).await;
        let closing = Rc::clone(&server);
        loopscope::call_soon(move || closing.close());
        loopscope::call_soon(move || drop(client));
        server.wait_closed().await;
        early.await.unwrap();
    });
}

#[test]
fn serving_for_ever_ends_when_somebody_closes_the_server_and_its_clients_are_gone() {
    records::run_live(async {
        let server = Rc::new(echo_server().await);
        let serving = Rc::clone(&server);
        let serving = spawn(async move { serving.serve_forever().await });
        let client = served(&server).await;
        server.close();
        some_turns().await;
        assert!(!serving.is_finished());
        drop(client);
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_handler_may_close_its_own_server() {
    records::run_live(async {
        let slot: Rc<RefCell<Option<Server>>> = Rc::default();
        let inner = Rc::clone(&slot);
        let handler = move |stream: TcpStream, _| {
            let slot = Rc::clone(&inner);
            async move {
                slot.borrow().as_ref().unwrap().close();
                stream.write_all(b"closed").await
            }
        };
        let server = Builder::new().serve_tcp("127.0.0.1:0", handler).await.unwrap();
        let client = connect(&server).await;
        *slot.borrow_mut() = Some(server);
        assert_eq!(rest(&client).await.unwrap(), b"closed");
        let server = slot.borrow_mut().take().unwrap();
        server.wait_closed().await;
    });
}

#[test]
fn a_handler_that_drops_its_own_server_or_ends_it_at_once_ends_there() {
    records::run_live(async {
        for drops in [true, false] {
            let slot: Rc<RefCell<Option<Rc<Server>>>> = Rc::default();
            let inner = Rc::clone(&slot);
            let handler = move |stream: TcpStream, _| {
                let slot = Rc::clone(&inner);
                async move {
                    stream.read_exact(&mut [0]).await.unwrap();
                    let server = slot.borrow_mut().take().unwrap();
                    if !drops {
                        server.shutdown(Duration::ZERO).await;
                    }
                    drop(server);
                    drop(stream.write_all(b"it went on").await);
                    pending::<()>().await;
                }
            };
            let server = Rc::new(Builder::new().serve_tcp("127.0.0.1:0", handler).await.unwrap());
            let client = connect(&server).await;
            *slot.borrow_mut() = Some(server);
            client.write_all(b"x").await.unwrap();
            assert_eq!(rest(&client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            some_turns().await;
        }
    });
}

#[test]
fn closing_clients_lets_them_read_what_came_and_answer_it() {
    records::run_live(async {
        let server = Builder::new()
            .serve_tcp("127.0.0.1:0", async |mut stream: TcpStream, _| -> io::Result<()> {
                let mut got = Vec::new();
                stream.read_to_end(&mut got).await?;
                stream.write_all(&got).await
            })
            .await
            .unwrap();
        let client = connect(&server).await;
        client.write_all(b"all that was said").await.unwrap();
        while server.connections() == 0 {
            yield_now().await;
        }
        server.close();
        server.close_clients();
        server.close_clients();
        assert_eq!(rest(&client).await.unwrap(), b"all that was said");
        server.wait_closed().await;
    });
}

#[test]
fn closing_clients_asks_those_that_wait_for_something_else_to_end() {
    records::run_live(async {
        let asked = async |stream: TcpStream, _| -> io::Result<()> {
            stream.write_all(b"waiting ").await?;
            cancel_requested().await;
            stream.write_all(b"good-bye").await
        };
        let server = Builder::new().serve_tcp("127.0.0.1:0", asked).await.unwrap();
        let client = connect(&server).await;
        client.read_exact(&mut [0; 8]).await.unwrap();
        server.close_clients();
        assert_eq!(rest(&client).await.unwrap(), b"good-bye");
        assert!(server.is_serving());
        let another = connect(&server).await;
        another.read_exact(&mut [0; 8]).await.unwrap();
        let report = server.shutdown(PATIENCE).close_after(Duration::ZERO).await;
        assert_eq!((report.closed(), report.is_clean()), (1, true), "{report}");
    });
}

#[test]
fn aborting_clients_resets_those_that_are_stuck_and_the_server_goes_on() {
    records::run_live(async {
        let server = Builder::new()
            .serve_tcp("127.0.0.1:0", async |stream: TcpStream, _| -> io::Result<()> {
                loop {
                    stream.write_all(&vec![b'a'; 65536]).await?;
                }
            })
            .await
            .unwrap();
        let client = connect(&server).await;
        // It writes until nobody has room for more.
        while waits_of_clients(&server) != [WaitKind::Write] {
            loopscope::sleep(Duration::from_millis(1)).await;
        }
        server.abort_clients();
        some_turns().await;
        assert_eq!(server.connections(), 0);
        assert_eq!(rest(&client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(server.is_serving());
        let another = connect(&server).await;
        another.read_exact(&mut [0; 10]).await.unwrap();
        server.close();
        server.abort_clients();
        server.wait_closed().await;
    });
}

#[test]
fn a_server_that_is_dropped_is_aborted() {
    records::run_live(async {
        let server = echo_server().await;
        let client = served(&server).await;
        let address = server.local_addrs()[0];
        drop(server);
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(rest(&client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        some_turns().await;
    });
}

#[test]
fn a_server_that_is_detached_serves_for_as_long_as_its_loop() {
    let _alone = records::alone();
    let client = loopscope::run(async {
        let server = echo_server().await;
        let address = server.local_addrs()[0];
        server.detach();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        let stream = TcpStream::from_std(client.try_clone().unwrap()).unwrap();
        ping(&stream).await.unwrap();
        client.set_nonblocking(false).unwrap();
        io::Write::write_all(&mut client, b"x").unwrap();
        client
    });
    // Closed with the loop: the end comes, with a reset where the last byte was not read.
    let mut client = client;
    let mut bytes = Vec::new();
    drop(io::Read::read_to_end(&mut client, &mut bytes));
    assert!(bytes.len() <= 1);
}

#[test]
fn a_server_that_outlives_its_loop_is_over() {
    let _alone = records::alone();
    let server = loopscope::run(async {
        let server = echo_server().await;
        served(&server).await;
        server
    });
    assert_eq!(server.connections(), 0);
    server.close();
    server.abort_clients();
    drop(server);
    loopscope::run(async {
        let other = echo_server().await;
        served(&other).await;
    });
}

#[test]
fn a_shutdown_reports_how_each_connection_ended() {
    // With a clock that waits for everybody but the one that is stuck.
    records::run_live_on(Runner::builder().paused(true), async {
        // Each client says what its handler is to do, once the shutdown has begun.
        let (gate, heard) = (Rc::new(Event::new()), Rc::new(Cell::new(0)));
        let (inner_gate, inner_heard) = (Rc::clone(&gate), Rc::clone(&heard));
        let handler = move |mut stream: TcpStream, _| {
            let (gate, heard) = (Rc::clone(&inner_gate), Rc::clone(&inner_heard));
            async move {
                let mut mood = [0];
                stream.read_exact(&mut mood).await.unwrap();
                heard.set(heard.get() + 1);
                gate.wait().await;
                match mood[0] {
                    b'i' => {}                                               // ends by itself
                    b'r' => drop(stream.read_to_end(&mut Vec::new()).await), // reads to the end
                    b'f' => return Err("failed"),
                    _ => pending().await,
                }
                Ok(())
            }
        };
        let server = Builder::new().name("last").on_error(|_| {});
        let server = server.serve_tcp("127.0.0.1:0", handler).await.unwrap();
        let mut clients = Vec::new();
        for mood in *b"iirrrfs" {
            let client = connect(&server).await;
            client.write_all(&[mood]).await.unwrap();
            clients.push(client);
        }
        let stuck = clients.last().unwrap().local_addr().unwrap();
        while heard.get() < clients.len() {
            yield_now().await;
        }
        loopscope::call_soon(move || gate.set());
        let report = server.shutdown(Duration::from_millis(200)).await;
        let counts = [report.ended(), report.closed(), report.aborted(), report.failed()];
        assert_eq!(counts, [2, 3, 1, 1], "{report}");
        assert!(!report.is_clean());
        let [aborted] = report.survivors() else { panic!("{report}") };
        assert_eq!(aborted.peer, Peer::Inet(stuck));
        assert_eq!(aborted.task.name.as_deref(), Some("last client"));
        assert_eq!(aborted.task.spawned_at.as_ref().unwrap().file, "runtime/tests/server_end.rs");
        assert_eq!(aborted.task.waits.len(), 1);
        let text = report.to_string();
        let start = format!(
            "connections: 2 ended, 3 were closed, 1 aborted, 1 failed\n  {stuck}: {} \"last client\" spawned at ",
            aborted.task.id
        );
        assert!(text.starts_with(&start), "{text}");
        let again = server.shutdown(PATIENCE).await;
        assert!(again.is_clean() && again.ended() == 0, "{again}");
    });
}

#[test]
fn a_shutdown_waits_no_longer_than_the_last_connection_and_aborts_at_once_without_grace() {
    records::run_live(async {
        let server = echo_server().await;
        let client = served(&server).await;
        let report =
            timeout(PATIENCE, server.shutdown(4 * PATIENCE).close_after(Duration::ZERO)).await.unwrap();
        assert_eq!((report.closed(), report.is_clean()), (1, true), "{report}");
        assert_eq!(rest(&client).await.unwrap(), b"");

        let server = echo_server().await;
        let client = served(&server).await;
        let report = server.shutdown(Duration::ZERO).await;
        assert_eq!(report.aborted(), 1, "{report}");
        assert_eq!(rest(&client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// Polls once.
fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn futures_of_a_server_that_are_dropped_at_any_step_leave_nothing_and_change_only_what_they_say() {
    records::run_live(async {
        let server = echo_server().await;
        let client = served(&server).await;
        // Never polled.
        drop((server.wait_closed(), server.serve_forever(), server.shutdown(Duration::ZERO)));
        drop(Builder::new().serve_tcp("127.0.0.1:0", echo));
        assert!(server.is_serving());
        // Pending.
        assert!(poll_once(std::pin::pin!(server.wait_closed())).is_pending());
        assert!(server.is_serving());
        assert!(poll_once(std::pin::pin!(server.serve_forever())).is_pending());
        assert!(!server.is_serving(), "its end closes the server");
        ping(&client).await.unwrap();
        assert!(poll_once(std::pin::pin!(server.shutdown(PATIENCE))).is_pending());
        ping(&client).await.unwrap();
        // Notified, but not polled: another one still hears of it.
        {
            let mut notified = Box::pin(server.wait_closed());
            let mut other = Box::pin(server.wait_closed());
            assert!(poll_once(notified.as_mut()).is_pending());
            assert!(poll_once(other.as_mut()).is_pending());
            drop(client);
            server.wait_closed().await;
            drop(notified);
            assert!(poll_once(other.as_mut()).is_ready());
        }
        // Done.
        assert!(server.wait_closed().now_or_never().is_some());
        assert!(server.shutdown(PATIENCE).now_or_never().is_some());
    });
}
