//! Where answers come from: the task that asks the observed process what the screen wants to know.
//!
//! # State
//!
//! ```text
//!   choosing ──1──► connecting ──2──► asking ──3──► connecting …
//!                        │               │
//!                        └──4──► over ◄──┘
//! ```
//!
//! 1. The [`Desk`] names a target. Whenever it names another, what was under way is dropped and begins anew.
//! 2. The process answered the handshake; which one it is, is settled from here on.
//! 3. It did not answer in time, or the connection broke. It is tried again, for ever, once in [`RETRY`].
//! 4. It has ended, is another process than before, or will never answer. A program that was named by its name may be started
//!    anew: then it is waited for, and what answers is said to be another process.
//!
//! One question is asked at a time: when it changes, though not more often than once in [`PAUSE`]; and once an interval.

use super::ask;
use super::desk::Desk;
use super::ending;
use super::event::{Data, Event, Identity};
use super::inbox::Sender;
use super::orders;
use super::question::{Answer, Question};
use super::run::Options;
use loopscope::time::{sleep, timeout};
use loopscope_inspector::client::{self, Client, Error, Found, Kind, Target};
use loopscope_inspector::model::{Process, words};
use loopscope_inspector::wire::{Query, Request};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

/// Time from one attempt to the next.
const RETRY: Duration = Duration::from_secs(1);
/// The shortest time between two questions: a held key opens thirty a second.
const PAUSE: Duration = Duration::from_millis(40);
/// Processes that are asked who they are.
const PROCESSES_MAX: usize = 200;
/// How long a process may take to say who it is in the list.
const INTRODUCTION: Duration = Duration::from_secs(1);
/// Time from one look for processes to the next.
const LOOK: Duration = Duration::from_secs(2);

/// A target as sentences name it.
pub(super) fn words(target: &Target) -> String {
    match target {
        Target::Only => "the only process there is".to_owned(),
        Target::Pid(pid) => format!("pid {pid}"),
        Target::Program(name) => words::escape(name, words::NAME_CHARS_MAX).into_owned(),
        Target::Socket(path) => words::escape(&path.to_string_lossy(), words::TEXT_CHARS_MAX).into_owned(),
        Target::Console(address) => words::escape(address, words::TEXT_CHARS_MAX).into_owned(),
    }
}

/// What attaches to a process of the list.
pub(super) fn target_of(process: &Process) -> Target {
    match &process.socket {
        Some(socket) => Target::Socket(socket.into()),
        None => Target::Pid(process.pid),
    }
}

/// Serves the desk until it is dropped.
pub(super) async fn feed(sender: Sender, desk: Desk, options: Options) {
    loop {
        let (target, wish) = desk.target();
        let session = match target {
            None => loopscope::spawn(choose(sender.clone(), options.timeout.min(INTRODUCTION))),
            Some(target) => {
                let session = Session {
                    sender: sender.clone(),
                    desk: desk.clone(),
                    options: options.clone(),
                    wish,
                    known: None,
                    logged: Cell::new(None),
                };
                loopscope::spawn(session.run(target))
            }
        };
        while desk.target().1 == wish {
            desk.changed_since(desk.changes()).await;
        }
        session.cancel().await;
    }
}

/// Looks for processes again and again.
async fn choose(sender: Sender, patience: Duration) {
    loop {
        let processes = processes(patience).await;
        let answer = (Question::Processes, Answer::Processes(processes));
        sender.post(Event::Data(Data::Answer(Identity::default(), Box::new(answer))));
        sleep(LOOK).await;
    }
}

struct Session {
    sender: Sender,
    desk: Desk,
    options: Options,
    /// The number of the wish that it serves; what it has to say after another wish is not heard.
    wish: u64,
    /// The process, once it has answered; no other is attached to from then on, unless it was named by something that can be
    /// another's once it has ended.
    known: Option<Identity>,
    /// The number of the last log line that was read.
    logged: Cell<Option<u64>>,
}

impl Session {
    async fn run(mut self, named: Target) {
        let mut target = named.clone();
        loop {
            let error = match connect(&target, self.options.timeout).await {
                Ok(client) => {
                    let identity = identity(&client);
                    if self.known.as_ref().is_some_and(|known| *known != identity) {
                        // Its number is another's now.
                        self.post(Data::Ended(None));
                        match self.successor(&named).await {
                            Some(next) => target = next,
                            None => return,
                        }
                        continue;
                    }
                    // From now on it is this process, not the one that a name finds.
                    if matches!(target, Target::Only | Target::Program(_)) {
                        target = Target::Pid(identity.pid);
                    }
                    if self.known.is_none() {
                        self.known = Some(identity.clone());
                    }
                    self.post(Data::Attached(identity.clone(), Box::new(client.process().clone())));
                    self.ask(client, &identity).await
                }
                Err(error) => error,
            };
            match self.known {
                _ if error.is_over() && self.known.is_some() => {
                    self.post(Data::Ended(self.how()));
                    match self.successor(&named).await {
                        Some(next) => target = next,
                        None => return,
                    }
                    continue;
                }
                None if !error.is_transient() => return self.post(Data::Refused(error.to_string())),
                None => self.post(Data::Waiting(format!("an answer: {error}; trying again"))),
                Some(_) => self.post(Data::Silent(error.to_string())),
            }
            sleep(RETRY).await;
        }
    }

    /// Waits until the program that was named runs again; `None` if a process was named, which does not come again.
    async fn successor(&mut self, named: &Target) -> Option<Target> {
        if !may_return(named) {
            return None;
        }
        loop {
            // Whatever is wrong with it until then, nothing at all is what a program that is started anew begins with.
            if let Ok(client) = connect(named, self.options.timeout).await
                && self.known != Some(identity(&client))
            {
                let identity = identity(&client);
                let pid = identity.pid;
                self.known = Some(identity.clone());
                self.logged.set(None);
                self.post(Data::Restarted(identity, Box::new(client.process().clone())));
                return Some(if let Target::Socket(_) = named { named.clone() } else { Target::Pid(pid) });
            }
            sleep(RETRY).await;
        }
    }

    /// Asks what is open until there is no answer.
    async fn ask(&self, mut client: Client, identity: &Identity) -> Error {
        loop {
            let changes = self.desk.changes();
            while let Some(order) = self.desk.take_order() {
                let done = orders::carry_out(&mut client, &order).await;
                let error = done.as_ref().err().filter(|error| !is_refusal(error)).cloned();
                let told = (order, done.map_err(|error| error.to_string()));
                self.post(Data::Done(identity.clone(), Box::new(told)));
                if let Some(error) = error {
                    return error;
                }
            }
            if self.desk.question() == Some(Question::Logs) {
                match orders::logs(&mut client, self.logged.get()).await {
                    Ok(logs) => {
                        let last = logs.lines.last().map(|line| line.number);
                        self.logged.set(last.or(self.logged.get()));
                        self.post(Data::Answer(
                            identity.clone(),
                            Box::new((Question::Logs, Answer::Logs(Ok(Box::new(logs))))),
                        ));
                    }
                    Err(error) if is_refusal(&error) => {
                        let why = Answer::Logs(Err(error.to_string()));
                        self.post(Data::Answer(identity.clone(), Box::new((Question::Logs, why))));
                    }
                    Err(error) => return error,
                }
            }
            if let Some(question) = self.desk.question()
                && let Some(request) = ask::request(&question)
            {
                let Request { slow_poll_ns, lints, .. } = self.options.judging.clone();
                let request = Request { slow_poll_ns, lints, ..request };
                match seen(&mut client, &question, &request).await {
                    Ok(answer) => {
                        self.post(Data::Answer(identity.clone(), Box::new((question, answer))));
                    }
                    Err(error) if is_refusal(&error) => {
                        self.sender.post(Event::Failed(error.to_string()));
                    }
                    Err(error) => return error,
                }
            }
            sleep(PAUSE).await;
            // Another question, or the same after an interval.
            let rest = self.desk.interval().saturating_sub(PAUSE);
            let _ = timeout(rest, self.desk.changed_since(changes)).await;
        }
    }

    /// How the process has ended, where that can be known.
    fn how(&self) -> Option<String> {
        ending::how(self.known.as_ref()?, self.options.started.as_ref())
    }

    fn post(&self, data: Data) {
        if self.desk.target().1 == self.wish {
            self.sender.post(Event::Data(data));
        }
    }
}

/// Whether an error is an answer: the process is there, and goes on.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::BadRequest { .. } | Kind::Refused { .. } | Kind::Lacking { .. } | Kind::Busy { .. }
    )
}

/// Whether another process may come to be what was named: a program, or a socket at a place of one's own choice.
fn may_return(target: &Target) -> bool {
    match target {
        Target::Program(_) => true,
        // An agent's usual one bears the number and the start time of its process.
        Target::Socket(path) => path.extension().is_none_or(|end| end != "sock") || !is_numbered(path),
        Target::Only | Target::Pid(_) | Target::Console(_) => false,
    }
}

fn is_numbered(socket: &Path) -> bool {
    let stem = socket.file_stem().unwrap_or_default().as_encoded_bytes();
    stem.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// The answer to a question: a picture, and for some questions histograms.
async fn seen(client: &mut Client, question: &Question, request: &Request) -> Result<Answer, Error> {
    let picture = client.snapshot(request).await?;
    let histograms = match ask::histograms(question) {
        // An agent without them still has all the rest; if the connection broke, the next picture says so.
        Some(request) => client.histograms(&request).await.ok(),
        None => None,
    };
    let mut answer = ask::answer(question, picture, histograms);
    if let (Question::Task(id), Answer::Task(Some(page))) = (question, &mut answer) {
        page.logs = orders::logs_of(client, *id).await;
    }
    Ok(answer)
}

async fn connect(target: &Target, patience: Duration) -> Result<Client, Error> {
    Client::connect(&client::find(target)?, patience).await
}

/// The processes that can be attached to. One that does not answer is in the list with what is known without it.
async fn processes(patience: Duration) -> Vec<Process> {
    let found: Vec<Found> =
        client::scan().into_iter().filter(|found| found.alive).take(PROCESSES_MAX).collect();
    let asked: Vec<_> = found
        .into_iter()
        .map(|found| {
            let known = Process {
                pid: found.pid.unwrap_or_default(),
                name: found.name.clone(),
                socket: Some(found.socket.to_string_lossy().into_owned()),
                ..Process::default()
            };
            (known, loopscope::spawn(async move { introduce(&found, patience).await }))
        })
        .collect();
    let mut processes = Vec::new();
    for (known, answer) in asked {
        match answer.await {
            Ok(Ok(process)) => processes.push(Process { socket: known.socket, ..process }),
            // It ended between the look and the question.
            Ok(Err(error)) if error.is_over() => {}
            Ok(Err(_)) | Err(_) => processes.push(known),
        }
    }
    processes
}

async fn introduce(found: &Found, patience: Duration) -> Result<Process, Error> {
    let mut client = Client::connect(found, patience).await?;
    let request = Request { warnings: Some(Query::all().limit(0)), ..Request::default() };
    let picture = client.snapshot(&request).await?;
    Ok(picture.process().unwrap_or_else(|| client.process()).clone())
}

fn identity(client: &Client) -> Identity {
    Identity { pid: client.process().pid, started: client.start_ticks() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inbox::inbox;

    /// The first news of a target.
    async fn first_news(target: Target) -> Event {
        let (sender, mut inbox) = inbox();
        let desk = Desk::default();
        desk.attach(Some(target));
        let feeding = loopscope::spawn(feed(sender, desk, Options::default()));
        let event = inbox.next().await;
        feeding.cancel().await;
        event
    }

    #[loopscope::test]
    async fn a_process_that_is_not_there_is_refused_for_good() {
        // Larger than any process number.
        let event = first_news(Target::Pid(u32::MAX)).await;
        assert_eq!(event, Event::Data(Data::Refused("there is no process 4294967295".to_owned())));
    }

    #[test]
    fn only_what_is_no_process_of_its_own_may_return() {
        let check =
            |target: &str, expected| assert_eq!(may_return(&target.parse().unwrap()), expected, "{target}");
        check("echo_server", true);
        check("/srv/app.sock", true);
        check("/srv/app", true);
        check("/run/user/7/loopscope/4711-8123.sock", false);
        check("4711", false);
        check("", false);
    }

    #[loopscope::test]
    async fn a_file_that_is_no_socket_is_refused_with_the_reason() {
        let event = first_news(Target::Socket("Cargo.toml".into())).await;
        let Event::Data(Data::Refused(why)) = event else { panic!("{event:?}") };
        assert!(why.contains("Cargo.toml"), "{why}");
    }

    #[loopscope::test]
    async fn another_target_takes_the_place_of_the_one_before() {
        let (sender, mut inbox) = inbox();
        let desk = Desk::default();
        desk.attach(Some(Target::Pid(u32::MAX)));
        let feeding = loopscope::spawn(feed(sender, desk.clone(), Options::default()));
        assert!(matches!(inbox.next().await, Event::Data(Data::Refused(_))));
        desk.attach(Some(Target::Pid(u32::MAX - 1)));
        let second = Event::Data(Data::Refused("there is no process 4294967294".to_owned()));
        assert_eq!(inbox.next().await, second);
        feeding.cancel().await;
    }
}
