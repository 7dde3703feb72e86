//! Datagram sockets against each other, the standard library and Python.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::future::poll_fn;
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use loopscope::net::{UdpSocket, UnixDatagram};
use loopscope::telemetry::{Address, LoopReader, ResourceKind, ResourceView, WaitKind, WaitView};
use loopscope::{spawn, timeout, yield_now};
use proptest::prelude::*;

fn here() -> LoopReader {
    loopscope::Handle::current().reader()
}

/// The one wait of a kind that this loop has, and its resource.
fn waiting(kind: WaitKind) -> (WaitView, Option<ResourceView>) {
    let mut found = None;
    here().waits(&mut |wait| {
        found = (wait.kind == kind).then_some(*wait).or(found);
        ControlFlow::Continue(())
    });
    let wait = found.unwrap();
    let mut resource = None;
    here().resources(&mut |one| {
        resource = (Some(one.id) == wait.resource).then(|| one.clone()).or(resource.take());
        ControlFlow::Continue(())
    });
    (wait, resource)
}

fn pair() -> (UdpSocket, UdpSocket) {
    (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
}

/// A path for a socket that nobody else uses, gone with the value.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lsd-{}-{name}", std::process::id()));
        drop(std::fs::remove_file(&path));
        Self(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn an_empty_datagram_is_one_and_a_long_one_is_cut() {
    records::run_live(async {
        let (one, other) = pair();
        let to = other.local_addr().unwrap();
        let mut bytes = [0; 4];
        for message in [&b""[..], b"four", b"longer"] {
            assert_eq!(one.send_to(message, to).await.unwrap(), message.len());
        }
        let from = one.local_addr().unwrap();
        assert_eq!(other.recv_from(&mut bytes).await.unwrap(), (0, from));
        assert_eq!(other.peek_from(&mut bytes).await.unwrap(), (4, from));
        assert_eq!(other.recv_from(&mut bytes).await.unwrap(), (4, from));
        assert_eq!((other.recv(&mut bytes).await.unwrap(), &bytes), (4, b"long"));
        assert_eq!(other.try_recv(&mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(one.send_to(b"x", "nowhere").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn nobody_there_is_an_error_and_not_the_end() {
    records::run_live(async {
        let (one, other) = pair();
        let to = other.local_addr().unwrap();
        assert_eq!(one.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        one.connect(to).await.unwrap();
        assert_eq!(one.peer_addr().unwrap(), to);
        drop(other);
        one.send(b"anybody?").await.unwrap();
        let mut bytes = [0; 16];
        assert_eq!(one.recv(&mut bytes).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let other = UdpSocket::bind(to).unwrap();
        one.send(b"again").await.unwrap();
        assert_eq!(other.recv_from(&mut bytes).await.unwrap(), (5, one.local_addr().unwrap()));
        other.send_to(b"here", one.local_addr().unwrap()).await.unwrap();
        assert_eq!(one.recv(&mut bytes).await.unwrap(), 4);
        assert!(one.take_error().unwrap().is_none());
    });
}

#[test]
fn a_receiver_is_seen_with_its_addresses_and_its_bytes_are_counted() {
    records::run_live(async {
        let (one, other) = pair();
        let (ours, theirs) = (other.local_addr().unwrap(), one.local_addr().unwrap());
        other.connect(theirs).await.unwrap();
        one.send_to(b"first", ours).await.unwrap();
        let line = line!() + 4;
        let receiver = spawn(async move {
            let mut bytes = [0; 16];
            other.recv(&mut bytes).await.unwrap();
            let length = other.recv(&mut bytes).await.unwrap();
            bytes[..length].to_vec()
        });
        yield_now().await;
        yield_now().await;
        let (wait, socket) = waiting(WaitKind::Read);
        assert_eq!(wait.task, receiver.id().as_u64());
        assert_eq!(here().place(wait.at.unwrap()).unwrap().line, line);
        let socket = socket.unwrap();
        assert_eq!(socket.kind, ResourceKind::Udp);
        let io = socket.io.unwrap();
        assert_eq!((io.local, io.peer), (Some(Address::Inet(ours)), Some(Address::Inet(theirs))));
        assert_eq!((io.bytes_read, io.reads, io.would_block), (5, 1, 1));
        one.send_to(b"second", ours).await.unwrap();
        assert_eq!(receiver.await.unwrap(), b"second");
    });
}

#[test]
fn a_dropped_receive_loses_nothing() {
    records::run_live(async {
        let (one, other) = pair();
        let mut bytes = [0; 16];
        assert!(timeout(Duration::from_millis(1), other.recv_from(&mut bytes)).await.is_err());
        one.send_to(b"late", other.local_addr().unwrap()).await.unwrap();
        other.readable().await;
        assert_eq!(other.try_recv_from(&mut bytes).unwrap(), (4, one.local_addr().unwrap()));
    });
}

#[test]
fn sockets_can_be_polled_and_taken_off_the_loop() {
    records::run_live(async {
        let (one, other) = pair();
        let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        assert_eq!(poll_fn(|cx| one.poll_send_to(cx, b"polled", to)).await.unwrap(), 6);
        let mut bytes = [0; 16];
        assert_eq!(poll_fn(|cx| other.poll_recv_from(cx, &mut bytes)).await.unwrap(), (6, from));
        one.connect(to).await.unwrap();
        one.writable().await;
        assert_eq!(poll_fn(|cx| one.poll_send(cx, b"by")).await.unwrap(), 2);
        assert_eq!(poll_fn(|cx| other.poll_recv(cx, &mut bytes)).await.unwrap(), 2);
        assert_eq!(one.try_send_to(b"x", to).unwrap() + one.try_send(b"yz").unwrap(), 3);
        let other = other.into_std();
        assert_eq!(other.recv(&mut bytes).unwrap() + other.recv(&mut bytes).unwrap(), 3);
        assert_eq!(other.recv(&mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        let other = UdpSocket::from_std(other).unwrap();
        one.send(b"back").await.unwrap();
        assert_eq!(other.recv(&mut bytes).await.unwrap(), 4);
    });
}

#[test]
fn options_are_the_sockets_own() {
    records::run_live(async {
        let (one, _) = pair();
        let everybody = (Ipv4Addr::new(127, 255, 255, 255), one.local_addr().unwrap().port());
        assert!(!one.broadcast().unwrap());
        assert_eq!(one.send_to(b"x", everybody).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
        one.set_broadcast(true).unwrap();
        assert!(one.broadcast().unwrap());
        one.send_to(b"x", everybody).await.unwrap();
        one.set_ttl(7).unwrap();
        assert_eq!(one.ttl().unwrap(), 7);
        let group = Ipv4Addr::new(239, 255, 41, 42);
        one.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        assert!(one.join_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
        one.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        assert!(one.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
        assert!(one.join_multicast_v6(Ipv6Addr::LOCALHOST, 0).is_err());
        one.set_multicast_loop_v4(false).unwrap();
        one.set_multicast_ttl_v4(3).unwrap();
        let taken = UdpSocket::bind(one.local_addr().unwrap()).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        assert!(taken.to_string().starts_with("cannot bind a socket to 127.0.0.1:"), "{taken}");
    });
}

#[test]
fn pythons_asyncio_answers() {
    const ECHO: &str = "
import asyncio, sys
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, address): self.transport.sendto(data[::-1], address)
async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=('127.0.0.1', 0))
    print(transport.get_extra_info('sockname')[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
asyncio.run(main())
";
    let mut python = Command::new("python3")
        .args(["-c", ECHO])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is the other end");
    let mut port = String::new();
    BufReader::new(python.stdout.take().unwrap()).read_line(&mut port).unwrap();
    records::run_live(async {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port.trim().parse().unwrap())).await.unwrap();
        let mut bytes = vec![0; 70_000];
        for length in [1, 5, 1_000, 65_000] {
            let sent: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            socket.send(&sent).await.unwrap();
            let got = socket.recv(&mut bytes).await.unwrap();
            assert!(bytes[..got].iter().rev().eq(sent.iter()), "{got} bytes of {length}");
        }
        let too_long = socket.send(&bytes).await.unwrap_err();
        assert_eq!(too_long.raw_os_error(), Some(libc::EMSGSIZE));
    });
    drop(python.stdin.take());
    assert!(python.wait().unwrap().success());
}

/// Sends numbered datagrams until there is no room, and returns how many fitted.
fn fill(mut send: impl FnMut(&[u8]) -> io::Result<usize>) -> u32 {
    for number in 0_u32.. {
        let mut bytes = [0; 2_000];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        match send(&bytes) {
            Ok(length) => assert_eq!(length, bytes.len()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(number > 0);
                return number;
            }
        }
    }
    unreachable!("a socket without a limit")
}

/// Receives as many numbered datagrams, in order, and one more.
async fn drain(socket: &UnixDatagram, count: u32) {
    let mut bytes = [0; 2_000];
    for number in 0..count {
        assert_eq!(socket.recv(&mut bytes).await.unwrap(), bytes.len());
        assert_eq!(bytes[..4], number.to_le_bytes());
    }
    assert_eq!((socket.recv(&mut bytes).await.unwrap(), &bytes[..4]), (4, &b"last"[..]));
}

#[test]
fn a_full_pair_makes_the_sender_wait_for_room() {
    records::run_live(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let count = fill(|bytes| one.try_send(bytes));
        let sender = spawn(async move { one.send(b"last").await.map(|_| one).unwrap() });
        yield_now().await;
        let (wait, socket) = waiting(WaitKind::Write);
        assert_eq!(wait.task, sender.id().as_u64());
        let socket = socket.unwrap();
        let io = socket.io.unwrap();
        assert_eq!(socket.kind, ResourceKind::UnixDatagram);
        assert_eq!((io.writes, io.bytes_written), (u64::from(count), 2_000 * u64::from(count)));
        drain(&other, count).await;
        let one = sender.await.unwrap();
        other.send(b"").await.unwrap();
        assert_eq!(one.recv(&mut [0; 8]).await.unwrap(), 0);
        one.shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(other.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_full_receiver_makes_a_sender_without_a_connection_wait() {
    let path = Path::new("full");
    records::run_live(async {
        let receiver = UnixDatagram::bind(&path.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let count = fill(|bytes| sender.try_send_to(bytes, &path.0));
        let to = path.0.clone();
        let sending = spawn(async move {
            // Dropped while it waits, it has sent nothing.
            assert!(timeout(Duration::from_millis(5), sender.send_to(b"never", &to)).await.is_err());
            sender.send_to(b"last", &to).await.map(|_| sender)
        });
        loopscope::sleep(Duration::from_millis(20)).await;
        let (wait, _) = waiting(WaitKind::Sleep);
        assert_eq!(wait.task, sending.id().as_u64());
        drain(&receiver, count).await;
        let sender = sending.await.unwrap().unwrap();
        // A connection makes the OS tell.
        sender.connect(&path.0).unwrap();
        let count = fill(|bytes| sender.try_send(bytes));
        let sending = spawn(async move { sender.send(b"last").await });
        yield_now().await;
        assert_eq!(waiting(WaitKind::Write).0.task, sending.id().as_u64());
        drain(&receiver, count).await;
        sending.await.unwrap().unwrap();
    });
}

#[test]
fn unix_datagrams_say_who_sent_them() {
    let (one, other) = (Path::new("one"), Path::new("other"));
    records::run_live(async {
        let ours = UnixDatagram::bind(&one.0).unwrap();
        let theirs = std::os::unix::net::UnixDatagram::bind(&other.0).unwrap();
        theirs.send_to(b"hello", &one.0).unwrap();
        let mut bytes = [0; 16];
        let (length, from) = ours.recv_from(&mut bytes).await.unwrap();
        assert_eq!((&bytes[..length], from.as_pathname()), (&b"hello"[..], Some(&*other.0)));
        ours.send_to_addr(b"back", &from).await.unwrap();
        assert_eq!(theirs.recv(&mut bytes).unwrap(), 4);
        let again = UnixDatagram::bind(&one.0).unwrap_err();
        assert!(again.to_string().contains("lsd-"), "{again}");
        drop(theirs);
        assert_eq!(ours.send_to(b"x", &other.0).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ours.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(ours.local_addr().unwrap().as_pathname(), Some(&*one.0));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn datagrams_keep_their_bounds_and_their_order(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..60)) {
        let got = records::run_live(async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let sent = messages.clone();
            let sender = spawn(async move {
                for message in &sent {
                    one.send(message).await.unwrap();
                }
            });
            let mut got = Vec::new();
            for _ in 0..messages.len() {
                let mut bytes = [0; 4_000];
                let length = other.recv(&mut bytes).await.unwrap();
                got.push(bytes[..length].to_vec());
            }
            sender.await.unwrap();
            got
        });
        prop_assert_eq!(got, messages);
    }
}
