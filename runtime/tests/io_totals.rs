//! What is counted by the place where descriptors were made, also when they are closed.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use loopscope::net::{TcpListener, TcpStream, UnixStream};
use loopscope::spawn;
use loopscope::telemetry::{IoTotalView, LoopReader, ResourceKind};

fn here() -> LoopReader {
    loopscope::Handle::current().reader()
}

/// The total of what was made in that line of this file.
fn total(kind: ResourceKind, line: u32) -> IoTotalView {
    let is_it = |total: &IoTotalView| {
        let place = total.made_at.and_then(|place| here().place(place));
        total.kind == kind && place.is_some_and(|place| place.line == line && place.file == file!())
    };
    here().io_totals().into_iter().find(is_it).unwrap()
}

/// Bytes read and written, as the rows of the open descriptors of a total have them.
fn open_rows(total: &IoTotalView) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    here().resources(&mut |resource| {
        if let Some(io) = resource.io.as_ref().filter(|_| resource.made_at == total.made_at) {
            sums = (sums.0 + 1, sums.1 + io.bytes_read, sums.2 + io.bytes_written);
        }
        ControlFlow::Continue(())
    });
    sums
}

#[test]
fn bytes_of_closed_connections_stay_counted_where_they_were_accepted() {
    records::run_live(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted_in = Rc::new(Cell::new(0));
        let server = {
            let accepted_in = Rc::clone(&accepted_in);
            spawn(async move {
                let mut echoes = Vec::new();
                for _ in 0..20 {
                    accepted_in.set(line!() + 1);
                    let (stream, _) = listener.accept().await.unwrap();
                    echoes.push(spawn(async move {
                        let mut bytes = [0; 64];
                        while let count @ 1.. = stream.read(&mut bytes).await.unwrap() {
                            stream.write_all(&bytes[..count]).await.unwrap();
                        }
                    }));
                }
                for echo in echoes {
                    echo.await.unwrap();
                }
            })
        };
        let made_in = line!() + 3;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        for (client, bytes) in clients.iter().zip(1_usize..) {
            client.write_all(&vec![7; bytes]).await.unwrap();
            client.read_exact(&mut vec![0; bytes]).await.unwrap();
        }
        let ours = total(ResourceKind::Tcp, made_in);
        assert_eq!((ours.opened, ours.closed, ours.bytes_read, ours.bytes_written), (20, 0, 210, 210));
        assert_eq!(open_rows(&ours), (20, 210, 210));
        // The first ten, which moved 55 bytes.
        drop(clients.drain(..10));
        let ours = total(ResourceKind::Tcp, made_in);
        assert_eq!((ours.opened, ours.closed, ours.bytes_read, ours.bytes_written), (20, 10, 210, 210));
        assert_eq!(open_rows(&ours), (10, 155, 155));
        drop(clients);
        server.await.unwrap();
        let accepted = total(ResourceKind::Tcp, accepted_in.get());
        assert_eq!((accepted.opened, accepted.closed, accepted.open()), (20, 20, 0));
        assert_eq!((accepted.bytes_read, accepted.bytes_written), (210, 210));
        // A message each, and the end of each.
        assert_eq!((accepted.reads, accepted.writes), (40, 20));
        assert_eq!(open_rows(&accepted), (0, 0, 0));
    });
}

#[test]
fn a_read_that_was_waited_for_has_a_delay_and_one_that_was_not_has_none() {
    records::run_live(async {
        let made_in = line!() + 1;
        let (ours, theirs) = UnixStream::pair().unwrap();
        let delays = || here().readiness_delay(total(ResourceKind::Unix, made_in).index).count();
        ours.write_all(b"x").await.unwrap();
        // Nobody has asked the OS yet.
        theirs.read_exact(&mut [0]).await.unwrap();
        assert_eq!(delays(), 0);
        for round in 1..=5 {
            let writer = spawn({
                let ours = std::os::fd::AsFd::as_fd(&ours).try_clone_to_owned().unwrap();
                async move { std::io::Write::write_all(&mut std::fs::File::from(ours), b"y").unwrap() }
            });
            theirs.read_exact(&mut [0]).await.unwrap();
            assert_eq!(delays(), round);
            writer.await.unwrap();
        }
    });
}

#[test]
fn whoever_reads_meanwhile_sees_sums_that_only_grow() {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel::<LoopReader>();
        let over = &over;
        let looking = scope.spawn(move || {
            let reader = receive.recv().unwrap();
            let (mut before, mut looks) = ([0; 4], 0_u64);
            while !over.load(Ordering::Relaxed) || looks == 0 {
                let totals = reader.io_totals();
                let sum = |of: fn(&IoTotalView) -> u64| totals.iter().map(of).sum::<u64>();
                let now = [
                    sum(|it| it.closed),
                    sum(|it| it.opened),
                    sum(|it| it.bytes_read),
                    sum(|it| it.bytes_written),
                ];
                assert!(now.iter().zip(&before).all(|(now, before)| now >= before), "{before:?} {now:?}");
                before = now;
                looks += 1;
            }
        });
        records::run_live(async {
            send.send(here()).unwrap();
            let made_in = line!() + 2;
            for _ in 0..2_000 {
                let (ours, theirs) = UnixStream::pair().unwrap();
                ours.write_all(b"four").await.unwrap();
                theirs.read_exact(&mut [0; 4]).await.unwrap();
            }
            let pairs = total(ResourceKind::Unix, made_in);
            assert_eq!((pairs.opened, pairs.closed), (4_000, 4_000));
            assert_eq!((pairs.bytes_read, pairs.bytes_written), (8_000, 8_000));
            over.store(true, Ordering::Relaxed);
            // Its loop must not end under the reader before it has looked once.
            while !looking.is_finished() {
                loopscope::yield_now().await;
            }
        });
        looking.join().unwrap();
    });
}
