//! A loop on a thread of its own that does something it should not, looked at from the test's thread.

#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use loopscope::debug::{NativeStack, native_stack};
use loopscope::telemetry::LoopReader;
use loopscope::{Handle, Runner};

/// How long a state is waited for, on a machine however slow.
const LONG: Duration = Duration::from_secs(600);

/// The loop and its thread.
pub(crate) struct Stuck {
    reader: LoopReader,
    thread: Option<JoinHandle<()>>,
}

impl Stuck {
    /// Runs `stuck` in a task.
    pub(crate) fn in_task(stuck: impl FnOnce() + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut runner = Runner::builder().build().unwrap();
            let ran = runner.block_on(async move {
                tell.send(Handle::current().reader()).unwrap();
                loopscope::spawn(async move { stuck() }).await.unwrap();
            });
            ran.unwrap();
        });
        Self { reader: told.recv().unwrap(), thread: Some(thread) }
    }

    pub(crate) fn reader(&self) -> &LoopReader {
        &self.reader
    }

    /// The first stack that is as it should be.
    #[track_caller]
    pub(crate) fn stack_when(&self, is_right: impl Fn(&NativeStack) -> bool) -> NativeStack {
        let began = Instant::now();
        loop {
            let taken = native_stack(&self.reader);
            match &taken {
                Ok(stack) if is_right(stack) => return stack.clone(),
                _ if began.elapsed() > LONG => panic!("{taken:#?}"),
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        // A test that fails leaves its loop stuck.
        if !thread::panicking()
            && let Some(thread) = self.thread.take()
        {
            assert!(thread.join().is_ok(), "the loop's thread panicked");
        }
    }
}
