//! The echo server as a person runs it: as a process of its own.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A running echo server.
struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_echo_server"))
            .args(arguments)
            .env("LOOPSCOPE_INSPECT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The next line, without what it begins with.
    fn line(&mut self, start: &str) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end()
            .strip_prefix(start)
            .unwrap_or_else(|| panic!("{line:?} instead of {start:?}"))
            .to_owned()
    }

    fn interrupt(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path for a socket, short enough for one.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("lse-{}-{name}", std::process::id()))
}

/// Sends and checks that the same comes back.
fn check_echo(mut stream: impl std::io::Read + Write, message: &[u8]) {
    stream.write_all(message).unwrap();
    let mut back = vec![0; message.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, message);
}

#[test]
fn the_echo_server_says_how_to_look_into_it_and_echoes_over_tcp() {
    let mut server = Server::start(&[]);
    let address = server.line("listening on ");
    assert!(!address.ends_with(":0"), "{address}: the port that it got, not the one it asked for");
    let pid = server.child.id();
    assert_eq!(server.line(""), format!("pid {pid}: loopscope attach {pid}"));
    check_echo(TcpStream::connect(&address).unwrap(), b"hello");
}

#[test]
fn many_clients_are_served_at_once() {
    let mut server = Server::start(&["--tcp", "127.0.0.1:0"]);
    let address = server.line("listening on ");
    let mut clients: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    // In the opposite order, so that nobody is served only because it was first.
    for client in clients.iter_mut().rev() {
        check_echo(client, b"x");
    }
}

#[test]
fn a_message_larger_than_any_buffer_comes_back_whole() {
    let mut server = Server::start(&[]);
    let stream = TcpStream::connect(server.line("listening on ")).unwrap();
    let message: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut writer = stream.try_clone().unwrap();
    let expected = message.clone();
    let sender = std::thread::spawn(move || {
        writer.write_all(&message).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    (&stream).read_to_end(&mut back).unwrap();
    sender.join().unwrap();
    assert!(back == expected, "{} bytes of {}", back.len(), expected.len());
}

#[test]
fn ctrl_c_stops_it_and_removes_its_socket() {
    let path = socket("stop");
    let mut server = Server::start(&["--unix", path.to_str().unwrap()]);
    assert_eq!(server.line("listening on "), path.to_str().unwrap());
    server.line("pid ");
    check_echo(UnixStream::connect(&path).unwrap(), b"over a Unix socket");
    let status = server.interrupt();
    assert!(!path.exists(), "{status}");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_echo_server"))
        .args(["--tcp", &address])
        .env("LOOPSCOPE_INSPECT", "0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("cannot listen on {address}")));
}

#[test]
fn wrong_usage_is_2() {
    let output = Command::new(env!("CARGO_BIN_EXE_echo_server"))
        .arg("4000")
        .env("LOOPSCOPE_INSPECT", "0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("usage: echo_server"));
}
