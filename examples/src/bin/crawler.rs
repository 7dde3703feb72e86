//! Follows all links of a small site, some pages of which are slow, broken or never come.
//!
//! ```text
//! crawler [--workers N] [--pages N] [--rounds N]
//! ```
//!
//! The site is a server in the same program, on a free port of this machine, that speaks as much of HTTP as is needed. Some of
//! its pages answer "503" at first, some hang up, some never answer. N workers (default 8), the tasks of one group, take
//! addresses from a queue, fetch each with a limit of time, and try again after a pause that doubles. After each round a line
//! says what came of it, by the crawler's count and by the site's; then the next round begins, until Ctrl-C or after `--rounds`.
//!
//! Attach meanwhile: the workers below their group, each waiting for a connection, an answer, a pause or the queue; the
//! connections of either end; the name `localhost` being resolved.

#![allow(clippy::print_stdout, reason = "it tells what it found")]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::net::{TcpListener, TcpStream};
use loopscope::sync::Queue;
use loopscope::time::{Instant, sleep, timeout};
use loopscope::{TaskGroup, task};

const USAGE: &str = "usage: crawler [--workers N] [--pages N] [--rounds N]";

/// How long a page may take, from the connection to its last byte.
const LIMIT: Duration = Duration::from_millis(300);
/// How often a page is tried.
const TRIES: u32 = 4;
/// The pause before the second try; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(25);
/// What a page or a request may have; a server that sends more is given up.
const BYTES_MAX: usize = 16 << 10;
/// What a site may have.
const PAGES_MAX: u32 = 1_000_000;
/// The rest between two rounds.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Eq)]
struct Options {
    workers: u32,
    pages: u32,
    rounds: u32,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { workers: 8, pages: 200, rounds: u32::MAX };
        while let Some(flag) = arguments.next() {
            let number = match flag.as_str() {
                "--workers" => &mut options.workers,
                "--pages" => &mut options.pages,
                "--rounds" => &mut options.rounds,
                _ => return Err(format!("unknown argument {flag}")),
            };
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a number"))?;
            *number = value.parse().map_err(|_| format!("{flag} {value}: not a number"))?;
            if *number == 0 {
                return Err(format!("{flag} 0: at least 1"));
            }
        }
        if options.pages > PAGES_MAX {
            return Err(format!("--pages {}: at most {PAGES_MAX}", options.pages));
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    loopscope_inspector::start();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match loopscope::run(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    println!("the site is at http://{address}/0");
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    let site = Rc::new(Site { pages: options.pages, asked: RefCell::default() });
    task::Builder::new().name("site").spawn(serve(listener, Rc::clone(&site))).detach();
    for round in 1..=options.rounds {
        if round > 1 {
            sleep(REST).await;
        }
        site.asked.borrow_mut().clear();
        let start = Instant::now();
        let report = crawl(address.port(), options.workers).await;
        let asked: u32 = site.asked.borrow().values().sum();
        let seconds = start.elapsed().as_secs_f64();
        println!("round {round}: {report} in {seconds:.2} s; the site counted {asked} requests");
    }
    Ok(())
}

/// What came of one round.
#[derive(Default)]
struct Report {
    pages: Cell<u32>,
    bytes: Cell<usize>,
    requests: Cell<u32>,
    late: Cell<u32>,
    given_up: Cell<u32>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, bytes, requests, late, given_up } = self;
        let (pages, bytes, requests) = (pages.get(), bytes.get(), requests.get());
        let (late, given_up) = (late.get(), given_up.get());
        write!(
            f,
            "{pages} pages of {bytes} bytes with {requests} requests, {late} of them too late; {given_up} pages given up"
        )
    }
}

/// What the workers of one round share.
struct Crawl {
    port: u16,
    /// Bounded by the pages there are, since none goes in twice.
    queue: Queue<u32>,
    seen: RefCell<HashSet<u32>>,
    report: Report,
}

impl Crawl {
    fn found(&self, page: u32) {
        if self.seen.borrow_mut().insert(page) {
            // It fails only when it is full or closed, and it is neither while a worker is at a page.
            let _ = self.queue.try_put(page);
        }
    }
}

async fn crawl(port: u16, workers: u32) -> Report {
    let crawl = Rc::new(Crawl {
        port,
        queue: Queue::unbounded().named("pages to fetch"),
        seen: RefCell::default(),
        report: Report::default(),
    });
    crawl.found(0);
    let group = TaskGroup::named("crawl");
    for number in 1..=workers {
        group.spawn_named(&format!("worker {number}"), work(Rc::clone(&crawl)));
    }
    crawl.queue.join().await;
    crawl.queue.close();
    if let Err(error) = group.close().await {
        eprintln!("{error}");
    }
    Rc::into_inner(crawl).map(|crawl| crawl.report).unwrap_or_default()
}

async fn work(crawl: Rc<Crawl>) {
    while let Ok(page) = crawl.queue.get().await {
        match fetch_patiently(&crawl, page).await {
            Some(body) => {
                let report = &crawl.report;
                report.pages.set(report.pages.get() + 1);
                report.bytes.set(report.bytes.get() + body.len());
                body.lines().filter_map(link).for_each(|page| crawl.found(page));
            }
            None => crawl.report.given_up.set(crawl.report.given_up.get() + 1),
        }
        crawl.queue.task_done();
    }
}

/// The page that a line links to.
fn link(line: &str) -> Option<u32> {
    line.strip_prefix("<a href=\"/")?.strip_suffix("\">")?.parse().ok()
}

/// Fetches a page, if need be several times, with longer and longer pauses.
async fn fetch_patiently(crawl: &Crawl, page: u32) -> Option<String> {
    let mut pause = PAUSE;
    for attempt in 1..=TRIES {
        crawl.report.requests.set(crawl.report.requests.get() + 1);
        match timeout(LIMIT, fetch(crawl.port, page)).await {
            Ok(Ok(body)) => return Some(body),
            Ok(Err(_)) => {}
            Err(_) => crawl.report.late.set(crawl.report.late.get() + 1),
        }
        if attempt < TRIES {
            // Different for each page, so that those that failed together do not come again together.
            sleep(pause + PAUSE * (page % 8) / 8).await;
            pause *= 2;
        }
    }
    None
}

async fn fetch(port: u16, page: u32) -> io::Result<String> {
    let stream = TcpStream::connect(("localhost", port)).await?;
    stream.write_all(format!("GET /{page} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let answer = read_until(&stream, |_| false).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.0 200 ") => Ok(body.to_owned()),
        _ => Err(io::Error::other("no answer, or not the one that was wanted")),
    }
}

/// Reads until there is enough, or the other end is done.
async fn read_until(stream: &TcpStream, is_enough: impl Fn(&[u8]) -> bool) -> io::Result<String> {
    let (mut all, mut bytes) = (Vec::new(), [0; 1024]);
    while !is_enough(&all) && all.len() <= BYTES_MAX {
        match stream.read(&mut bytes).await? {
            0 => break,
            count => all.extend_from_slice(&bytes[..count]),
        }
    }
    let is_too_long = all.len() > BYTES_MAX;
    let text = String::from_utf8(all).ok().filter(|_| !is_too_long);
    text.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The site: pages that link to others, by arithmetic.
struct Site {
    pages: u32,
    /// Requests of this round for each page.
    asked: RefCell<HashMap<u32, u32>>,
}

/// What the site does about a request.
#[derive(Debug, PartialEq, Eq)]
enum Behaviour {
    Answer,
    Unavailable,
    HangUp,
    Silence,
}

impl Site {
    /// What happens to the `asked`th request for a page.
    fn behaviour(page: u32, asked: u32) -> Behaviour {
        match (page % 17, asked) {
            (3, 1) | (11, 1 | 2) => Behaviour::Unavailable,
            (7, 1) => Behaviour::HangUp,
            // The second of them never comes, however often it is asked for.
            (9, 1) | (13, _) => Behaviour::Silence,
            _ => Behaviour::Answer,
        }
    }

    fn body(&self, page: u32) -> String {
        let links = [2 * page + 1, 2 * page + 2, (page * 7 + 3) % self.pages];
        let links = links.into_iter().filter(|&to| to < self.pages);
        let anchors: Vec<String> = links.map(|to| format!("<a href=\"/{to}\">\n")).collect();
        anchors.concat()
    }
}

async fn serve(listener: TcpListener, site: Rc<Site>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                task::Builder::new().name("answer").spawn(answer(stream, Rc::clone(&site))).detach();
            }
            // No descriptors are left: until then somebody may have gone.
            Err(_) => sleep(LIMIT).await,
        }
    }
}

/// Answers one request; whatever goes wrong is the other end's loss.
async fn answer(stream: TcpStream, site: Rc<Site>) {
    let Ok(request) = read_until(&stream, |bytes| bytes.ends_with(b"\r\n\r\n")).await else { return };
    let path = request.strip_prefix("GET /").and_then(|rest| rest.split_once(' '));
    let page = path.and_then(|(page, _)| page.parse().ok()).filter(|page| *page < site.pages);
    let Some(page) = page else { return };
    let asked = {
        let mut asked = site.asked.borrow_mut();
        let count = asked.entry(page).or_default();
        *count += 1;
        *count
    };
    sleep(Duration::from_millis(u64::from(page * 31 % 40))).await;
    let text = match Site::behaviour(page, asked) {
        Behaviour::Answer => format!("HTTP/1.0 200 OK\r\n\r\n{}", site.body(page)),
        Behaviour::Unavailable => "HTTP/1.0 503 Service Unavailable\r\n\r\n".into(),
        Behaviour::HangUp => return,
        Behaviour::Silence => {
            // Until the other end has lost its patience.
            let _ = stream.read(&mut [0]).await;
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let parse = |line: &str| Options::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(
            parse("--workers 2 --pages 9 --rounds 1"),
            Ok(Options { workers: 2, pages: 9, rounds: 1 })
        );
        assert_eq!(parse("--workers"), Err("--workers needs a number".into()));
        assert_eq!(parse("--pages 0"), Err("--pages 0: at least 1".into()));
        assert_eq!(parse("--pages 1000001"), Err("--pages 1000001: at most 1000000".into()));
        assert_eq!(parse("here"), Err("unknown argument here".into()));
    }

    #[test]
    fn every_page_can_be_reached() {
        let site = Site { pages: 500, asked: RefCell::default() };
        let (mut seen, mut open) = (HashSet::from([0]), vec![0]);
        while let Some(page) = open.pop() {
            open.extend(site.body(page).lines().filter_map(link).filter(|to| seen.insert(*to)));
        }
        assert_eq!(seen.len(), 500);
    }
}
