//! What the application of `demo` does all day.

use super::crew::Crew;
use super::database::Connection;
use loopscope::net::TcpStream;
use loopscope::sync::{Mutex, Queue};
use loopscope::time::{interval, sleep};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Clients of the echo server.
const CLIENTS: u64 = 4;
/// Workers on the queue.
const WORKERS: u64 = 3;
/// Jobs that the queue holds: few enough that the producer has to wait now and then.
const JOBS_MAX: usize = 4;
/// Tasks that want the lock.
const TRANSFERS: u64 = 4;
/// How often somebody writes a report.
const REPORT_EVERY: Duration = Duration::from_secs(3);
/// How long the report keeps everybody waiting: longer than what the lint `slow-poll` calls slow.
const REPORT_TAKES: Duration = Duration::from_millis(130);

/// The echo server's load: clients that talk a little, stay a while, and come again.
pub(super) async fn load(address: SocketAddr) {
    let mut group = Crew::default();
    for number in 0..CLIENTS {
        let pause = Duration::from_millis(80 + 30 * number);
        group.spawn("client", client(address, pause));
    }
    group.join().await;
}

async fn client(address: SocketAddr, pause: Duration) {
    /// Messages before a client hangs up.
    const MESSAGES: u32 = 100;
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            for _ in 0..MESSAGES {
                if talk(&stream).await.is_err() {
                    break;
                }
                sleep(pause).await;
            }
        }
        sleep(pause).await;
    }
}

async fn talk(stream: &TcpStream) -> io::Result<()> {
    stream.write_all(&[b'.'; 64]).await?;
    stream.read_exact(&mut [0; 64]).await?;
    Ok(())
}

/// A queue, its producer, and its workers.
pub(super) async fn jobs() {
    let queue = Rc::new(Queue::new(JOBS_MAX).named("jobs"));
    let mut group = Crew::default();
    for number in 0..WORKERS {
        let queue = Rc::clone(&queue);
        group.spawn("worker", async move {
            while let Ok(pages) = queue.get().await {
                sleep(Duration::from_millis(60 * pages + 20 * number)).await;
            }
        });
    }
    group.spawn("producer", async move {
        for pages in (1..=4_u64).cycle() {
            if queue.put(pages).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(45)).await;
        }
    });
    group.join().await;
}

/// Everybody wants the lock, and who has it waits for the database: a pile-up whose cause is not where it shows.
pub(super) async fn accounts(database: SocketAddr) {
    let Ok(connection) = Connection::open(database).await else { return };
    let db = Rc::new(Mutex::new(connection).named("db"));
    let mut group = Crew::default();
    for number in 0..TRANSFERS {
        let db = Rc::clone(&db);
        group.spawn("transfer", async move {
            loop {
                let connection = db.lock().await;
                if connection.ask().await.is_err() {
                    return;
                }
                drop(connection);
                sleep(Duration::from_millis(50 + 100 * number)).await;
            }
        });
    }
    group.join().await;
}

/// A heartbeat, and a report that is written without a thought for the others.
pub(super) async fn housekeeping() {
    let mut group = Crew::default();
    group.spawn("heartbeat", async {
        let mut beats = interval(Duration::from_millis(250));
        loop {
            beats.tick().await;
        }
    });
    group.spawn("report", async {
        loop {
            sleep(REPORT_EVERY).await;
            write_report();
        }
    });
    group.join().await;
}

/// Holds the loop up, as a call does that waits for a disk.
#[expect(clippy::disallowed_methods, reason = "this is the mistake that the demo shows")]
fn write_report() {
    std::thread::sleep(REPORT_TAKES);
}
