#![allow(clippy::unwrap_used, reason = "test crate")]
//! Whenever in the life of its connections a server ends, and however: no task, descriptor or byte that was acknowledged is lost.

#[path = "support/records.rs"]
mod records;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt};
use loopscope::net::TcpStream;
use loopscope::server::{Builder, Server};
use loopscope::{TaskGroup, yield_now};
use proptest::prelude::*;

/// Longer than anything here takes, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Close,
    CloseClients,
    AbortClients,
    Shutdown,
    ShutdownAtOnce,
    /// Somebody stops waiting half-way.
    ShutdownGivenUp,
    ServeForeverGivenUp,
    Drop,
}

/// A connection: how many messages it sends, and for how many turns it rests before each.
type Client = (u8, u8);

#[derive(Clone, Debug)]
struct Story {
    clients: Vec<Client>,
    /// Turns of the loop before each deed.
    deeds: Vec<(u8, Deed)>,
    connections_max: usize,
    starts_serving: bool,
}

fn stories() -> impl Strategy<Value = Story> {
    let deed = prop_oneof![
        Just(Deed::Close),
        Just(Deed::CloseClients),
        Just(Deed::AbortClients),
        Just(Deed::Shutdown),
        Just(Deed::ShutdownAtOnce),
        Just(Deed::ShutdownGivenUp),
        Just(Deed::ServeForeverGivenUp),
        Just(Deed::Drop),
    ];
    let clients = prop::collection::vec((0..6_u8, 0..8_u8), 0..10);
    let deeds = prop::collection::vec((0..40_u8, deed), 0..4);
    (clients, deeds, 1..12_usize, any::<bool>()).prop_map(
        |(clients, deeds, connections_max, starts_serving)| Story {
            clients,
            deeds,
            connections_max,
            starts_serving,
        },
    )
}

/// What is known of all connections together.
#[derive(Default)]
struct Tally {
    /// The peers of handlers that began.
    begun: RefCell<Vec<SocketAddr>>,
    /// Handlers that are over, however.
    over: Cell<usize>,
    /// Whether connections may be broken off.
    is_rude: Cell<bool>,
}

/// Counts a handler that is over, also one that is dropped.
struct Over(Rc<Tally>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.set(self.0.over.get() + 1);
    }
}

/// Acknowledges each byte by sending it back; then says how many there were.
async fn acknowledge(mut stream: TcpStream, peer: SocketAddr, tally: Rc<Tally>) -> io::Result<()> {
    tally.begun.borrow_mut().push(peer);
    let _over = Over(tally);
    let (mut total, mut bytes) = (0_u8, [0; 3]);
    loop {
        let count = AsyncReadExt::read(&mut stream, &mut bytes).await?;
        if count == 0 {
            break;
        }
        total += u8::try_from(count).unwrap();
        AsyncWriteExt::write_all(&mut stream, &bytes[..count]).await?;
    }
    AsyncWriteExt::write_all(&mut stream, &[0, total]).await
}

/// Sends messages of one byte each, and reads the answers. Each that comes is counted in what the handler says at the end, unless
/// the connection was broken off.
async fn talk(address: SocketAddr, (messages, rest): Client, tally: Rc<Tally>) {
    let Ok(stream) = TcpStream::connect(address).await else { return };
    let ours = stream.local_addr().unwrap();
    let (mut acknowledged, mut answer, mut sent) = (0, [1], 0);
    let said = async {
        while sent < messages && answer != [0] {
            for _ in 0..rest {
                yield_now().await;
            }
            if stream.write_all(&[1]).await.is_err() {
                break; // what it had said before is still to be read
            }
            sent += 1;
            stream.read_exact(&mut answer).await?;
            acknowledged += answer[0];
        }
        // It fails when the other end is gone already.
        drop(stream.shutdown(Shutdown::Write));
        while answer != [0] {
            stream.read_exact(&mut answer).await?;
            acknowledged += answer[0];
        }
        stream.read_exact(&mut answer).await?;
        io::Result::Ok(answer[0])
    };
    match said.await {
        Ok(total) => assert_eq!(total, acknowledged, "acknowledged, and lost"),
        Err(error) => {
            let was_accepted = tally.begun.borrow().contains(&ours);
            assert!(tally.is_rude.get() || !was_accepted, "broken off, although nobody wanted that: {error}");
        }
    }
}

async fn act(server: &mut Option<Server>, deed: Deed, tally: &Tally) {
    let Some(one) = server else { return };
    match deed {
        Deed::Close => one.close(),
        Deed::CloseClients => one.close_clients(),
        Deed::AbortClients => {
            tally.is_rude.set(true);
            one.abort_clients();
        }
        Deed::Shutdown => {
            let report = one.shutdown(PATIENCE).close_after(Duration::ZERO).await;
            // Those that were broken off before may have their last turns only now.
            assert!(report.aborted() == 0 || tally.is_rude.get(), "{report}");
        }
        Deed::ShutdownAtOnce => {
            tally.is_rude.set(true);
            one.shutdown(Duration::ZERO).await;
        }
        Deed::ShutdownGivenUp => {
            let report = one.shutdown(PATIENCE).now_or_never();
            assert!(report.is_none_or(|report| report.aborted() == 0));
        }
        Deed::ServeForeverGivenUp => drop(one.serve_forever().now_or_never()),
        Deed::Drop => {
            tally.is_rude.set(true);
            *server = None;
        }
    }
}

/// Lets a story happen. Whatever is left of it afterwards is found by who runs this.
async fn tell(story: Story) {
    let tally = Rc::new(Tally::default());
    let of_handlers = Rc::clone(&tally);
    let server = Builder::new()
        .max_connections(story.connections_max)
        .start_serving(story.starts_serving)
        .on_error(|_| {})
        .serve_tcp("127.0.0.1:0", move |stream, peer| acknowledge(stream, peer, Rc::clone(&of_handlers)))
        .await
        .unwrap();
    let address = server.local_addrs()[0];
    let group = TaskGroup::new();
    for client in &story.clients {
        group.spawn(talk(address, *client, Rc::clone(&tally)));
    }
    let mut server = Some(server);
    for (turns, deed) in story.deeds {
        for _ in 0..turns {
            yield_now().await;
        }
        act(&mut server, deed, &tally).await;
    }
    if let Some(server) = &server
        && !server.is_serving()
        && !server.local_addrs().is_empty()
    {
        server.start_serving().unwrap();
    }
    group.close().await.unwrap();
    if let Some(server) = server {
        let report = server.shutdown(PATIENCE).await;
        assert!(report.aborted() == 0 || tally.is_rude.get(), "{report}");
        assert_eq!(server.connections(), 0);
    }
    // Those that were dropped have their last turns.
    while tally.over.get() < tally.begun.borrow().len() {
        yield_now().await;
    }
    for _ in 0..3 {
        yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whenever_and_however_a_server_ends_nothing_is_left_and_nothing_acknowledged_is_lost(story in stories()) {
        records::run_live(async move {
            loopscope::timeout(PATIENCE, tell(story)).await.unwrap();
        });
    }
}
