//! Streams with buffers: readers with a limit, writers with water marks, and connections made of both.
//!
//! A [`StreamReader`] and a [`StreamWriter`] go around anything that is `futures_io::AsyncRead` or `AsyncWrite`.
//!
//! Nothing is lost here: a read that is dropped leaves what it had read in the reader, a line that is too long stays there, and a
//! write that was begun is finished by the writer's flusher.

mod connection;
mod error;
mod inbox;
mod lines;
mod outbox;
mod reader;
mod reading;
mod sending;
mod separators;
mod writer;

pub use connection::{Connection, TcpPair, UnixPair, open_connection, open_unix_connection};
pub use error::{
    IncompleteRead, InvalidMarks, LimitOverrun, NotUtf8, ReadError, StreamFailed, WriteAfterClose,
    WriteError, ZeroLimit,
};
pub use lines::Lines;
pub use reader::{LIMIT_DEFAULT, StreamReader};
pub use separators::Separators;
pub use writer::StreamWriter;
