//! What the application of `demo` does all day.

use super::database::Connection;
use loopscope::TaskGroup;
use loopscope::group::GroupError;
use loopscope::net::TcpStream;
use loopscope::sync::{Mutex, Queue};
use loopscope::time::{interval, sleep};
use std::error::Error;
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
/// How often something is packed.
const PACK_EVERY: Duration = Duration::from_millis(700);
/// How long that takes, on a thread where it holds nobody up.
const PACKING_TAKES: Duration = Duration::from_millis(400);

/// The echo server's load: clients that talk a little, stay a while, and come again.
pub(super) async fn load(address: SocketAddr) -> Result<(), GroupError> {
    let group = TaskGroup::named("clients");
    for number in 0..CLIENTS {
        let pause = Duration::from_millis(80 + 30 * number);
        group.spawn_named("client", client(address, pause));
    }
    group.close().await
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
pub(super) async fn jobs() -> Result<(), GroupError> {
    let queue = Rc::new(Queue::new(JOBS_MAX).named("jobs"));
    let group = TaskGroup::named("jobs");
    for number in 0..WORKERS {
        let queue = Rc::clone(&queue);
        group.spawn_named("worker", async move {
            while let Ok(pages) = queue.get().await {
                sleep(Duration::from_millis(60 * pages + 20 * number)).await;
            }
        });
    }
    group.spawn_named("producer", async move {
        for pages in (1..=4_u64).cycle() {
            if queue.put(pages).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(45)).await;
        }
    });
    group.close().await
}

/// Everybody wants the lock, and who has it waits for the database: a pile-up whose cause is not where it shows.
pub(super) async fn accounts(database: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    let db = Rc::new(Mutex::new(Connection::open(database).await?).named("db"));
    let group = TaskGroup::named("transfers");
    for number in 0..TRANSFERS {
        let db = Rc::clone(&db);
        group.spawn_named("transfer", async move {
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
    Ok(group.close().await?)
}

/// A heartbeat, work that blocks where it may, and a report that is written without a thought for the others.
pub(super) async fn housekeeping() -> Result<(), GroupError> {
    let group = TaskGroup::named("housekeeping");
    group.spawn_named("heartbeat", async {
        let mut beats = interval(Duration::from_millis(250));
        loop {
            beats.tick().await;
        }
    });
    group.spawn_named("report", async {
        loop {
            sleep(REPORT_EVERY).await;
            hold_up(REPORT_TAKES);
        }
    });
    group.spawn_named("archive", async {
        loop {
            sleep(PACK_EVERY).await;
            let packing = loopscope::blocking::Builder::new().name("pack").spawn(|| hold_up(PACKING_TAKES));
            if packing.await.is_err() {
                return;
            }
        }
    });
    group.close().await
}

/// Holds its thread up, as a call does that waits for a disk: the loop, which is the mistake that the demo shows, or a
/// thread made for it.
#[expect(clippy::disallowed_methods, reason = "there is no disk to wait for")]
fn hold_up(duration: Duration) {
    std::thread::sleep(duration);
}
