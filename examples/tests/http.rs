//! The web server as a person runs it: as a process of its own, asked over a plain socket.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_http"))
            .env("LOOPSCOPE_INSPECT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, out, address: String::new() };
        let line = server.line();
        line.strip_prefix("listening on ").unwrap().clone_into(&mut server.address);
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a request on a connection of its own.
    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        stream
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        answer(self.ask(path))
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn it_says_where_it_is_and_answers_on_every_route() {
    let mut server = Server::start();
    let pid = server.child.id();
    assert_eq!(server.line(), format!("pid {pid}: loopscope attach {pid}"));
    let address = server.address.clone();
    assert!(server.line().starts_with(&format!("curl http://{address}/ ")));
    assert_eq!(server.get("/"), (200, "Hello from a loop that you can look into.\n".into()));
    // FNV-1a of zeros is the offset times a power of the prime.
    let expected = 0xcbf2_9ce4_8422_2325_u64.wrapping_mul(0x0100_0000_01b3_u64.wrapping_pow(10_000_000));
    assert_eq!(server.get("/hash"), (200, format!("{expected:016x}\n")));
    assert_eq!(server.get("/slow"), (200, "That took a second.\n".into()));
    assert_eq!(server.get("/state"), (200, r#"{"requests":4,"slow":0}"#.into()));
    assert_eq!(server.get("/nowhere").0, 404);
}

#[test]
fn an_interrupt_lets_the_request_under_way_be_answered() {
    let mut server = Server::start();
    let slow = server.ask("/slow");
    // It has arrived when the server counts it.
    while !server.get("/state").1.contains(r#""slow":1"#) {}
    server.interrupt();
    assert_eq!(answer(slow), (200, "That took a second.\n".into()));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    server.out.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("stopped: every task came to its end\n"), "{rest}");
    assert!(TcpStream::connect(&server.address).is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "no loop runs here; it only bounds a test that fails")]
fn a_request_whose_client_breaks_off_is_no_longer_under_way() {
    let server = Server::start();
    let slow = server.ask("/slow");
    while !server.get("/state").1.contains(r#""slow":1"#) {}
    drop(slow);
    // Far more than it takes.
    let patience = Instant::now() + Duration::from_secs(30);
    while !server.get("/state").1.contains(r#""slow":0"#) {
        assert!(Instant::now() < patience, "it is counted for ever");
    }
}
