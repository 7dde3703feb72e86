//! What the futures of this library are called by who awaits them.
//!
//! By the file they are in, since that is known of functions that were inlined too, and by their type where one file has several.

use super::function_name::FunctionName;

/// One of our own futures.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeafName {
    pub(super) function: String,
    /// Whether it polls what the program gave it; else what it calls is its own affair.
    pub(super) wraps: bool,
}

/// What stands between the loop and a task, or between a future of ours and its wait entry.
const MACHINERY: &[&str] = &[
    "task/capture.rs",
    "task/cell.rs",
    "task/control.rs",
    "task/eager.rs",
    "task/hooks.rs",
    "task/raw.rs",
    "task/task_ref.rs",
    "task/waker.rs",
    "event_loop/",
    "runner",
    "context",
    "telemetry/",
    "callback.rs",
    "macros.rs",
    "lib.rs",
    "debug",
    "sync/line.rs",
    // Around every future that a group spawns.
    "group/child.rs",
];

/// File, type if the file has several, what awaits it, and whether it polls futures of the program.
const NAMES: &[(&str, &str, &str, bool)] = &[
    ("time/sleep.rs", "", "loopscope::sleep", false),
    ("time/interval.rs", "", "loopscope::time::Interval::tick", false),
    ("time/timeout.rs", "", "loopscope::timeout", true),
    ("time/scope.rs", "", "loopscope::time::timeout_scope", true),
    ("time/graceful.rs", "", "loopscope::time::timeout_graceful", true),
    ("task/yielding.rs", "", "loopscope::yield_now", false),
    ("task/handle.rs", "Cancel", "loopscope::Task::cancel", false),
    ("task/handle.rs", "", "loopscope::Task", false),
    ("task/remote.rs", "Deliver", "loopscope::task::RemoteTask", true),
    ("task/remote.rs", "", "loopscope::task::RemoteTask", false),
    ("task/gather.rs", "GatherSettled", "loopscope::task::gather_settled", false),
    ("task/gather.rs", "", "loopscope::gather", false),
    ("task/shield.rs", "", "loopscope::task::shield", false),
    ("task/tied.rs", "", "loopscope::task::tied", true),
    ("task/staggered.rs", "", "loopscope::task::race_staggered", false),
    ("task/wait.rs", "", "loopscope::task::wait", false),
    ("task/completed.rs", "", "loopscope::task::as_completed", false),
    ("task/graceful.rs", "", "loopscope::Task::cancel_gracefully", false),
    ("group/scope.rs", "", "loopscope::group::scope", true),
    ("group/core.rs", "", "loopscope::TaskGroup", true),
    ("group/graceful.rs", "", "loopscope::TaskGroup::close_gracefully", false),
    ("group.rs", "Reporting", "loopscope::TaskGroup", true),
    ("group.rs", "", "loopscope::TaskGroup::close", false),
    ("cancel.rs", "", "loopscope::CancelToken::cancelled", false),
    ("cancel/until.rs", "", "loopscope::CancelToken::run_until_cancelled", true),
    ("sync/mutex.rs", "", "loopscope::sync::Mutex::lock", false),
    ("sync/permits.rs", "", "loopscope::sync::Semaphore::acquire", false),
    ("sync/event.rs", "", "loopscope::sync::Event::wait", false),
    ("sync/condition.rs", "", "loopscope::sync::Condition::wait", false),
    ("sync/barrier.rs", "", "loopscope::sync::Barrier::wait", false),
    ("sync/queue/futures.rs", "Put", "loopscope::sync::Queue::put", false),
    ("sync/queue/futures.rs", "Get", "loopscope::sync::Queue::get", false),
    ("sync/queue/futures.rs", "Join", "loopscope::sync::Queue::join", false),
    ("sync/queue/futures.rs", "", "loopscope::sync::Queue", false),
    ("sync/channel.rs", "Send", "loopscope::sync::channel::Sender::send", false),
    ("sync/channel.rs", "", "loopscope::sync::channel::Receiver::recv", false),
    ("sync/remote/channel.rs", "Send", "loopscope::sync::remote::channel::Sender::send", false),
    ("sync/remote/channel.rs", "", "loopscope::sync::remote::channel::Receiver::recv", false),
    ("sync/remote/oneshot.rs", "", "loopscope::sync::remote::oneshot::Receiver", false),
    ("sync/broadcast.rs", "", "loopscope::sync::broadcast::Receiver::recv", false),
    ("sync/watch.rs", "WaitFor", "loopscope::sync::watch::Receiver::wait_for", false),
    ("sync/watch.rs", "", "loopscope::sync::watch::Receiver::changed", false),
    ("sync/oneshot.rs", "", "loopscope::sync::oneshot::Receiver", false),
    ("net/resolve.rs", "", "loopscope::net::resolve", false),
    ("blocking/handle.rs", "", "loopscope::JobHandle", false),
    ("blocking/to_thread.rs", "", "loopscope::to_thread", false),
    ("introspect/slices.rs", "", "loopscope::introspect::dump", false),
    ("io/evented.rs", "", "loopscope::io", false),
    ("io/source.rs", "", "loopscope::io", false),
];

/// What a function of this library in that file is called as an await, if it is one.
pub(super) fn of(name: &FunctionName, file: &str) -> Option<LeafName> {
    if MACHINERY.iter().any(|machinery| file.starts_with(machinery)) {
        return None;
    }
    if file == "io/async_fd.rs" && name.of_type() == "Plain" {
        return None; // around the operation, whose own name comes next
    }
    let mut known = NAMES.iter().filter(|(of, ..)| *of == file);
    if let Some((_, _, function, wraps)) = known.find(|(_, of, ..)| of.is_empty() || *of == name.of_type()) {
        return Some(LeafName { function: (*function).to_owned(), wraps: *wraps });
    }
    if name.is_async() {
        // The body of an async function.
        return Some(LeafName { function: public(&name.path, file), wraps: false });
    }
    // Something between: only a future, stream or the like is a step of its own.
    let is_future = name.has_poll_name() && name.of_trait.is_some();
    is_future.then(|| LeafName {
        function: public(name.path.strip_suffix(name.method()).unwrap_or_default(), file),
        wraps: true,
    })
}

/// A path as it is imported, the first module, the type and the method; the module by its file where no path is known.
fn public(path: &str, file: &str) -> String {
    if path.is_empty() {
        let module = file.split(['/', '.']).next().unwrap_or_default();
        return format!("loopscope::{module}");
    }
    let mut words: Vec<&str> = path.split("::").filter(|word| !word.is_empty()).collect();
    // Files within a module are not public: what is in them is exported from it.
    while words.len() > 3 && words[2].starts_with(|first: char| first.is_ascii_lowercase()) {
        words.remove(2);
    }
    words.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, file: &str, expected: Option<(&str, bool)>) {
        let found = of(&FunctionName::parse(name, None), file);
        let found = found.as_ref().map(|name| (name.function.as_str(), name.wraps));
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn a_future_of_ours_goes_by_what_makes_it() {
        let future = "core::future::future::Future";
        let name = format!("<loopscope::time::sleep::Sleep as {future}>::poll");
        check(&name, "time/sleep.rs", Some(("loopscope::sleep", false)));
        let name = format!("<loopscope::time::timeout::Timeout<app::f::{{closure#0}}> as {future}>::poll");
        check(&name, "time/timeout.rs", Some(("loopscope::timeout", true)));
        let name = format!("<loopscope::task::handle::Cancel<u8> as {future}>::poll");
        check(&name, "task/handle.rs", Some(("loopscope::Task::cancel", false)));
    }

    #[test]
    fn one_that_was_inlined_goes_by_its_file() {
        check("poll", "time/sleep.rs", Some(("loopscope::sleep", false)));
        check("poll", "sync/queue/futures.rs", Some(("loopscope::sync::Queue", false)));
        check("{async_fn#0}", "net/tcp.rs", Some(("loopscope::net", false)));
    }

    #[test]
    fn what_stands_between_the_loop_and_a_task_is_no_await() {
        check("loopscope::task::cell::poll::<app::main::{closure#0}>", "task/cell.rs", None);
        check("<loopscope::event_loop::wait::Wait>::park", "event_loop/wait.rs", None);
    }

    #[test]
    fn an_async_function_of_ours_goes_by_its_name() {
        let name = "<loopscope::net::tcp::TcpStream>::read::{closure#0}";
        check(name, "net/tcp.rs", Some(("loopscope::net::TcpStream::read", false)));
    }

    #[test]
    fn every_file_that_is_named_is_there() {
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (file, ..) in NAMES {
            assert!(sources.join(file).is_file(), "{file}");
        }
    }
}
