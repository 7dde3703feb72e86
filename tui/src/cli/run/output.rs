//! What the program writes while the terminal shows the picture: kept, up to a limit, and written afterwards.
//!
//! Before and after that it goes straight through, each stream to its own. Of more than is kept the beginning is thrown away, since
//! the end is what explains an end; how much that was is said.

use super::super::perform::say;
use loopscope_inspector::model::words;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is kept: a good deal more than one reads, a good deal less than one notices.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// What one read may bring.
const READ_BYTES_MAX: usize = 16 << 10;

/// How long the end of the output is waited for once the program has ended: another program may hold it open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

#[derive(Debug, Default)]
struct Kept {
    keeping: bool,
    pieces: VecDeque<(Stream, Vec<u8>)>,
    bytes: usize,
    lost: u64,
}

impl Kept {
    fn push(&mut self, stream: Stream, piece: &[u8]) {
        match self.pieces.back_mut() {
            Some((last, bytes)) if *last == stream && bytes.len() + piece.len() <= READ_BYTES_MAX => {
                bytes.extend_from_slice(piece);
            }
            _ => self.pieces.push_back((stream, piece.to_vec())),
        }
        self.bytes += piece.len();
        while self.bytes > KEPT_BYTES_MAX
            && let Some((_, first)) = self.pieces.pop_front()
        {
            self.bytes -= first.len();
            self.lost += first.len() as u64;
        }
    }
}

/// The two streams, read by a thread each.
#[derive(Debug)]
pub(super) struct Output {
    kept: Arc<Mutex<Kept>>,
    readers: [JoinHandle<()>; 2],
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // Nothing in here panics half way through a change.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Output {
    /// Reads both streams, and lets them through.
    ///
    /// # Errors
    ///
    /// If there is no thread.
    pub(super) fn take(stdout: ChildStdout, stderr: ChildStderr) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let readers =
            [read(stdout, Stream::Out, Arc::clone(&kept))?, read(stderr, Stream::Err, Arc::clone(&kept))?];
        Ok(Self { kept, readers })
    }

    /// Keeps what comes from now on.
    pub(super) fn keep(&self) {
        lock(&self.kept).keeping = true;
    }

    /// Writes what was kept, and from now on what comes.
    pub(super) fn let_through(&self) {
        let mut kept = lock(&self.kept);
        kept.keeping = false;
        let lost = std::mem::take(&mut kept.lost);
        if lost > 0 {
            say(&format!("of the program's output the first {} were not kept", words::bytes(lost)));
        }
        kept.bytes = 0;
        for (stream, piece) in std::mem::take(&mut kept.pieces) {
            write(stream, &piece);
        }
    }

    /// Waits for the end of both streams, though not for ever.
    #[expect(clippy::disallowed_methods, reason = "no loop runs here any more")]
    pub(super) fn finish(self) {
        const PAUSE: Duration = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while self.readers.iter().any(|reader| !reader.is_finished()) && waited < LAST_WORDS {
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }
}

fn read(
    mut from: impl Read + Send + 'static,
    stream: Stream,
    kept: Arc<Mutex<Kept>>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("output".into()).spawn(move || {
        let mut bytes = vec![0; READ_BYTES_MAX];
        loop {
            let piece = match from.read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => &bytes[..read],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let mut kept = lock(&kept);
            if kept.keeping {
                kept.push(stream, piece);
            } else {
                // With the lock held, so that what was kept comes before what came later.
                write(stream, piece);
            }
        }
    })
}

/// Nobody may be there to read it; the program is not ended for that.
fn write(stream: Stream, piece: &[u8]) {
    let _ = match stream {
        Stream::Out => io::stdout().write_all(piece).and_then(|()| io::stdout().flush()),
        Stream::Err => io::stderr().write_all(piece),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_are_kept_in_the_order_in_which_they_came() {
        let mut kept = Kept::default();
        for (stream, text) in [(Stream::Out, "a"), (Stream::Out, "b"), (Stream::Err, "c"), (Stream::Out, "d")]
        {
            kept.push(stream, text.as_bytes());
        }
        let pieces: Vec<_> = kept.pieces.into_iter().collect();
        assert_eq!(
            pieces,
            [(Stream::Out, b"ab".to_vec()), (Stream::Err, b"c".to_vec()), (Stream::Out, b"d".to_vec())]
        );
    }

    #[test]
    fn more_than_the_limit_loses_its_beginning_and_says_how_much() {
        let mut kept = Kept::default();
        let piece = vec![b'x'; READ_BYTES_MAX];
        let pieces = KEPT_BYTES_MAX / READ_BYTES_MAX;
        for _ in 0..pieces + 3 {
            kept.push(Stream::Out, &piece);
        }
        kept.push(Stream::Err, b"last words");
        assert!(kept.bytes <= KEPT_BYTES_MAX);
        assert_eq!(kept.lost, 4 * READ_BYTES_MAX as u64);
        assert_eq!(kept.pieces.back(), Some(&(Stream::Err, b"last words".to_vec())));
    }
}
