//! The application's log as a client sees it: by task, as it goes on, and with a filter that goes when the client does.
#![cfg(all(feature = "agent", feature = "client", feature = "logs"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope_inspector::client::{Client, Found, LogStream};
use loopscope_inspector::model::Capability;
use loopscope_inspector::wire::{LogsRequest, SetLogFilter};
use loopscope_inspector::{Agent, logs};
use std::time::Duration;
use tracing::{debug, info};
use tracing_subscriber::layer::SubscriberExt as _;

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The messages of what the agent itself does not say, until `last` was among them.
async fn until(stream: &mut LogStream, last: &str) -> Vec<String> {
    let mut messages = Vec::new();
    while !messages.iter().any(|message| message == last) {
        let part = stream.next().await.unwrap().unwrap();
        assert_eq!(part.missed, 0);
        let said = part.lines.iter().filter(|line| line.target != "loopscope");
        messages.extend(said.map(|line| line.message.clone()));
    }
    messages
}

/// What a client on a loop of its own does.
async fn look(found: Found, task: u64, say: std::sync::mpsc::Sender<()>) {
    let mut client = Client::connect(&found, PATIENCE).await.unwrap();
    assert!(client.process().capabilities.as_ref().unwrap().has(Capability::Logs));

    let of_task = LogsRequest { task: Some(task), ..LogsRequest::default() };
    let mut stream = client.logs(of_task).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.filter.as_deref(), Some("info,loopscope=debug"));
    let lines: Vec<_> = first.lines.iter().map(|line| (line.task, line.message.as_str())).collect();
    assert_eq!(lines, [(Some(task), "the worker's")]);

    let (filter, undone) = client
        .set_log_filter(SetLogFilter { filter: Some("debug,h2=off".to_owned()), lasts: None })
        .await
        .unwrap();
    assert_eq!((filter.as_str(), undone), ("debug,h2=off", true));
    let error = client.set_log_filter(SetLogFilter { filter: Some("db=loud".to_owned()), lasts: None }).await;
    assert!(error.unwrap_err().to_string().contains("\"loud\" is no level"));

    let follow = LogsRequest { follow: true, tail: Some(0), ..LogsRequest::default() };
    let mut stream = client.logs(follow).await.unwrap();
    stream.next().await.unwrap();
    say.send(()).unwrap();
    assert_eq!(until(&mut stream, "loud again").await, ["quiet", "loud again"]);
}

#[test]
fn a_client_reads_the_log_by_task_follows_it_and_lets_more_through_until_it_leaves() {
    let subscriber = tracing_subscriber::registry().with(logs::layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let directory = std::env::temp_dir().join(format!("ls-logs-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let agent = Agent::start_at(directory.join("s")).unwrap();
    let task = loopscope::run(async {
        info!("main's");
        let worker = loopscope::spawn(async {
            info!("the worker's");
            debug!("not kept");
        });
        let task = worker.id().as_u64();
        worker.await.unwrap();
        task
    });
    let (say, said) = std::sync::mpsc::channel();
    let found = Found::at(agent.socket());
    let looking = std::thread::spawn(move || loopscope::run(look(found, task, say)));
    if said.recv().is_ok() {
        debug!("quiet");
        info!("loud again");
    }
    looking.join().unwrap();
    // The agent sees that the client is gone when its loop comes to it.
    loopscope::run(async {
        loopscope::timeout(PATIENCE, async {
            while logs::filter() != "info,loopscope=debug" {
                loopscope::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
    });
    agent.stop();
    // What the inspector does for somebody is the application's to know, and among its lines.
    let lines = logs::read(0, logs::READ_MAX).lines;
    let own = lines.iter().filter(|line| line.target == "loopscope" && line.task.is_none());
    let own: Vec<&str> = own.filter_map(|line| line.message.split(" of user ").nth(1)).collect();
    assert!(own.iter().any(|said| said.ends_with(r#"sets the log filter to "debug,h2=off""#)), "{own:?}");
    assert!(own.iter().any(|said| said.ends_with("has left")), "{own:?}");
    std::fs::remove_dir_all(directory).unwrap();
}
