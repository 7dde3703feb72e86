#![allow(clippy::unwrap_used, reason = "test crate")]
//! Servers: where they listen, whom they accept, and how that is seen.

#[path = "support/records.rs"]
mod records;
#[path = "support/serving.rs"]
mod serving;

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::AsyncReadExt;
use loopscope::net::{TcpListener, TcpStream};
use loopscope::server::{Builder, ListenError, serve};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use serving::{PATIENCE, connect, echo, echo_server, ping, served, some_turns, waits_of_server};

#[test]
fn a_server_that_has_only_its_address_refuses_until_it_serves_and_the_end_of_serving_closes_it() {
    records::run_live(async {
        let server = Builder::new().start_serving(false).serve_tcp("127.0.0.1:0", echo).await.unwrap();
        let server = Rc::new(server);
        assert!(!server.is_serving());
        yield_now().await;
        let refused = TcpStream::connect(server.local_addrs()[0]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let waits: Vec<WaitKind> = waits_of_server(&server);
        assert_eq!(waits, [WaitKind::Event]);

        let serving = Rc::clone(&server);
        let serving = spawn(async move { serving.serve_forever().await });
        yield_now().await;
        assert!(server.is_serving());
        let client = served(&server).await;
        let second = server.serve_forever().await.unwrap_err();
        assert!(second.is_awaited());
        assert!(server.is_serving(), "the second changed nothing");
        serving.cancel().await;
        assert!(!server.is_serving());
        assert_eq!(server.local_addrs(), []);
        ping(&client).await.unwrap();
        drop(client);
        server.wait_closed().await;
        let closed = server.serve_forever().await.unwrap_err();
        assert!(closed.is_closed());
        assert!(closed.to_string().ends_with(" is closed"), "{closed}");
        assert!(server.start_serving().unwrap_err().is_closed());
    });
}

#[test]
fn a_server_has_a_socket_for_each_address_with_a_port_of_its_own() {
    records::run_live(async {
        let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
        let twice: Vec<SocketAddr> = ["127.0.0.1:0", "[::1]:0"].map(|text| text.parse().unwrap()).to_vec();
        let server = Builder::new()
            .also_at("127.0.0.2:0")
            .also_at("127.0.0.2:0")
            // An address that nobody here has is left out, as IPv6's are where nothing speaks it.
            .also_at("192.0.2.1:0")
            .serve_tcp(twice, echo)
            .await
            .unwrap();
        let addresses = server.local_addrs();
        assert_eq!(addresses.len(), if has_v6 { 3 } else { 2 }, "{addresses:?}");
        assert_eq!(server.sockets().len(), addresses.len());
        for address in addresses {
            assert_ne!(address.port(), 0);
            ping(&TcpStream::connect(address).await.unwrap()).await.unwrap();
        }
        server.shutdown(PATIENCE).await;
    });
}

#[test]
fn a_name_is_served_at_all_of_its_addresses_with_the_families_apart() {
    records::run_live(async {
        let has_v6 = std::net::TcpListener::bind("[::]:0").is_ok();
        let by_name = Builder::new().serve_tcp("localhost:0", echo).await.unwrap();
        let resolved = loopscope::net::lookup_host("localhost:0").await.unwrap();
        let expected = resolved.iter().filter(|address| has_v6 || address.is_ipv4()).count();
        assert_eq!(by_name.local_addrs().len(), expected);
        by_name.shutdown(Duration::ZERO).await;
        if has_v6 {
            let all = Builder::new().serve_tcp("0.0.0.0:0", echo).await.unwrap();
            let port = all.local_addrs()[0].port();
            let same = Builder::new().serve_tcp(("::", port), echo).await.unwrap();
            assert_eq!(same.local_addrs()[0].port(), port);
            same.shutdown(Duration::ZERO).await;
            all.shutdown(Duration::ZERO).await;
        }
    });
}

#[test]
fn where_nobody_can_listen_is_named() {
    records::run_live(async {
        let server = echo_server().await;
        let taken = server.local_addrs()[0];
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let error = Builder::new().serve_tcp(vec![free, taken], echo).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let inner = error.get_ref().unwrap().downcast_ref::<ListenError>().unwrap();
        assert_eq!(inner.at(), taken.to_string());
        assert!(error.to_string().starts_with(&format!("cannot listen at {taken}: ")), "{error}");
        let error = Builder::new().serve_tcp("192.0.2.1:80", echo).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().starts_with("cannot listen at 192.0.2.1:80: "), "{error}");
        let error = Builder::new().serve_tcp(Vec::new(), echo).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no address to listen at");
        let error = Builder::new().serve_tcp("nonsense", echo).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        server.shutdown(Duration::ZERO).await;
    });
}

#[test]
fn two_servers_that_share_an_address_both_have_it() {
    records::run_live(async {
        let one = Builder::new().reuse_port(true).serve_tcp("127.0.0.1:0", echo).await.unwrap();
        let address = one.local_addrs()[0];
        let other = Builder::new().reuse_port(true).serve_tcp(address, echo).await.unwrap();
        for _ in 0..20 {
            ping(&TcpStream::connect(address).await.unwrap()).await.unwrap();
        }
        one.shutdown(PATIENCE).await;
        ping(&TcpStream::connect(address).await.unwrap()).await.unwrap();
        other.shutdown(PATIENCE).await;
    });
}

#[test]
fn a_socket_that_cannot_listen_in_the_end_closes_the_server() {
    records::run_live(async {
        let bound = Builder::new().start_serving(false);
        let bound = bound.serve_tcp("127.0.0.1:0", echo).await.unwrap();
        let address = bound.local_addrs()[0];
        // With SO_REUSEADDR both may have the address; only one may listen.
        let other = Builder::new().start_serving(false).also_at("127.0.0.2:0");
        let other = other.serve_tcp(address, echo).await.unwrap();
        bound.start_serving().unwrap();
        bound.start_serving().unwrap();
        let error = other.start_serving().unwrap_err();
        assert_eq!(error.listen_error().unwrap().at(), address.to_string());
        assert_eq!(io::Error::from(error).kind(), ErrorKind::AddrInUse);
        other.wait_closed().await;
        ping(&connect(&bound).await).await.unwrap();
        bound.shutdown(PATIENCE).await;
    });
}

#[test]
fn as_many_clients_as_there_may_be_are_served_and_the_others_wait() {
    records::run_live(async {
        let server = Builder::new().name("narrow").max_connections(2);
        let server = server.also_at("127.0.0.2:0").serve_tcp("127.0.0.1:0", echo).await.unwrap();
        let (one, two) = (served(&server).await, served(&server).await);
        let three = connect(&server).await;
        three.write_all(b"ping").await.unwrap();
        some_turns().await;
        assert_eq!(server.connections(), 2);
        assert_eq!(waits_of_server(&server), [WaitKind::Semaphore]);
        let places =
            records::resources().into_iter().find(|one| one.kind == ResourceKind::Semaphore).unwrap();
        assert_eq!(places.name.as_deref(), Some("narrow connections"));
        assert_eq!((places.len, places.limit), (Some(0), Some(2)));
        drop(one);
        three.read_exact(&mut [0; 4]).await.unwrap();
        assert_eq!(server.connections(), 2);
        drop((two, three));
        served(&server).await;
        assert_eq!(waits_of_server(&server), [WaitKind::Accept, WaitKind::Accept]);
        server.shutdown(PATIENCE).await;
    });
}

#[test]
fn clients_are_children_of_the_servers_task_which_is_a_child_of_who_started_it() {
    records::run_live(async {
        let main = loopscope::task::current().unwrap().as_u64();
        let line = records::here() + 1;
        let server = Builder::new().name("parent").serve_tcp("127.0.0.1:0", echo).await.unwrap();
        let client = served(&server).await;
        let reader = loopscope::Handle::current().reader();
        let mut tasks = Vec::new();
        reader.tasks(&mut |task| {
            if !task.state.is_finished() && task.id != main {
                let site = reader.site(task.site).unwrap();
                let place = reader.place(site.place).unwrap();
                tasks.push((task.id, task.parent, reader.name(task.name.unwrap()).unwrap(), place.line));
            }
            std::ops::ControlFlow::Continue(())
        });
        tasks.sort_unstable();
        let server_task = tasks[0].0;
        assert_eq!(tasks[0], (server_task, Some(main), "parent".to_owned(), line));
        assert_eq!((tasks[1].1, &*tasks[1].2, tasks[1].3), (Some(server_task), "parent client", line));
        assert_eq!(tasks.len(), 2);
        server.close();
        some_turns().await;
        assert_eq!(waits_of_server(&server), [WaitKind::Group]);
        let group = records::resources().into_iter().find(|one| one.kind == ResourceKind::Group).unwrap();
        assert_eq!((group.name.as_deref(), group.made_at), (Some("parent clients"), line));
        drop(client);
        server.wait_closed().await;
    });
}

#[test]
fn who_waits_for_the_end_is_seen_joining_the_servers_task() {
    records::run_live(async {
        let server = Rc::new(Builder::new().name("joined").serve_tcp("127.0.0.1:0", echo).await.unwrap());
        let waiting = Rc::clone(&server);
        let line = records::here() + 1;
        let waiting = spawn(async move { waiting.wait_closed().await });
        some_turns().await;
        let reader = loopscope::Handle::current().reader();
        let mut found = None;
        reader.waits(&mut |wait| {
            found = (wait.task == waiting.id().as_u64()).then_some(*wait).or(found);
            std::ops::ControlFlow::Continue(())
        });
        let wait = found.unwrap();
        assert_eq!(wait.kind, WaitKind::Join);
        assert_eq!(reader.place(wait.at.unwrap()).unwrap().line, line);
        let task = reader.task(wait.target_task.unwrap()).unwrap();
        assert_eq!(reader.name(task.name.unwrap()).unwrap(), "joined");
        server.close();
        waiting.await.unwrap();
    });
}

#[test]
fn a_server_takes_listeners_made_elsewhere() {
    records::run_live(async {
        let listeners =
            [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let server = Builder::new().serve(listeners, echo);
        for address in server.local_addrs() {
            ping(&TcpStream::connect(address).await.unwrap()).await.unwrap();
        }
        server.shutdown(PATIENCE).await;
        let one = serve(TcpListener::bind("127.0.0.1:0").unwrap(), echo);
        assert_eq!(one.name(), format!("server {}", one.local_addrs()[0]));
        served(&one).await;
        one.shutdown(PATIENCE).await;
    });
}

#[test]
fn a_listener_that_is_flooded_does_not_starve_the_other_one() {
    records::run_live(async {
        let order: Rc<RefCell<Vec<SocketAddr>>> = Rc::default();
        let noted = Rc::clone(&order);
        let handler = move |stream: TcpStream, peer| {
            noted.borrow_mut().push(peer);
            async move { drop((&stream).read_to_end(&mut Vec::new()).await) }
        };
        let server = Builder::new().also_at("127.0.0.2:0").backlog(1000);
        let server = server.serve_tcp("127.0.0.1:0", handler).await.unwrap();
        let [flooded, other] = server.local_addrs()[..] else { panic!("{server:?}") };
        let flood: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(flooded).unwrap()).collect();
        let client = std::net::TcpStream::connect(other).unwrap();
        while order.borrow().len() <= flood.len() {
            yield_now().await;
        }
        let client_address = client.local_addr().unwrap();
        let position = order.borrow().iter().position(|peer| *peer == client_address).unwrap();
        assert!(position < 2, "{position} were accepted before it");
        drop((flood, client));
        server.shutdown(PATIENCE).await;
    });
}
