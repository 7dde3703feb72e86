#![allow(clippy::unwrap_used, reason = "test crate")]
//! Servers at Unix sockets: what is found at their paths, and what they leave there.

#[path = "support/records.rs"]
mod records;

use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener as StdListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use loopscope::net::{UnixListener, UnixStream};
use loopscope::server::{Builder, ListenError, Peer, Server, serve, start_unix_server};
use loopscope::stream::{StreamReader, StreamWriter, open_unix_connection};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loopscope-unix-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// What is in it.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Sends a line back.
async fn echo_line(
    mut reader: StreamReader<loopscope::net::ReadHalf<UnixStream>>,
    mut writer: StreamWriter<loopscope::net::WriteHalf<UnixStream>>,
) -> io::Result<()> {
    let line = reader.read_line().await?;
    writer.write_all(&line).await?;
    writer.close().await?;
    Ok(())
}

async fn server_at(path: &Path) -> io::Result<Server<UnixListener>> {
    start_unix_server(path, echo_line).await
}

async fn served(path: &Path) -> io::Result<()> {
    let (mut reader, mut writer) = open_unix_connection(path).await?;
    writer.write_all(b"hello\n").await?;
    assert_eq!(reader.read_to_end().await?, b"hello\n");
    writer.close().await?;
    Ok(())
}

async fn end(server: Server<UnixListener>) {
    server.shutdown(Duration::from_secs(30)).await;
}

#[test]
fn the_file_goes_when_the_server_is_closed() {
    let folder = Folder::new("goes");
    records::run_live(async {
        let server = server_at(&folder.socket()).await.unwrap();
        assert_eq!(server.name(), format!("server {}", folder.socket().display()));
        assert_eq!(server.local_addrs()[0].as_pathname(), Some(&*folder.socket()));
        served(&folder.socket()).await.unwrap();
        server.close();
        assert_eq!(folder.names(), [""; 0]);
        end(server).await;
        // Of a server that does not listen yet too, and of one that is dropped.
        let bound = Builder::new().start_serving(false);
        let bound = bound.start_unix_server(folder.socket(), echo_line).await.unwrap();
        assert_eq!(folder.names(), ["socket"]);
        drop(bound);
        assert_eq!(folder.names(), [""; 0]);
        loopscope::yield_now().await;
    });
}

#[test]
fn a_unix_server_serves_from_when_it_is_told_to_until_nobody_awaits_it() {
    let folder = Folder::new("told-to");
    records::run_live(async {
        let bound = Builder::new().start_serving(false);
        let server = bound.start_unix_server(folder.socket(), echo_line).await.unwrap();
        assert!(!server.is_serving());
        let refused = open_unix_connection(folder.socket()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        server.start_serving().unwrap();
        assert!(server.is_serving());
        let limit = Duration::from_secs(30);
        let client = async {
            served(&folder.socket()).await.unwrap();
            true
        };
        let outcome = loopscope::timeout(limit, async {
            loopscope::select! {
                _ = server.serve_forever() => false,
                done = client => done,
            }
        });
        assert!(outcome.await.unwrap());
        assert!(!server.is_serving());
        assert_eq!(server.local_addrs().len(), 0);
        assert!(server.serve_forever().await.unwrap_err().is_closed());
        end(server).await;
    });
}

#[test]
fn a_file_that_is_gone_is_no_harm() {
    let folder = Folder::new("gone");
    records::run_live(async {
        let server = server_at(&folder.socket()).await.unwrap();
        std::fs::remove_file(folder.socket()).unwrap();
        server.close();
        end(server).await;
    });
}

#[test]
fn a_file_that_somebody_put_in_its_place_stays() {
    let folder = Folder::new("replaced");
    records::run_live(async {
        let server = server_at(&folder.socket()).await.unwrap();
        std::fs::remove_file(folder.socket()).unwrap();
        let other = StdListener::bind(folder.socket()).unwrap();
        let inode = std::fs::metadata(folder.socket()).unwrap().ino();
        server.close();
        assert_eq!(std::fs::metadata(folder.socket()).unwrap().ino(), inode);
        drop(other);
        end(server).await;
    });
}

#[test]
fn a_file_stays_if_that_is_asked_for_or_if_it_was_made_elsewhere() {
    let folder = Folder::new("stays");
    records::run_live(async {
        let server = Builder::new().unlink_on_close(false);
        let server = server.start_unix_server(folder.socket(), echo_line).await.unwrap();
        served(&folder.socket()).await.unwrap();
        end(server).await;
        assert_eq!(folder.names(), ["socket"]);
        std::fs::remove_file(folder.socket()).unwrap();
        let server = serve(UnixListener::bind(folder.socket()).unwrap(), async |_, _| ());
        end(server).await;
        assert_eq!(folder.names(), ["socket"]);
    });
}

#[test]
fn the_file_at_a_relative_path_goes_too() {
    let folder = Folder::new("relative");
    let up: PathBuf = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect();
    let relative = up.join(folder.0.strip_prefix("/").unwrap()).join("s");
    records::run_live(async {
        let server = server_at(&relative).await.unwrap();
        assert_eq!(folder.names(), ["s"]);
        end(server).await;
        assert_eq!(folder.names(), [""; 0]);
    });
}

#[test]
fn a_socket_that_nobody_has_is_replaced() {
    let folder = Folder::new("stale");
    records::run_live(async {
        drop(StdListener::bind(folder.socket()).unwrap());
        let server = server_at(&folder.socket()).await.unwrap();
        served(&folder.socket()).await.unwrap();
        end(server).await;
        // A datagram socket's file too.
        drop(UnixDatagram::bind(folder.socket()).unwrap());
        let server = server_at(&folder.socket()).await.unwrap();
        served(&folder.socket()).await.unwrap();
        end(server).await;
        assert_eq!(folder.names(), [""; 0]);
    });
}

#[track_caller]
fn refused(result: io::Result<Server<UnixListener>>, path: &Path, kind: ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind);
    let inner = error.get_ref().unwrap().downcast_ref::<ListenError>().unwrap();
    assert_eq!(inner.at(), path.to_str().unwrap());
    let text = error.to_string();
    let start = format!("cannot listen at {}: ", path.display());
    text.strip_prefix(&start).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_socket_that_somebody_has_is_left_to_them() {
    let folder = Folder::new("in-use");
    records::run_live(async {
        let path = folder.socket();
        let server = server_at(&path).await.unwrap();
        refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        assert_eq!(server.connections(), 0, "it was not given a connection only to see that it lives");
        served(&path).await.unwrap();
        end(server).await;
        // A server that does not listen yet has it too.
        let bound = Builder::new().start_serving(false);
        let bound = bound.start_unix_server(&path, echo_line).await.unwrap();
        refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        bound.start_serving().unwrap();
        served(&path).await.unwrap();
        end(bound).await;
        let datagrams = UnixDatagram::bind(&path).unwrap();
        refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        assert_eq!(folder.names(), ["socket"]);
        drop(datagrams);
    });
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let folder = Folder::new("no-socket");
    records::run_live(async {
        let path = folder.socket();
        std::fs::write(&path, "precious").unwrap();
        let why = refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        assert_eq!(why, "there is a file that is no socket");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        std::fs::remove_dir(&path).unwrap();
        // Nor a link to a socket that nobody has.
        drop(StdListener::bind(folder.0.join("stale")).unwrap());
        symlink(folder.0.join("stale"), &path).unwrap();
        refused(server_at(&path).await, &path, ErrorKind::AddrInUse);
        assert_eq!(folder.names(), ["socket", "stale"]);
    });
}

#[test]
fn a_path_that_cannot_be_had_is_named() {
    let folder = Folder::new("nowhere");
    records::run_live(async {
        let nowhere = folder.0.join("no").join("folder");
        refused(server_at(&nowhere).await, &nowhere, ErrorKind::NotFound);
        let long = folder.0.join("x".repeat(200));
        refused(server_at(&long).await, &long, ErrorKind::InvalidInput);
        let error = Builder::new().limit(0).start_unix_server(folder.socket(), echo_line).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(folder.names(), [""; 0], "nothing was bound");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_has_no_file() {
    records::run_live(async {
        let name = PathBuf::from(format!("\0loopscope-{}", std::process::id()));
        let server = server_at(&name).await.unwrap();
        let shown = format!("@loopscope-{}", std::process::id());
        assert_eq!(server.name(), format!("server {shown}"));
        served(&name).await.unwrap();
        let error = server_at(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot listen at {shown}: ")), "{error}");
        end(server).await;
        let error = open_unix_connection(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("cannot connect to {shown}: ")), "{error}");
    });
}

#[test]
fn a_path_of_which_the_os_would_take_a_part_or_nothing_is_refused() {
    let folder = Folder::new("zero");
    records::run_live(async {
        // What the OS would take of the path below.
        let server = server_at(&folder.0.join("a")).await.unwrap();
        let cut = folder.0.join("a\0b");
        let shown = format!("{}\\0b", folder.0.join("a").display());
        let refused = |doing: &str, shown: &str, error: io::Error, why: &str| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("cannot {doing} {shown}: the path {why}"));
        };
        let why = "contains a zero byte";
        refused("connect to", &shown, open_unix_connection(&cut).await.unwrap_err(), why);
        refused("connect to", &shown, UnixStream::connect(&cut).await.unwrap_err(), why);
        refused("listen at", &shown, server_at(&cut).await.unwrap_err(), why);
        let error = UnixListener::bind(&cut).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen at {shown}: ")), "{error}");
        refused("connect to", "\"\"", open_unix_connection("").await.unwrap_err(), "is empty");
        refused("listen at", "\"\"", server_at(Path::new("")).await.unwrap_err(), "is empty");
        end(server).await;
    });
}

#[test]
fn a_peer_is_known_by_its_process() {
    let folder = Folder::new("peer");
    records::run_live(async {
        let server = Builder::new().on_error(|error| {
            let Peer::Unix(peer) = error.peer() else { panic!("{error}") };
            assert_eq!(peer.pid, std::process::id().cast_signed());
            let told = format!("connection of process {} of user {}: ", peer.pid, peer.uid);
            assert!(error.to_string().contains(&told), "{error}");
        });
        let server = server.serve_unix(folder.socket(), async |_, _| Err::<(), _>("no")).await.unwrap();
        let (mut reader, mut writer) = open_unix_connection(folder.socket()).await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        writer.abort();
        let report = server.shutdown(Duration::from_secs(30)).await;
        assert_eq!(report.to_string(), "connections: 0 ended, 0 were closed, 0 aborted, 0 failed");
    });
}

#[test]
fn clients_that_wait_for_an_end_are_closed_and_those_that_are_stuck_aborted() {
    let folder = Folder::new("ends");
    records::run_live(async {
        let server = server_at(&folder.socket()).await.unwrap();
        let (mut reader, mut writer) = open_unix_connection(folder.socket()).await.unwrap();
        writer.write_all(b"half a line").await.unwrap();
        while server.connections() == 0 {
            loopscope::yield_now().await;
        }
        server.close();
        server.close_clients();
        assert_eq!(reader.read_to_end().await.unwrap(), b"half a line");
        server.wait_closed().await;
        drop((reader, writer));

        let stuck = async |mut reader: StreamReader<_>, _writer: StreamWriter<_>| {
            let _: Result<Vec<u8>, _> = reader.read_exact(1).await;
            std::future::pending::<()>().await;
        };
        let server = Builder::new().start_unix_server(folder.socket(), stuck).await.unwrap();
        let (mut reader, mut writer) = open_unix_connection(folder.socket()).await.unwrap();
        writer.write_all(b"x").await.unwrap();
        while server.connections() == 0 {
            loopscope::yield_now().await;
        }
        let report = server.shutdown(Duration::from_millis(20)).await;
        assert_eq!((report.aborted(), report.survivors().len()), (1, 1), "{report}");
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        writer.abort();
    });
}
