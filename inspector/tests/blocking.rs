//! Jobs on blocking threads as a client sees them: from the task that waits to the job, its thread and its place.
#![cfg(all(feature = "agent", feature = "client"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope::blocking::{Builder, Settings, configure};
use loopscope_inspector::Agent;
use loopscope_inspector::client::{Client, Found};
use loopscope_inspector::model::{Capability, Job, TaskState, WaitKind, words};
use loopscope_inspector::wire::{Picture, Query, Request};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a client on a loop of its own gets.
fn ask(agent: &Agent, request: Request) -> Picture {
    let found = Found::at(agent.socket());
    let asking = std::thread::spawn(move || {
        loopscope::run(async move {
            let mut client = Client::connect(&found, std::time::Duration::from_secs(120)).await.unwrap();
            assert!(client.process().capabilities.as_ref().unwrap().has(Capability::Blocking));
            client.snapshot(&request).await.unwrap()
        })
    });
    asking.join().unwrap()
}

#[test]
fn a_wait_leads_to_its_job_and_the_table_has_every_job() {
    let directory = std::env::temp_dir().join(format!("ls-blocking-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let agent = Agent::start_at(directory.join("s")).unwrap();
    configure(Settings::new().threads_max(1));
    loopscope::run(async {
        let (open, gate): (Sender<()>, Receiver<()>) = channel();
        let (begun, has_begun) = channel();
        let line = line!() + 1;
        let job = Builder::new().name("hash").spawn(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        });
        has_begun.recv().unwrap();
        let id = job.id().as_u64();
        let queued = loopscope::spawn_blocking(|| ());
        let waiter = loopscope::spawn(job);
        loopscope::yield_now().await;

        let tasks = Query::all().filter(format!("id={}", waiter.id().as_u64()));
        let request = Request { tasks: Some(tasks), blocking: Some(Query::all()), ..Request::default() };
        let picture = ask(&agent, request).snapshot;

        let jobs: Vec<Job> = picture.blocking.unwrap();
        assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id, queued.id().as_u64()]);
        let (running, waiting) = (&jobs[0], &jobs[1]);
        assert_eq!((running.state, running.name.as_deref()), (TaskState::Running, Some("hash")));
        assert_eq!((running.pool.as_str(), running.parent_loop), ("blocking", waiting.parent_loop));
        assert_eq!(running.site.as_ref().map(|site| site.line), Some(line));
        assert_eq!(running.parent, loopscope::current().map(loopscope::TaskId::as_u64));
        assert!(running.running_for_ns.is_some() && running.ended_at.is_none());
        assert_eq!((waiting.state, waiting.tid, waiting.running_for_ns), (TaskState::Scheduled, None, None));

        let wait = &picture.tasks.unwrap()[0].waiting_on[0];
        assert_eq!(wait.kind, WaitKind::Blocking);
        let text = words::wait(wait);
        assert!(text.starts_with(&format!("blocking job #{id} hash, running ")), "{text}");
        let (tid, place) = (running.tid.unwrap(), words::place(running.site.as_ref().unwrap()));
        assert!(text.ends_with(&format!(" on thread {tid} ({place})")), "{text}");

        let pools = picture.pools.unwrap();
        assert_eq!(pools.len(), 1);
        let pool = &pools[0];
        assert_eq!((pool.name.as_str(), pool.threads, pool.threads_max), ("blocking", 1, 1));
        assert_eq!((pool.queued, pool.running, pool.completed), (1, 1, 0));
        assert_eq!(pool.waited.as_ref().map(|waited| waited.count), Some(1));

        open.send(()).unwrap();
        waiter.await.unwrap().unwrap();
        queued.await.unwrap();
        let only = Query::all().filter("state=completed name=hash").limit(5);
        let after = ask(&agent, Request { blocking: Some(only), ..Request::default() }).snapshot;
        let jobs = after.blocking.unwrap();
        assert_eq!((jobs.len(), jobs[0].id, jobs[0].state), (1, id, TaskState::Completed));
        assert!(jobs[0].ended_at.unwrap() >= jobs[0].queued_at);
        assert_eq!(after.pools.unwrap()[0].completed, 2);
    });
    agent.stop();
    std::fs::remove_dir_all(&directory).unwrap();
}
