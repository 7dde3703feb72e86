//! The native stacks of the loops' threads in the last picture, taken on a thread of their own while the rest is written: names take
//! a while, and a stack that does not come must not cost the file.

use crate::agent::stack;
use crate::model::NativeStack;
use crate::wire::{self, proto};
use loopscope::debug::fatal::End;
use loopscope::telemetry::{LoopReader, loops};
use loopscope::time::Instant;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long they may take, from the beginning of the picture: the process waits three seconds for all of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Said of a loop whose stack did not come in that time.
const LATE: &str = "its stack was not there before the process ended";

/// Said of the thread that got the signal.
const SIGNALLED: &str = "this thread got the signal that ended the process; a core dump has its stack";

/// The stacks that are being taken.
#[derive(Debug)]
pub(super) struct Stacks {
    taken: Receiver<NativeStack>,
    until: Instant,
    /// One of each loop; without frames until it has come.
    all: Vec<NativeStack>,
}

impl Stacks {
    /// Begins to take those of all loops that are shown. `None` where the OS refuses the thread.
    ///
    /// A thread that got a fatal signal waits on its alternate stack, which may have no room for the frame of another signal:
    /// it is left alone.
    pub(super) fn begin(end: &End) -> Option<Self> {
        let is_left_alone = |stack: &NativeStack| match end {
            End::Signal { tid, .. } => stack.tid.is_some_and(|of| of == *tid),
            _ => false,
        };
        let until = Instant::now() + PATIENCE;
        let shown: Vec<(LoopReader, NativeStack)> = loops()
            .into_iter()
            .filter_map(|reader| {
                let heading = stack::heading(&reader)?;
                let note = if is_left_alone(&heading) { SIGNALLED } else { LATE };
                Some((reader, NativeStack { note: Some(note.to_owned()), ..heading }))
            })
            .take(wire::limits::STACKS_MAX)
            .collect();
        let due = shown.iter().filter(|(_, stack)| !is_left_alone(stack));
        let readers: Vec<LoopReader> = due.map(|(reader, _)| *reader).collect();
        let all = shown.into_iter().map(|(_, stack)| stack).collect();
        let (send, taken) = mpsc::channel();
        let take = move || {
            for stack in readers.iter().filter_map(stack::of_loop) {
                // Whoever waited has given up, and the process ends.
                let _ = send.send(stack);
            }
        };
        thread::Builder::new().name("loopscope-stacks".to_owned()).spawn(take).ok()?;
        Some(Self { taken, until, all })
    }

    /// What has come, after as much of the time as it takes.
    pub(super) fn reply(&mut self) -> proto::StackReply {
        while let Ok(stack) = self.taken.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            if let Some(place) = self.all.iter_mut().find(|known| known.loop_id == stack.loop_id) {
                *place = stack;
            }
        }
        wire::encode_stacks(self.all.clone())
    }
}
