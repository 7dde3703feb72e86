//! Servers that are no agents, or not good ones: just as much of each protocol as it takes to tell them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// How a call is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With one message and success.
    Message(Vec<u8>),
    /// With an error: its gRPC code and its words.
    Error(u8, &'static str),
    /// With the beginning of a stream.
    Stream,
}

/// Serves each connection so, until the test ends.
pub(crate) fn serve(path: &Path, server: impl Fn(UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(server));
}

/// Says something and then listens.
pub(crate) fn says(text: &'static str) -> impl Fn(UnixStream) + Send + 'static {
    move |mut stream| {
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// Answers the first call, the second, and so on, each as it is told.
pub(crate) fn grpc(answers: Vec<Answer>) -> impl Fn(UnixStream) + Send + 'static {
    move |mut stream| {
        let _ = speak_http2(&mut stream, &answers);
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn speak_http2(stream: &mut UnixStream, answers: &[Answer]) -> std::io::Result<()> {
    stream.read_exact(&mut [0; b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()])?;
    frame(stream, SETTINGS, 0, 0, &[])?;
    let mut answers = answers.iter();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(stream, SETTINGS, ACK, 0, &[])?,
            PING if flags & ACK == 0 => frame(stream, PING, ACK, 0, &payload)?,
            HEADERS => answer(stream, id, answers.next())?,
            _ => {}
        }
    }
}

fn answer(stream: &mut UnixStream, id: u32, answer: Option<&Answer>) -> std::io::Result<()> {
    /// `:status: 200`, in the table that every HTTP/2 program has.
    const OK: u8 = 0x88;
    let mut head = vec![OK];
    header(&mut head, "content-type", "application/grpc");
    match answer {
        Some(Answer::Message(message)) => {
            frame(stream, HEADERS, END_HEADERS, id, &head)?;
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            frame(stream, DATA, 0, id, &[&[0], &length[..], message].concat())?;
            let mut end = Vec::new();
            header(&mut end, "grpc-status", "0");
            frame(stream, HEADERS, END_HEADERS | END_STREAM, id, &end)
        }
        Some(Answer::Error(code, words)) => {
            header(&mut head, "grpc-status", &code.to_string());
            header(&mut head, "grpc-message", words);
            frame(stream, HEADERS, END_HEADERS | END_STREAM, id, &head)
        }
        Some(Answer::Stream) => frame(stream, HEADERS, END_HEADERS, id, &head),
        None => Ok(()),
    }
}

/// A header that is in no table, spelt out.
fn header(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.as_bytes());
    }
}

fn frame(stream: &mut UnixStream, kind: u8, flags: u8, id: u32, payload: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
    stream.write_all(&[&head[..], payload].concat())
}

/// The handshake of an agent that speaks these protocols; without one that both speak if `agreed` is absent.
pub(crate) fn hello(min: u8, max: u8, agreed: Option<u8>) -> Answer {
    /// The process: a message in field 7, with nothing in it.
    const PROCESS: [u8; 2] = [7 << 3 | 2, 0];
    let varint = |field: u8, value: u8| vec![field << 3, value];
    let mut message = [varint(1, min), varint(2, max)].concat();
    message.extend(agreed.map(|agreed| varint(3, agreed)).unwrap_or_default());
    message.extend(PROCESS);
    Answer::Message(message)
}
