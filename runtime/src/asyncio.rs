//! Coming from asyncio: what each item is called here, and where the two differ on purpose.
//!
//! Nothing is in this module but this page. Whoever searches these docs for `asyncio.Queue.join` finds it by that name too.
//!
//! # What is different
//!
//! - A future that is dropped is cancelled, at once; nothing in it can refuse or `.await`. Whoever must clean up with awaits
//!   asks first: [`CancelToken`](crate::CancelToken), [`Task::cancel_gracefully`](crate::Task::cancel_gracefully). There is no count of cancellations, because scopes own what they
//!   cancel.
//! - The loop owns its tasks. A handle that is dropped detaches; no task vanishes because nobody holds it.
//! - A panic or error that nobody can receive any more is told at once to
//!   [`on_unhandled`](crate::runner::Builder::on_unhandled), not when some object is collected.
//! - What belongs to a loop is `!Send`: what asyncio's debug mode finds at run time does not compile. Other threads have a
//!   [`Handle`](crate::Handle), [`sync::remote`](crate::sync::remote), [`cancel::RemoteCancel`](crate::cancel::RemoteCancel).
//! - A lock knows its holder, and every wait is a record with the line of its `.await`: see [`telemetry`](crate::telemetry).
//!
//! # Runners
//!
//! | asyncio | here |
//! |---|---|
//! | `run` | [`run`](crate::run), [`#[loopscope::main]`](crate::main) |
//! | `Runner`, `Runner.run`, `Runner.close` | [`Runner`](crate::Runner), [`Runner::block_on`](crate::Runner::block_on), [`Runner::shutdown`](crate::Runner::shutdown) with a report of who was left |
//! | `loop_factory`, `debug=` | [`runner::Builder`](crate::runner::Builder) |
//! | Ctrl-C in `run` | the same two steps; an interrupt that `main` swallows is not lost |
//!
//! # Coroutines and tasks
//!
//! | asyncio | here |
//! |---|---|
//! | `create_task`, `ensure_future` | [`spawn`](crate::spawn), [`task::Builder`](crate::task::Builder), [`spawn_fallible`](crate::spawn_fallible) whose `Err` cannot be lost |
//! | `eager_task_factory` | [`spawn_eager`](crate::task::spawn_eager) |
//! | `TaskGroup`, `TaskGroup.cancel` | [`TaskGroup`](crate::TaskGroup), [`TaskGroup::scope`](crate::TaskGroup::scope), [`TaskGroup::cancel`](crate::TaskGroup::cancel) |
//! | `ExceptionGroup` | [`GroupError`](crate::group::GroupError) |
//! | `sleep(s)`, `sleep(0)` | [`sleep`](crate::sleep), [`yield_now`](crate::yield_now) |
//! | `gather` | [`gather`](crate::task::gather), which cancels the others when one fails; [`gather_settled`](crate::task::gather_settled) is `return_exceptions=True` |
//! | `wait` | [`wait`](crate::task::wait) with a [`When`](crate::task::When) |
//! | `as_completed` | [`as_completed`](crate::task::as_completed), a stream |
//! | `shield` | [`shield`](crate::task::shield) |
//! | `staggered.staggered_race` | [`race_staggered`](crate::task::race_staggered) |
//! | `timeout`, `timeout_at`, `wait_for` | [`timeout`](crate::timeout), [`timeout_at`](crate::timeout_at) |
//! | `Timeout.reschedule`, `.expired`, `.when` | [`timeout_scope`](crate::time::timeout_scope) and its [`Deadline`](crate::time::Deadline) |
//! | `to_thread`, `loop.run_in_executor` | [`to_thread`](crate::to_thread), [`spawn_blocking`](crate::spawn_blocking) |
//! | `run_coroutine_threadsafe` | [`Handle::run`](crate::Handle::run), whose handle any thread awaits or joins; [`Handle::spawn`](crate::Handle::spawn) where no result is wanted |
//! | `current_task`, `all_tasks` | [`current`](crate::current), [`all_tasks`](crate::all_tasks) |
//! | `Task.cancel`, `Task.uncancel` | [`Task::cancel`](crate::Task::cancel), [`Task::request_cancel`](crate::Task::request_cancel); nothing to take back |
//! | `Task.cancelled`, `.result`, `.exception` | what awaiting the [`Task`](crate::Task) gives; [`Task::try_join`](crate::Task::try_join) |
//! | `Task.add_done_callback` | a task that awaits the handle, or [`TaskHooks`](crate::task::TaskHooks) for all tasks of a loop |
//! | `loop.set_task_factory` | [`Builder::task_hooks`](crate::runner::Builder::task_hooks) |
//! | `contextvars` | [`task_local!`](crate::task_local), [`Context`](crate::context::Context) |
//!
//! # Streams
//!
//! | asyncio | here |
//! |---|---|
//! | `open_connection`, `open_unix_connection` | [`open_connection`](crate::stream::open_connection), [`open_unix_connection`](crate::stream::open_unix_connection) |
//! | `StreamReader`, `StreamWriter` | [`StreamReader`](crate::stream::StreamReader), [`StreamWriter`](crate::stream::StreamWriter): a line that is too long loses nothing |
//! | `start_server`, `start_unix_server`, `Server` | [`start_server`](crate::server::start_server), [`start_unix_server`](crate::server::start_unix_server), [`Server`](crate::server::Server) |
//! | `IncompleteReadError`, `LimitOverrunError` | [`IncompleteRead`](crate::stream::IncompleteRead), [`LimitOverrun`](crate::stream::LimitOverrun) |
//!
//! # Synchronization and queues
//!
//! | asyncio | here |
//! |---|---|
//! | `Lock` | [`Mutex`](crate::sync::Mutex), which holds what it protects |
//! | `Event`, `Condition`, `Barrier` | [`Event`](crate::sync::Event), [`Condition`](crate::sync::Condition), [`Barrier`](crate::sync::Barrier) |
//! | `Semaphore`, `BoundedSemaphore` | [`Semaphore`](crate::sync::Semaphore), [`BoundedSemaphore`](crate::sync::BoundedSemaphore) |
//! | `Queue`, `PriorityQueue`, `LifoQueue` | [`Queue`](crate::sync::Queue), [`PriorityQueue`](crate::sync::PriorityQueue), [`LifoQueue`](crate::sync::LifoQueue) |
//! | `Queue.shutdown(immediate)` | [`Queue::close`](crate::sync::Queue::close), [`Queue::close_now`](crate::sync::Queue::close_now) |
//! | `Future`, `loop.create_future`, `add_done_callback` | [`future`](crate::future): a `Promise` and what was promised, callbacks, clones that share; [`oneshot`](crate::sync::oneshot) |
//! | `queue.Queue` between threads | [`sync::remote::channel`](crate::sync::remote::channel), [`sync::remote::oneshot`](crate::sync::remote::oneshot) |
//! | (nothing) | [`channel`](crate::sync::channel), [`watch`](crate::sync::watch), [`broadcast`](crate::sync::broadcast) |
//!
//! # Subprocesses and signals
//!
//! | asyncio | here |
//! |---|---|
//! | `create_subprocess_exec`, `create_subprocess_shell` | [`Command`](crate::process::Command), [`Command::shell`](crate::process::Command::shell) |
//! | `Process.communicate`, `.wait`, `.send_signal`, … | [`Child`](crate::process::Child); waiting is for the exit alone, whoever keeps a pipe |
//! | `SubprocessProtocol`, `SubprocessTransport` | [`process::Protocol`](crate::process::Protocol), [`process::Transport`](crate::process::Transport) |
//! | `loop.add_signal_handler`, `remove_signal_handler` | [`signal::unix`](crate::signal::unix), [`signal::ctrl_c`](crate::signal::ctrl_c), [`signal::shutdown_signal`](crate::signal::shutdown_signal) |
//!
//! # Exceptions
//!
//! | asyncio | here |
//! |---|---|
//! | `CancelledError` | [`JoinError::is_cancelled`](crate::JoinError::is_cancelled) of a task's handle; inside of the task nothing is raised |
//! | `TimeoutError` | [`Elapsed`](crate::time::Elapsed) |
//! | `InvalidStateError` | does not compile: a promise is used up by keeping it |
//! | `QueueEmpty`, `QueueFull`, `QueueShutDown` | [`TryGetError`](crate::sync::TryGetError), [`TryPutError`](crate::sync::TryPutError), [`Closed`](crate::sync::Closed), which give the item back |
//! | `BrokenBarrierError` | [`BrokenBarrier`](crate::sync::BrokenBarrier) |
//!
//! # The loop
//!
//! | asyncio | here |
//! |---|---|
//! | `get_running_loop` | [`Handle::current`](crate::Handle::current) |
//! | `loop.call_soon`, `call_later`, `call_at`, `call_soon_threadsafe` | [`call_soon`](crate::call_soon), [`call_later`](crate::call_later), [`call_at`](crate::call_at), [`Handle::post`](crate::Handle::post) |
//! | `loop.time` | [`time::Instant::now`](crate::time::Instant::now) |
//! | `loop.add_reader`, `add_writer` | [`AsyncFd`](crate::io::AsyncFd) |
//! | `loop.create_datagram_endpoint` | [`UdpSocket`](crate::net::UdpSocket), [`UnixDatagram`](crate::net::UnixDatagram) |
//! | `loop.getaddrinfo` | [`lookup_host`](crate::net::lookup_host) |
//! | `capture_call_graph`, `format_call_graph`, `print_call_graph` | the same in `introspect`; `introspect::dump` for all tasks at once |
//! | `loop.set_exception_handler` | [`on_unhandled`](crate::runner::Builder::on_unhandled) |
