//! The stock `tokio-console` attaches: what it asks, in its order, and what it takes for granted of every answer.
//!
//! The tests of this file share a process, whose tasks all of their clients see, so they take turns.
#![cfg(all(feature = "agent", feature = "client", feature = "tokio-console"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

mod application;
mod rules;
mod wire;

use application::{Application, MANY, busy, many};
use console_api::instrument::{
    InstrumentRequest, PauseRequest, ResumeRequest, State, StateRequest, TaskDetailsRequest, Temporality,
    Update,
};
use console_api::tasks::task_details::PollTimesHistogram;
use console_api::tasks::{DurationHistogram, TaskDetails};
use hdrhistogram::serialization::Deserializer;
use rules::{Seen, said, word};
use std::time::SystemTime;
use tonic::{Code, Streaming};
use wire::Connection;

/// A client that has done what the stock one does when it connects.
struct Console {
    connection: Connection,
    updates: Streaming<Update>,
    states: Streaming<State>,
    seen: Seen,
}

impl Console {
    async fn attach(application: &Application) -> Self {
        let mut connection = Connection::open(application.socket()).await;
        // One after the other, each awaited: without either the client never leaves its blank screen.
        let updates = connection.rpc.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
        let states = connection.rpc.watch_state(StateRequest {}).await.unwrap().into_inner();
        Self { connection, updates, states, seen: Seen::default() }
    }

    /// Takes the next update. Returns how many tasks' figures it held.
    async fn update(&mut self) -> usize {
        let update =
            self.updates.message().await.unwrap().expect("the client reconnects when the stream ends");
        self.seen.take(update)
    }

    /// Takes updates until what is looked for is there.
    async fn until(&mut self, mut found: impl FnMut(&Seen) -> bool) {
        while !found(&self.seen) {
            self.update().await;
        }
    }

    async fn state(&mut self) -> Temporality {
        self.states.message().await.unwrap().unwrap().temporality()
    }

    async fn details(&mut self, id: u64) -> Streaming<TaskDetails> {
        let request = TaskDetailsRequest { id: Some(id.into()) };
        self.connection.rpc.watch_task_details(request).await.unwrap().into_inner()
    }
}

/// Runs clients against an application.
fn with<F: Future>(application: &Application, main: impl FnOnce() -> F) -> F::Output {
    let _ = application;
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    runner.block_on(main()).unwrap()
}

#[test]
fn the_tasks_of_a_busy_program_are_shown_turn_after_turn() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        assert_eq!(console.state().await, Temporality::Live);
        console.until(|seen| seen.id("sleeper").is_some() && seen.id("yielder").is_some()).await;
        let (task, stats) = console.seen.task("sleeper").unwrap();
        assert_eq!(word(&task.fields, "kind").unwrap(), "task");
        assert_eq!(word(&task.fields, "loop").unwrap(), application.name());
        assert_eq!(word(&task.fields, "parent"), console.seen.id("main").map(|id| id.to_string()));
        let size: u64 = word(&task.fields, "size.bytes").unwrap().parse().unwrap();
        assert!(size > 0);
        let place = task.location.as_ref().unwrap();
        assert!(place.file.as_ref().unwrap().ends_with("tests/tokio_console/application.rs"), "{place:?}");
        assert!(place.line.unwrap() > 0 && place.column.unwrap() > 0);
        assert_eq!(stats.poll_stats.unwrap().polls, 1);
        // Hidden loops are left out: the agent's own, and the one of this client.
        assert!(!console.seen.tasks.values().any(|(task, _)| {
            word(&task.fields, "task.name").is_some_and(|name| name.starts_with("client "))
        }));
        // What does not change is told once, what does again and again, and the clock goes on.
        let yielder = console.seen.id("yielder").unwrap();
        let polls = |seen: &Seen| seen.tasks[&yielder].1.poll_stats.unwrap().polls;
        for _ in 0..3 {
            let (before, now) = (polls(&console.seen), console.seen.now);
            let figures = console.update().await;
            assert!(console.seen.now > now);
            assert!(figures < console.seen.tasks.len(), "sleepers do not change");
            console.until(|seen| polls(seen) > before).await;
        }
        // Tasks that end are told to have ended; those that nobody could see are counted.
        console.until(|seen| seen.tasks.values().any(|(_, stats)| stats.dropped_at.is_some())).await;
    });
}

#[test]
fn resources_say_who_waits_for_them_and_where() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        // The records are read while the program runs, so one turn may find a wait half made.
        console
            .until(|seen| {
                let waits = |name| seen.id(name).is_some_and(|id| !seen.waits(id).is_empty());
                ["sleeper", "reader", "locker", "holder", "getter", "joiner"].into_iter().all(waits)
            })
            .await;
        let seen = &console.seen;
        let the_wait = |name: &str| {
            let (word, (resource, stats)) = seen.waits(seen.id(name).unwrap())[0];
            let kind = console_api_kind(resource);
            (word.to_owned(), kind, resource.concrete_type.clone(), stats.attributes.clone())
        };
        let (wait, kind, concrete, attributes) = the_wait("sleeper");
        assert_eq!((wait.as_str(), kind.as_str(), concrete.as_str()), ("sleep", "Timer", "Sleep"));
        let ms: u64 = said(&attributes, "duration").unwrap().parse().unwrap();
        assert!((3_599_000..=3_600_000).contains(&ms), "{ms}");
        let (wait, kind, concrete, attributes) = the_wait("reader");
        assert_eq!((wait.as_str(), kind.as_str(), concrete.as_str()), ("read", "Socket", "TcpStream"));
        assert_eq!(said(&attributes, "bytes_read").unwrap(), "5");
        assert_eq!(said(&attributes, "bytes_written").unwrap(), "0");
        assert!(said(&attributes, "peer").unwrap().starts_with("127.0.0.1:"));
        assert!(said(&attributes, "fd").is_some());
        let (wait, kind, concrete, attributes) = the_wait("locker");
        assert_eq!((wait.as_str(), kind.as_str(), concrete.as_str()), ("lock", "Lock", "Mutex"));
        assert_eq!(said(&attributes, "name").unwrap(), "db");
        assert_eq!(said(&attributes, "holder"), seen.id("holder").map(|id| id.to_string()));
        assert_eq!(said(&attributes, "waiters").unwrap(), "1");
        let (wait, kind, concrete, attributes) = the_wait("getter");
        assert_eq!((wait.as_str(), kind.as_str(), concrete.as_str()), ("get", "Queue", "Queue"));
        assert_eq!(said(&attributes, "len").unwrap(), "0");
        assert_eq!(said(&attributes, "limit").unwrap(), "4");
        let (wait, kind, concrete, attributes) = the_wait("joiner");
        assert_eq!((wait.as_str(), kind.as_str(), concrete.as_str()), ("join", "Task", "Task"));
        assert_eq!(said(&attributes, "task"), seen.id("sleeper").map(|id| id.to_string()));
        // Each op says where in the source the task stands.
        let locker = seen.id("locker").unwrap();
        let op = seen.ops.values().find(|(_, stats)| stats.task_id.unwrap().id == locker).unwrap();
        assert!(said(&op.1.attributes, "at").unwrap().contains("application.rs:"));
        // The lock is given back, and the wait is over.
        let db = console.seen.resource("db").unwrap().0.id.unwrap().id;
        application.post(application::release);
        console.until(|seen| seen.waits(locker).iter().all(|(wait, _)| *wait != "lock")).await;
        console.until(|seen| said(&seen.resources[&db].1.attributes, "waiters").is_none()).await;
    });
}

#[test]
fn primitives_child_processes_and_signals_are_resources_too() {
    let application = Application::start(application::primitives);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        let expected = [
            ("semaphore", "Semaphore", "Semaphore", "permits"),
            ("event", "Event", "Event", "ready"),
            ("condition", "Condition", "Condition", "stocked"),
            ("barrier", "Barrier", "Barrier", "start"),
            ("process", "Process", "Child", "cat"),
            ("signal", "Signal", "Signal", "SIGUSR2"),
        ];
        console
            .until(|seen| {
                let waits = |name| seen.id(name).is_some_and(|id| !seen.waits(id).is_empty());
                expected.into_iter().all(|(task, ..)| waits(task))
            })
            .await;
        let seen = &console.seen;
        let attributes = |task| &seen.waits(seen.id(task).unwrap())[0].1.1.attributes;
        for (task, kind, concrete, name) in expected {
            let (wait, (resource, _)) = seen.waits(seen.id(task).unwrap())[0];
            let is = (wait, console_api_kind(resource), resource.concrete_type.as_str());
            assert_eq!(is, (task, kind.to_owned(), concrete));
            assert_eq!(said(attributes(task), "name").as_deref(), Some(name));
        }
        let barrier = ["len", "limit"].map(|attribute| said(attributes("barrier"), attribute).unwrap());
        assert_eq!(barrier, ["1", "3"]);
        assert_eq!(said(attributes("semaphore"), "len").as_deref(), Some("0"));
        assert!(said(attributes("process"), "pid").is_some());
        assert!(said(attributes("signal"), "fd").is_none(), "it has none of its own");
    });
}

fn console_api_kind(resource: &console_api::resources::Resource) -> String {
    use console_api::resources::resource::kind::Kind;
    match resource.kind.as_ref().unwrap().kind.as_ref().unwrap() {
        Kind::Known(_) => "Timer".to_owned(),
        Kind::Other(other) => other.clone(),
    }
}

fn decode(histogram: &DurationHistogram) -> hdrhistogram::Histogram<u64> {
    Deserializer::new().deserialize(&mut histogram.raw_histogram.as_slice()).unwrap()
}

#[test]
fn a_tasks_page_has_both_histograms_and_goes_on() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        console.until(|seen| seen.id("yielder").is_some()).await;
        let id = console.seen.id("yielder").unwrap();
        let mut details = console.details(id).await;
        let (mut before, mut grown) = (0, 0);
        while grown < 3 {
            let page = details.message().await.unwrap().unwrap();
            assert_eq!(page.task_id.unwrap().id, id);
            assert!(SystemTime::try_from(page.now.unwrap()).is_ok());
            let Some(PollTimesHistogram::Histogram(polls)) = &page.poll_times_histogram else {
                panic!("{page:?}")
            };
            let scheduled = decode(page.scheduled_times_histogram.as_ref().unwrap());
            // It is the only task of its spawn place, so these are its own.
            let polls = decode(polls).len();
            assert!(polls >= before, "{polls} polls after {before}");
            assert!(!scheduled.is_empty());
            grown += u32::from(polls > before);
            before = polls;
        }
        // The client leaves the page, and others are opened.
        drop(details);
        let id = console.seen.id("sleeper").unwrap();
        let page = console.details(id).await.message().await.unwrap().unwrap();
        let Some(PollTimesHistogram::Histogram(polls)) = &page.poll_times_histogram else { panic!() };
        assert_eq!(decode(polls).len(), 1);
    });
}

#[test]
fn a_job_on_a_blocking_thread_is_a_task_of_its_own_kind() {
    let application = Application::start(application::job);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        let waits = |seen: &Seen| seen.id("waiter").is_some_and(|id| !seen.waits(id).is_empty());
        console.until(|seen| seen.id("hash").is_some() && waits(seen)).await;
        let job = console.seen.id("hash").unwrap();
        // It is running as soon as a thread has it.
        console.until(|seen| seen.tasks[&job].1.poll_stats.unwrap().polls == 1).await;
        let (task, stats) = &console.seen.tasks[&job];
        assert_eq!(task.kind(), console_api::tasks::task::Kind::Blocking);
        assert_eq!(word(&task.fields, "kind").unwrap(), "blocking");
        assert_eq!(word(&task.fields, "parent"), console.seen.id("main").map(|id| id.to_string()));
        assert!(task.location.as_ref().unwrap().file.as_ref().unwrap().ends_with("application.rs"));
        let polls = stats.poll_stats.unwrap();
        assert!(polls.last_poll_started.is_some() && polls.last_poll_ended.is_none());
        let (wait, (resource, stats)) = console.seen.waits(console.seen.id("waiter").unwrap())[0];
        assert_eq!((wait, console_api_kind(resource).as_str()), ("blocking", "Blocking"));
        assert_eq!(said(&stats.attributes, "task").unwrap(), job.to_string());
        let page = console.details(job).await.message().await.unwrap().unwrap();
        assert_eq!(page.task_id.unwrap().id, job);
        application.post(application::release_job);
        console.until(|seen| seen.tasks[&job].1.dropped_at.is_some()).await;
    });
}

#[test]
fn a_task_that_is_not_there_is_not_found() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        let mut ask = async |id: Option<u64>| {
            let request = TaskDetailsRequest { id: id.map(Into::into) };
            console.connection.rpc.watch_task_details(request).await.unwrap_err().code()
        };
        assert_eq!(ask(Some(u64::MAX)).await, Code::NotFound);
        // Of a hidden loop: the first of those numbers is the agent's.
        assert_eq!(ask(Some(1 << 62)).await, Code::NotFound);
        assert_eq!(ask(Some(0)).await, Code::InvalidArgument);
        assert_eq!(ask(None).await, Code::InvalidArgument);
        // And the client goes on.
        console.update().await;
    });
}

#[test]
fn one_client_is_paused_and_another_is_not() {
    let application = Application::start(busy);
    with(&application, async || {
        let (mut paused, mut live) =
            (Console::attach(&application).await, Console::attach(&application).await);
        for console in [&mut paused, &mut live] {
            assert_eq!(console.state().await, Temporality::Live);
            console.update().await;
        }
        paused.connection.rpc.pause(PauseRequest {}).await.unwrap();
        assert_eq!(paused.state().await, Temporality::Paused);
        let from = SystemTime::now();
        application.post(application::newcomer);
        // The other one sees what happens meanwhile.
        live.until(|seen| seen.id("newcomer").is_some()).await;
        let updates = live.seen.updates;
        live.until(|seen| seen.updates >= updates + 3).await;
        let to = SystemTime::now();
        paused.connection.rpc.resume(ResumeRequest {}).await.unwrap();
        assert_eq!(paused.state().await, Temporality::Live);
        // What had been made before the pause may come after it, but nothing was made while it lasted.
        loop {
            paused.update().await;
            let made = paused.seen.now.unwrap();
            assert!(made <= from || made >= to, "an update was made while the client was paused");
            if made >= to {
                break;
            }
        }
        paused.until(|seen| seen.id("newcomer").is_some()).await;
        // Nobody told the other one anything: its next state would be the first of a pause of its own.
        live.connection.rpc.pause(PauseRequest {}).await.unwrap();
        assert_eq!(live.state().await, Temporality::Paused);
        paused.update().await;
    });
}

#[test]
fn a_client_that_has_left_takes_its_pause_along() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut first = Console::attach(&application).await;
        first.connection.rpc.pause(PauseRequest {}).await.unwrap();
        first.connection.close().await;
        let mut second = Console::attach(&application).await;
        assert_eq!(second.state().await, Temporality::Live);
        second.until(|seen| seen.updates >= 2).await;
        assert!(second.seen.id("sleeper").is_some());
    });
}

#[test]
fn more_tasks_than_fit_in_one_message_come_in_several() {
    let application = Application::start(many);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        // Every message is checked against the limit of the stock client, which is tonic's.
        let is_one = |seen: &Seen, name: &str| {
            seen.tasks
                .values()
                .filter(|(task, _)| word(&task.fields, "task.name").as_deref() == Some(name))
                .count()
        };
        console.until(|seen| is_one(seen, "one of many") == MANY).await;
        let bytes: usize = console.seen.tasks.values().map(|(task, stats)| size(task, stats)).sum();
        assert!(bytes > 4 << 20, "{bytes} bytes would have fitted into one");
        assert!(console.seen.bytes_max < 1 << 20, "{} bytes in one", console.seen.bytes_max);
        assert_eq!(console.seen.tasks_dropped, 0);
        // Nothing changes, so little is sent from now on.
        let (updates, most) = (console.seen.updates, 100);
        while console.seen.updates < updates + 2 {
            assert!(console.update().await < most);
        }
    });
}

fn size(task: &console_api::tasks::Task, stats: &console_api::tasks::Stats) -> usize {
    use prost::Message as _;
    task.encoded_len() + stats.encoded_len()
}

#[test]
fn tasks_beyond_what_a_client_takes_are_counted() {
    let application = Application::start(application::too_many);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        // All that there are: the main task and its children.
        let all = u64::try_from(application::TOO_MANY).unwrap() + 1;
        let known = |seen: &Seen| seen.tasks.len() as u64 + seen.tasks_dropped;
        console.until(|seen| known(seen) >= all).await;
        assert_eq!(known(&console.seen), all);
        assert_eq!(console.seen.tasks.len(), 20_000);
        // Those that are known end, and make room for others.
        application.post(application::release);
        console.until(|seen| seen.tasks.len() > 20_000).await;
    });
}

#[test]
fn there_are_so_many_consoles_and_no_more() {
    let application = Application::start(busy);
    with(&application, async || {
        let mut consoles = Vec::new();
        for _ in 0..8 {
            consoles.push(Console::attach(&application).await);
        }
        let mut ninth = Connection::open(application.socket()).await;
        let refused = ninth.rpc.watch_updates(InstrumentRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        for console in &mut consoles {
            console.update().await;
        }
        consoles.pop().unwrap().connection.close().await;
        // Its room is free when the agent has seen it go, which takes a moment.
        while ninth.rpc.watch_updates(InstrumentRequest {}).await.is_err() {}
    });
}

#[test]
fn our_own_client_is_served_on_the_same_socket() {
    use loopscope_inspector::client::{Client, Found};
    use loopscope_inspector::wire::{Query, Request};
    let application = Application::start(busy);
    with(&application, async || {
        let mut console = Console::attach(&application).await;
        let patience = std::time::Duration::from_secs(120);
        let mut client = Client::connect(&Found::at(application.socket()), patience).await.unwrap();
        console.until(|seen| seen.id("sleeper").is_some()).await;
        let request = Request { tasks: Some(Query::all().filter("name=sleeper")), ..Request::default() };
        let tasks = client.snapshot(&request).await.unwrap().snapshot.tasks.unwrap();
        assert_eq!(
            tasks.iter().map(|task| task.id).collect::<Vec<_>>(),
            [console.seen.id("sleeper").unwrap()]
        );
    });
}
