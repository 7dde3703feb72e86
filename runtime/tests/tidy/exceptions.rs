//! The lists of what may break a rule, each entry with its reason. An entry that is no longer needed is a finding.

use crate::{Finding, Source};

/// A file and why it may.
pub(crate) struct Exception {
    pub(crate) path: &'static str,
    pub(crate) reason: &'static str,
}

/// Files that may have more than 500 code lines.
pub(crate) const LONG: &[Exception] = &[];

/// Files that may say `unsafe`. Each also carries `#![allow(unsafe_code, reason = "…")]`.
pub(crate) const UNSAFE: &[Exception] = &[
    Exception {
        path: "runtime/src/event_loop/current.rs",
        reason: "the thread's loop is a pointer to a slot that is never freed",
    },
    Exception {
        path: "runtime/src/event_loop/slot.rs",
        reason: "loop slots are shared between the loop's thread and readers",
    },
    Exception {
        path: "runtime/tests/native_stack_stress.rs",
        reason: "loads and unloads libraries while stacks are taken",
    },
    Exception {
        path: "runtime/tests/native_stack_refusals.rs",
        reason: "signals, their masks and filters of system calls are what these tests are about",
    },
    Exception { path: "runtime/src/debug/stack/native/gate.rs", reason: "loom's cells, in its models" },
    Exception {
        path: "runtime/src/debug/stack/native/sample.rs",
        reason: "a signal handler copies the registers and the stack of the thread it interrupts",
    },
    Exception {
        path: "runtime/src/debug/stack/native/signal.rs",
        reason: "a signal's disposition, and the signal itself",
    },
    Exception {
        path: "runtime/src/debug/stack/native/target.rs",
        reason: "asks for the bounds of the thread's own stack",
    },
    Exception {
        path: "runtime/src/blocking/pool.rs",
        reason: "pools are made once and never freed, and a fork leaves them behind",
    },
    Exception {
        path: "runtime/src/telemetry/job.rs",
        reason: "marks types as readable from zeroed pages, and a table as shared under a lock",
    },
    Exception {
        path: "runtime/src/telemetry/pool_record.rs",
        reason: "marks types as readable from zeroed pages, and texts as shared under a lock",
    },
    Exception { path: "runtime/src/net/unix.rs", reason: "asks the OS who is at the other end" },
    Exception {
        path: "runtime/src/process/system.rs",
        reason: "signals by pidfd, and steps between fork and exec",
    },
    Exception {
        path: "runtime/src/io/source/source_ref.rs",
        reason: "lends a descriptor to those who do not own it, while its owner has it",
    },
    Exception { path: "runtime/src/io/source.rs", reason: "marks a type as readable from zeroed pages" },
    Exception {
        path: "runtime/src/runner.rs",
        reason: "runs a future that borrows from its caller, and takes its output",
    },
    Exception {
        path: "runtime/src/task/live_wakers.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception {
        path: "runtime/src/debug/creation.rs",
        reason: "walks the stack without the lock that others may hold for long",
    },
    Exception { path: "runtime/src/task/builder.rs", reason: "hands futures that are 'static to the loop" },
    Exception {
        path: "runtime/src/sync/mutex.rs",
        reason: "a lock hands out the only reference to its value",
    },
    Exception { path: "runtime/src/callback.rs", reason: "hands futures that are 'static to the loop" },
    Exception { path: "runtime/src/debug/fatal.rs", reason: "a signal handler" },
    Exception { path: "runtime/src/debug/leaked.rs", reason: "a pointer to what is never freed" },
    Exception { path: "runtime/src/runner/interrupt.rs", reason: "signal dispositions" },
    Exception { path: "runtime/src/signal/disposition.rs", reason: "signal dispositions" },
    Exception {
        path: "runtime/tests/process/child.rs",
        reason: "signals and forks are what these tests are about",
    },
    Exception {
        path: "runtime/src/task/capture.rs",
        reason: "polls type-erased tasks, as raw.rs does, and walks this thread's stack",
    },
    Exception { path: "runtime/src/task/cell.rs", reason: "type-erased futures" },
    Exception { path: "runtime/src/task/control.rs", reason: "marks a type as readable from zeroed pages" },
    Exception { path: "runtime/src/task/eager.rs", reason: "polls type-erased tasks, as raw.rs does" },
    Exception { path: "runtime/src/task/handle.rs", reason: "takes outputs out of type-erased tasks" },
    Exception { path: "runtime/src/task/memory.rs", reason: "the allocator of futures" },
    Exception { path: "runtime/src/task/raw.rs", reason: "type-erased futures in memory of our own" },
    Exception {
        path: "runtime/src/task/task_ref.rs",
        reason: "reaches into type-erased tasks, as raw.rs does",
    },
    Exception {
        path: "runtime/src/task/tied.rs",
        reason: "says Send of a future that is only touched on its own thread, which it checks",
    },
    Exception { path: "runtime/src/task/waker.rs", reason: "a waker is built by hand from one word" },
    Exception { path: "runtime/src/telemetry/clock.rs", reason: "reads the time-stamp counter" },
    Exception {
        path: "runtime/src/telemetry/histogram.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception {
        path: "runtime/src/telemetry/io_total.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception {
        path: "runtime/src/telemetry/pages.rs",
        reason: "reserves address space and hands out references into it",
    },
    Exception {
        path: "runtime/src/telemetry/record.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception {
        path: "runtime/src/telemetry/resource.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception { path: "runtime/src/telemetry/site.rs", reason: "marks a type as readable from zeroed pages" },
    Exception {
        path: "runtime/src/telemetry/slots.rs",
        reason: "marks a type as readable from zeroed pages",
    },
    Exception {
        path: "runtime/src/telemetry/waiter.rs",
        reason: "entries keep wakers in type-stable memory",
    },
];

/// Whether `path` is on `list`.
pub(crate) fn holds(list: &[Exception], path: &str) -> bool {
    list.iter().any(|exception| exception.path == path)
}

/// Entries whose file is gone or behaves by now.
pub(crate) fn stale(sources: &[Source]) -> Vec<Finding> {
    let long = stale_in(LONG, sources, |source| source.code_lines() > crate::rules::CODE_LINES_MAX);
    let unsafe_code = stale_in(UNSAFE, sources, |source| !source.lines_with_code_word("unsafe").is_empty());
    long.into_iter().chain(unsafe_code).collect()
}

fn stale_in(list: &[Exception], sources: &[Source], needed: impl Fn(&Source) -> bool) -> Vec<Finding> {
    let is_needed = |exception: &Exception| {
        !exception.reason.is_empty()
            && sources.iter().any(|source| source.path == exception.path && needed(source))
    };
    list.iter()
        .filter(|exception| !is_needed(exception))
        .map(|exception| Finding {
            path: "runtime/tests/tidy/exceptions.rs".to_owned(),
            line: 0,
            message: format!(
                "`{}` is excepted without need or without a reason; remove the entry or say why",
                exception.path
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &'static str, reason: &'static str) -> usize {
        let sources = [Source::new("a.rs", "fn a() { unsafe {} }".to_owned())];
        let list = [Exception { path, reason }];
        stale_in(&list, &sources, |source| !source.lines_with_code_word("unsafe").is_empty()).len()
    }

    #[test]
    fn an_exception_is_for_a_file_that_is_there_and_needs_it_and_has_a_reason() {
        assert_eq!(findings("a.rs", "because"), 0);
        assert_eq!(findings("a.rs", ""), 1);
        assert_eq!(findings("gone.rs", "because"), 1);
    }
}
