#![allow(clippy::unwrap_used, reason = "test crate")]
//! Python's asyncio at the other end: its streams against our servers, and its servers against our streams.

#[path = "support/records.rs"]
mod records;

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use futures_util::{AsyncRead, AsyncWrite};
use loopscope::server::Builder;
use loopscope::stream::{StreamReader, StreamWriter, open_connection, open_unix_connection};
use loopscope::sync::Event;
use loopscope::{TaskGroup, timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Longer than anything here takes, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(1_000);

/// Connections to each of the two servers: 500, unless `LOOPSCOPE_TEST_CONNECTIONS` says otherwise, as under valgrind.
fn count() -> usize {
    std::env::var("LOOPSCOPE_TEST_CONNECTIONS").map_or(500, |text| text.parse().unwrap())
}

/// There are a thousand connections at once.
fn allow_many_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "python", name].iter().collect()
}

/// A path for a socket that is nobody else's.
fn socket_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("loopscope-python-{}-{name}", std::process::id()))
}

/// The checksum of zlib and Ethernet, which Python's library has too.
fn crc32(mut checksum: u32, bytes: &[u8]) -> u32 {
    checksum = !checksum;
    for byte in bytes {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            checksum = if checksum & 1 == 1 { checksum >> 1 ^ 0xedb8_8320 } else { checksum >> 1 };
        }
    }
    !checksum
}

/// What a server says at the end: a length of 8 bytes and a checksum of 4.
fn trailer(length: usize, checksum: u32) -> Vec<u8> {
    [&(length as u64).to_le_bytes()[..], &checksum.to_le_bytes()[..]].concat()
}

/// Numbers that look random and come again with the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

/// Lets nobody go on until all thousand connections stand.
#[derive(Clone, Default)]
struct AllAtOnce(Rc<(Cell<usize>, Event)>);

impl AllAtOnce {
    async fn wait(&self) {
        let (open, all_stand) = &*self.0;
        open.set(open.get() + 1);
        if open.get() == 2 * count() {
            all_stand.set();
        }
        all_stand.wait().await;
    }
}

/// Sends back what comes, then says how much that was.
async fn echo<R, W>(mut reader: StreamReader<R>, mut writer: StreamWriter<W>) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + 'static,
{
    let (mut length, mut checksum) = (0, 0);
    let mut chance = Chance(7);
    loop {
        let bytes = reader.read_some(1 + chance.below(10_000)).await?;
        if bytes.is_empty() {
            break;
        }
        length += bytes.len();
        checksum = crc32(checksum, &bytes);
        writer.write(&bytes)?;
        writer.drain().await?;
    }
    writer.write_all(&trailer(length, checksum)).await?;
    writer.close().await?;
    Ok(())
}

#[test]
fn a_thousand_clients_of_python_get_every_byte_back() {
    allow_many_descriptors();
    let path = socket_path("clients");
    records::run_live(async {
        let builder = || Builder::new().backlog(1000).on_error(|error| panic!("{error}"));
        let all = AllAtOnce::default();
        let (for_tcp, for_unix) = (all.clone(), all);
        let tcp = builder().start_server("127.0.0.1:0", move |reader, writer| {
            let all = for_tcp.clone();
            async move {
                all.wait().await;
                echo(reader, writer).await
            }
        });
        let unix = builder().start_unix_server(&path, move |reader, writer| {
            let all = for_unix.clone();
            async move {
                all.wait().await;
                echo(reader, writer).await
            }
        });
        let (tcp, unix) = (tcp.await.unwrap(), unix.await.unwrap());
        let port = tcp.local_addrs()[0].port().to_string();
        let mut python = Command::new("python3");
        python.arg(script("clients.py")).args(["1", &count().to_string(), "tcp", &port, "unix"]).arg(&path);
        let output = loopscope::to_thread(move || python.output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", 2 * count()));
        for report in [tcp.shutdown(PATIENCE).await, unix.shutdown(PATIENCE).await] {
            assert!(report.is_clean(), "{report}");
        }
        assert!(!path.exists());
    });
}

/// Sends bytes of random sizes, half-closes, and compares what comes back.
async fn exchange<R, W>(mut reader: StreamReader<R>, mut writer: StreamWriter<W>, seed: u64)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + 'static,
{
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15 ^ (seed + 1));
    let count = [0, 1, 17, 4096, 65536, chance.below(100_000)][chance.below(6)];
    let sent = chance.bytes(count);
    let sending = async {
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let (piece, next) = rest.split_at(rest.len().min(1 + chance.below(20_000)));
            writer.write(piece).unwrap();
            writer.drain().await.unwrap();
            rest = next;
        }
        writer.shutdown().await.unwrap();
    };
    let ((), got) = loopscope::join!(sending, reader.read_to_end());
    let expected = [&sent[..], &trailer(sent.len(), crc32(0, &sent))].concat();
    assert!(got.unwrap() == expected, "connection {seed}: {count} bytes came back otherwise");
    writer.close().await.unwrap();
}

#[test]
fn a_thousand_connections_to_servers_of_python_bring_every_byte_back() {
    allow_many_descriptors();
    let path = socket_path("servers");
    records::run_live(async {
        let mut python = Command::new("python3");
        python.arg(script("servers.py")).arg(&path);
        let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(python.stdout.take().unwrap());
        let (port, mut said) = loopscope::to_thread(move || {
            let mut port = String::new();
            said.read_line(&mut port).unwrap();
            (port.trim().parse::<u16>().unwrap(), said)
        })
        .await;
        let group = TaskGroup::new();
        let all = AllAtOnce::default();
        for seed in 0..2 * count() as u64 {
            let (path, all) = (path.clone(), all.clone());
            group.spawn(async move {
                if seed % 2 == 0 {
                    let (reader, writer) = open_connection(("127.0.0.1", port)).await.unwrap();
                    all.wait().await;
                    exchange(reader, writer, seed).await;
                } else {
                    let (reader, writer) = open_unix_connection(&path).await.unwrap();
                    all.wait().await;
                    exchange(reader, writer, seed).await;
                }
            });
        }
        timeout(PATIENCE, group.close()).await.unwrap().unwrap();
        drop(python.stdin.take());
        let rest = loopscope::to_thread(move || {
            let mut rest = String::new();
            said.read_to_string(&mut rest).unwrap();
            assert!(python.wait().unwrap().success());
            rest
        })
        .await;
        assert_eq!(rest, format!("{}\n", 2 * count()));
    });
    // Python before 3.13 leaves it.
    drop(std::fs::remove_file(&path));
}

/// Says half a line, and resets its connection.
const RUDE: &str = "
import socket, struct, sys
client = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
client.sendall(b'half a li')
client.recv(1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
client.close()
";

#[test]
fn a_client_of_python_that_resets_in_the_middle_of_a_line_fails_its_own_connection_only() {
    records::run_live(async {
        let failures = Rc::new(Cell::new(0));
        let noted = Rc::clone(&failures);
        let handler =
            async |mut reader: StreamReader<_>, mut writer: StreamWriter<_>| -> std::io::Result<()> {
                reader.fill_buf().await?;
                writer.write_all(b"!").await?;
                let line: Vec<u8> = reader.read_line().await?;
                writer.write_all(&line).await?;
                writer.close().await?;
                Ok(())
            };
        let server = Builder::new()
            .on_error(move |error| {
                assert!(error.to_string().contains("Connection reset by peer"), "{error}");
                noted.set(noted.get() + 1);
            })
            .start_server("127.0.0.1:0", handler)
            .await
            .unwrap();
        let port = server.local_addrs()[0].port();
        let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).await.unwrap();
        writer.write_all(b"hello ").await.unwrap();
        assert_eq!(reader.read_exact(1).await.unwrap(), b"!");
        let mut python = Command::new("python3");
        python.args(["-c", RUDE, &port.to_string()]);
        assert!(loopscope::to_thread(move || python.status()).await.unwrap().success());
        while server.connections() == 2 {
            loopscope::sleep(Duration::from_millis(1)).await;
        }
        writer.write_all(b"world\n").await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"hello world\n");
        writer.close().await.unwrap();
        let report = server.shutdown(PATIENCE).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(failures.get(), 1);
    });
}
