//! The file that a process leaves when it comes to a bad end: messages of the wire, one after the other.
//!
//! ```text
//!   "loopscope post mortem 1\n"    what it is, and its version
//!   kind  length  message          one byte, four bytes (little-endian), as many bytes as they say
//!   …                              0 how it ended   1 HelloReply   2 Part   3 HistogramsPart   4 StackReply   5 LogsPart
//!   255   0                        the end: a file without it was cut off
//! ```
//!
//! A file may come from anybody: every length is bounded before anything is allocated for it, every message is decoded as if it came
//! over a socket. Kinds that this build does not know are skipped, since a newer one may have more to say.

use super::assembly::Assembly;
use super::decode::DecodeError;
use super::limits::{MESSAGE_BYTES_MAX, cut};
use super::picture::Picture;
use super::proto;
use prost::Message;
use std::fmt;
use std::io::{self, Read, Write};

/// What a file begins with, up to the version.
const MAGIC: &[u8] = b"loopscope post mortem ";

/// The version that is written, and the only one that is read.
const VERSION: &[u8] = b"1\n";

/// A file is not written, and not read, beyond this.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// One message; most are a tenth of this.
const RECORD_BYTES_MAX: usize = 4 << 20;

/// The end of the file.
const END: u8 = 255;

/// One message of a file.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Record {
    /// How the process ended, in words. Comes first.
    Ended(String),
    /// The process.
    Hello(proto::HelloReply),
    /// A part of its last picture.
    Part(proto::Part),
    /// A part of its histograms.
    Histograms(proto::HistogramsPart),
    /// The stacks of its loops.
    Stacks(proto::StackReply),
    /// A part of its log.
    Logs(proto::LogsPart),
}

impl Record {
    fn encode(self) -> (u8, Vec<u8>) {
        match self {
            Self::Ended(words) => (0, words.into_bytes()),
            Self::Hello(message) => (1, message.encode_to_vec()),
            Self::Part(message) => (2, message.encode_to_vec()),
            Self::Histograms(message) => (3, message.encode_to_vec()),
            Self::Stacks(message) => (4, message.encode_to_vec()),
            Self::Logs(message) => (5, message.encode_to_vec()),
        }
    }
}

/// Writes a file.
#[derive(Debug)]
pub struct FileWriter<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> FileWriter<W> {
    /// Begins it.
    ///
    /// # Errors
    ///
    /// What the OS says.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(VERSION)?;
        Ok(Self { out, bytes: (MAGIC.len() + VERSION.len()) as u64 })
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// What the OS says; [`FileTooLarge`](io::ErrorKind::FileTooLarge) if the file would be larger than one may be.
    pub fn add(&mut self, record: Record) -> io::Result<()> {
        let (kind, message) = record.encode();
        self.bytes += message.len() as u64 + 5;
        if message.len() > RECORD_BYTES_MAX || self.bytes > FILE_BYTES_MAX - 5 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a post mortem of more than 64 MiB"));
        }
        self.put(kind, &message)
    }

    /// Ends it, and hands back what it was written to.
    ///
    /// # Errors
    ///
    /// What the OS says.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(END, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, kind: u8, message: &[u8]) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(message)
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// How the process ended, in words.
    pub ended: String,
    /// The process.
    pub hello: proto::HelloReply,
    /// Its last picture.
    pub picture: Picture,
    /// Its histograms, in parts.
    pub histograms: Vec<proto::HistogramsPart>,
    /// The stacks of its loops, if they could be taken.
    pub stacks: Option<proto::StackReply>,
    /// Its log, in parts.
    pub logs: Vec<proto::LogsPart>,
}

/// Why a file cannot be read as a post mortem.
#[derive(Debug)]
pub enum FileError {
    /// It is something else.
    Foreign,
    /// It is one of another version.
    Version(String),
    /// It ends before its end.
    CutOff,
    /// It is larger than one may be.
    TooLarge,
    /// It has no picture.
    Empty,
    /// A message in it makes no sense.
    Damaged(DecodeError),
    /// The OS does not let it be read.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is neither a socket nor a post mortem of Loopscope"),
            Self::Version(version) => {
                write!(f, "it is a post mortem of version {version}, and this program reads version 1")
            }
            Self::CutOff => f.write_str("it is a post mortem that was cut off: it ends in the middle"),
            Self::TooLarge => f.write_str("it has more than the 64 MiB that a post mortem may have"),
            Self::Empty => f.write_str("it is a post mortem without a picture"),
            Self::Damaged(error) => write!(f, "it is a damaged post mortem: {error}"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<DecodeError> for FileError {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error)
    }
}

impl From<prost::DecodeError> for FileError {
    fn from(_: prost::DecodeError) -> Self {
        Self::Damaged(DecodeError::new("a message that cannot be decoded"))
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Io(error),
        }
    }
}

impl Contents {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it is none, is cut off, is too large or makes no sense.
    pub fn read(input: impl Read) -> Result<Self, FileError> {
        let mut input = input.take(FILE_BYTES_MAX + 1);
        begin(&mut input)?;
        let mut contents = Self::default();
        let mut assembly = Assembly::new();
        let mut whole = None;
        loop {
            let mut head = [0; 5];
            input.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            if kind == END {
                break;
            }
            if length > RECORD_BYTES_MAX || input.limit() < length as u64 {
                return Err(FileError::TooLarge);
            }
            // Grows with what is there, not with what is promised.
            let mut message = Vec::new();
            (&mut input).take(length as u64).read_to_end(&mut message)?;
            if message.len() < length {
                return Err(FileError::CutOff);
            }
            if let Some(picture) = contents.add(kind, &message, &mut assembly)? {
                whole = Some(picture);
            }
        }
        contents.picture = whole.ok_or(FileError::Empty)?;
        Ok(contents)
    }

    fn add(
        &mut self,
        kind: u8,
        message: &[u8],
        assembly: &mut Assembly,
    ) -> Result<Option<Picture>, FileError> {
        match kind {
            0 => {
                self.ended = String::from_utf8_lossy(message).into_owned();
                cut(&mut self.ended, MESSAGE_BYTES_MAX);
            }
            1 => self.hello = Message::decode(message)?,
            2 => return Ok(assembly.add(Message::decode(message)?)?),
            3 => self.histograms.push(Message::decode(message)?),
            4 => self.stacks = Some(Message::decode(message)?),
            5 => self.logs.push(Message::decode(message)?),
            _ => {}
        }
        Ok(None)
    }
}

/// Reads the first line.
fn begin(input: &mut impl Read) -> Result<(), FileError> {
    let mut magic = Vec::new();
    input.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic != MAGIC {
        return Err(FileError::Foreign);
    }
    let mut version = Vec::new();
    input.take(VERSION.len() as u64).read_to_end(&mut version)?;
    match version.as_slice() {
        VERSION => Ok(()),
        version if version.len() < VERSION.len() => Err(FileError::CutOff),
        version => {
            Err(FileError::Version(String::from_utf8_lossy(version).trim_end().escape_debug().to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::{Process, Task};
    use crate::wire::{Heading, Parts, Row, Table, TableInfo};
    use proptest::prelude::*;

    fn file() -> Vec<u8> {
        let table = TableInfo { table: Table::Tasks, total: 2, shown: 2, dropped: 0, offset: 0 };
        let process = Process { pid: 7, ..Process::default() };
        let mut parts = Parts::new(1, Heading { process, tables: vec![table], ..Heading::default() });
        for id in 1..=2 {
            assert!(parts.push(Row::Task(Task { id, ..Task::default() })).is_none());
        }
        let mut writer = FileWriter::new(Vec::new()).unwrap();
        writer.add(Record::Ended("SIGSEGV".to_owned())).unwrap();
        writer.add(Record::Hello(proto::HelloReply::default())).unwrap();
        writer.add(Record::Part(parts.finish())).unwrap();
        writer.finish().unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        Contents::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_is_read() {
        let contents = Contents::read(file().as_slice()).unwrap();
        assert_eq!(contents.ended, "SIGSEGV");
        let ids: Vec<u64> = contents.picture.snapshot.tasks.unwrap().iter().map(|task| task.id).collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!(contents.picture.snapshot.processes[0].pid, 7);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_says_so() {
        let file = file();
        for end in MAGIC.len()..file.len() {
            assert_eq!(
                refusal(&file[..end]),
                "it is a post mortem that was cut off: it ends in the middle",
                "{end}"
            );
        }
        for end in 0..MAGIC.len() {
            assert_eq!(refusal(&file[..end]), "it is neither a socket nor a post mortem of Loopscope");
        }
    }

    #[test]
    fn what_is_unknown_is_skipped_and_what_is_impossible_refused() {
        let mut file = file();
        let end = file.len() - 5;
        file.splice(end..end, [99, 2, 0, 0, 0, b'h', b'i']);
        assert_eq!(Contents::read(file.as_slice()).unwrap().ended, "SIGSEGV");
        file.splice(end..end, [2, 255, 255, 255, 255]);
        assert_eq!(refusal(&file), "it has more than the 64 MiB that a post mortem may have");
        let newer = b"loopscope post mortem 2\n";
        assert_eq!(refusal(newer), "it is a post mortem of version 2, and this program reads version 1");
        let empty = [MAGIC, VERSION, &[END, 0, 0, 0, 0]].concat();
        assert_eq!(refusal(&empty), "it is a post mortem without a picture");
    }

    #[test]
    fn a_file_becomes_no_larger_than_it_may() {
        let mut writer = FileWriter::new(io::sink()).unwrap();
        let record = || Record::Ended("x".repeat(RECORD_BYTES_MAX));
        let full = (0..20).find(|_| writer.add(record()).is_err());
        assert_eq!(full, Some(15), "and not a sixteenth of 4 MiB, with what is around them");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0_usize..200, value: u8, rest in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = file();
            let at = at % bytes.len();
            bytes[at] = value;
            // What it is found to be is another test's; that it is found is this one's.
            drop(Contents::read(bytes.as_slice()));
            bytes.truncate(at);
            bytes.extend(rest);
            drop(Contents::read(bytes.as_slice()));
        }
    }
}
