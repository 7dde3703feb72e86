//! A chat over TCP in which nobody who reads slowly makes others wait, or the program grow.
//!
//! ```text
//! chat [--tcp ADDRESS] [--bots N]
//! ```
//!
//! Without an address it listens on a free port of 127.0.0.1. Join with `nc` or `telnet`: the first line is your name, each
//! further one goes to everybody else; `/who` lists who is there, `/quit` leaves.
//!
//! Each member has an outbox of 64 lines. To whom it is full a line is not sent, and as soon as there is room again the member is
//! told how many were missed. Who takes nothing at all for ten seconds is disconnected.
//!
//! N bots (default 5) chat from within the program, over TCP like everybody, so that there is something to look at; the last
//! of them reads so slowly that it misses most. Attach meanwhile: the full outbox, the task that waits to write to that bot,
//! the connections and their bytes. Ctrl-C stops it.

#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::net::{TcpListener, TcpStream};
use loopscope::sync::channel;
use loopscope::task;
use loopscope::time::{sleep, timeout};
use rustix::net::sockopt;

const USAGE: &str = "usage: chat [--tcp ADDRESS] [--bots N]";

/// Lines that wait for one member.
const OUTBOX_LINES: usize = 64;
/// What a line may have. Who sends more at once wants something else than to chat.
const LINE_BYTES_MAX: usize = 1024;
/// What the OS may keep of what is sent to a member: a few hundred lines, where it would otherwise take megabytes.
const OS_BUFFER_BYTES: usize = 16 << 10;
/// How long a member may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted because the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest name.
const NAME_CHARS_MAX: usize = 20;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    address: SocketAddr,
    bots: u32,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), bots: 5 };
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--tcp" => {
                    let address = value()?;
                    options.address =
                        address.parse().map_err(|_| format!("{address} is no address like 127.0.0.1:0"))?;
                }
                "--bots" => {
                    let bots = value()?;
                    options.bots = bots.parse().map_err(|_| format!("--bots {bots}: not a number"))?;
                }
                _ => return Err(format!("unknown argument {flag}")),
            }
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
    match loopscope::run(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let listener = TcpListener::bind(options.address)?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    for number in 1..=options.bots {
        let is_slow = number == options.bots;
        let name = if is_slow { "sloth".to_owned() } else { format!("bot {number}") };
        task::Builder::new().name(&name).spawn(live(address, name.clone(), is_slow)).detach();
    }
    let room = Rc::new(Room::default());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let name = format!("member {peer}");
                task::Builder::new().name(&name).spawn(attend(Rc::clone(&room), stream)).detach();
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Who is there.
#[derive(Default)]
struct Room {
    members: RefCell<BTreeMap<u64, Rc<Member>>>,
    /// How many came so far.
    came: Cell<u64>,
}

/// One who is there.
struct Member {
    name: String,
    outbox: channel::Sender<Rc<str>>,
    /// Lines that found no room since the last one that did.
    missed: Cell<u64>,
}

impl Member {
    /// Puts a line into the outbox, or counts it as missed; never waits.
    fn offer(&self, line: &Rc<str>) {
        let missed = self.missed.get();
        if missed > 0 {
            let notice = format!("* you read too slowly and missed {missed} lines\n");
            if self.outbox.try_send(notice.into()).is_err() {
                self.missed.set(missed + 1);
                return;
            }
            self.missed.set(0);
        }
        if self.outbox.try_send(Rc::clone(line)).is_err() {
            self.missed.set(self.missed.get() + 1);
        }
    }
}

impl Room {
    /// Says something to everybody but one.
    fn tell(&self, but: u64, line: &str) {
        let line: Rc<str> = line.into();
        for (_, member) in self.members.borrow().iter().filter(|(number, _)| **number != but) {
            member.offer(&line);
        }
    }

    fn names(&self) -> String {
        let members = self.members.borrow();
        let names: Vec<&str> = members.values().map(|member| member.name.as_str()).collect();
        format!("* {} here: {}\n", names.len(), names.join(", "))
    }
}

/// A member's place in the room, given up when the value goes, however that comes.
struct Seat {
    room: Rc<Room>,
    number: u64,
    member: Rc<Member>,
    /// Why it is given up.
    why: Cell<&'static str>,
}

impl Seat {
    fn take(room: Rc<Room>, name: String, outbox: channel::Sender<Rc<str>>) -> Self {
        let number = room.came.get() + 1;
        room.came.set(number);
        let member = Rc::new(Member { name, outbox, missed: Cell::new(0) });
        room.members.borrow_mut().insert(number, Rc::clone(&member));
        room.tell(number, &format!("* {} is here\n", member.name));
        Self { room, number, member, why: Cell::new("") }
    }

    /// What the member said. Returns whether it stays.
    fn said(&self, line: &str) -> bool {
        let name = &self.member.name;
        match line {
            "" => {}
            "/quit" => return false,
            "/who" => self.member.offer(&self.room.names().into()),
            line if line.starts_with('/') => self.member.offer(&"* there are /who and /quit\n".into()),
            line => self.room.tell(self.number, &format!("{name}: {line}\n")),
        }
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.members.borrow_mut().remove(&self.number);
        self.room.tell(self.number, &format!("* {} is gone{}\n", self.member.name, self.why.get()));
    }
}

/// One member: reads what it says, and writes what others say.
async fn attend(room: Rc<Room>, stream: TcpStream) {
    // It only bounds what the OS keeps; without it the program works all the same.
    let _ = sockopt::set_socket_send_buffer_size(&stream, OS_BUFFER_BYTES);
    let mut lines = Lines::new(&stream);
    if stream.write_all(b"* your name?\n").await.is_err() {
        return;
    }
    let Ok(Some(name)) = lines.next().await else { return };
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let name = if name.is_empty() { "nobody".to_owned() } else { name };
    let (outbox, mut inbox) = channel::named(&format!("outbox of {name}"), Some(OUTBOX_LINES));
    let seat = Seat::take(room, name, outbox);
    let reading = async {
        while let Ok(Some(line)) = lines.next().await {
            if !seat.said(&line) {
                break;
            }
            // One line a turn: a burst must not fill the outboxes of those who do read.
            loopscope::yield_now().await;
        }
        ""
    };
    let writing = async {
        while let Some(line) = inbox.recv().await {
            match timeout(PATIENCE, stream.write_all(line.as_bytes())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return "",
                Err(_) => return ", for it takes nothing",
            }
        }
        ""
    };
    let why = loopscope::select! {
        why = reading => why,
        why = writing => why,
    };
    seat.why.set(why);
}

/// The lines of a stream, without what could play tricks on other members' terminals.
struct Lines<'a> {
    stream: &'a TcpStream,
    bytes: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    /// The next line; none when the other end is done. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Ok(Some(printable(&line)));
            }
            if self.bytes.len() > LINE_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut more = [0; 512];
            match self.stream.read(&mut more).await? {
                0 => return Ok(None),
                count => self.bytes.extend_from_slice(&more[..count]),
            }
        }
    }
}

fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// What bots talk about.
const TOPICS: [&str; 6] = [
    "has anybody seen the poll that took a second?",
    "my queue is full again",
    "I only wait for a lock, do not mind me",
    "who holds it?",
    "it works on my loop",
    "have you tried to look into it?",
];
/// The longest a bot thinks before it speaks.
const THINKING_MS_MAX: u64 = 120;
/// What the slow one reads at once, and how long it then rests.
const SLOTH_BYTES: usize = 1024;
const SLOTH_RESTS: Duration = Duration::from_secs(1);

/// A member that lives here, and comes back when it was disconnected.
async fn live(address: SocketAddr, name: String, is_slow: bool) {
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            if is_slow {
                // Else the OS takes megabytes for it, and it would be slow for an hour before anybody notices.
                let _ = sockopt::set_socket_recv_buffer_size(&stream, OS_BUFFER_BYTES);
            }
            if stream.write_all(format!("{name}\n").as_bytes()).await.is_ok() {
                loopscope::select! {
                    () = listen(&stream, is_slow) => {}
                    () = talk(&stream, &name), if !is_slow => {}
                }
            }
        }
        sleep(SLOTH_RESTS).await;
    }
}

async fn listen(stream: &TcpStream, is_slow: bool) {
    let mut bytes = [0; 4096];
    let room = if is_slow { &mut bytes[..SLOTH_BYTES] } else { &mut bytes[..] };
    while let Ok(1..) = stream.read(room).await {
        if is_slow {
            sleep(SLOTH_RESTS).await;
        }
    }
}

async fn talk(stream: &TcpStream, name: &str) {
    // Marsaglia's xorshift, from another number for each bot.
    let mut random =
        name.bytes().fold(0x2545_f491_4f6c_dd1d_u64, |sum, byte| sum.rotate_left(8) ^ u64::from(byte));
    for topic in TOPICS.iter().cycle() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sleep(Duration::from_millis(1 + random % THINKING_MS_MAX)).await;
        if stream.write_all(format!("{topic}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn mistakes_are_named() {
        let address = "[::1]:7".parse().unwrap();
        assert_eq!(parse("--tcp [::1]:7 --bots 0"), Ok(Options { address, bots: 0 }));
        assert_eq!(parse("--tcp here"), Err("here is no address like 127.0.0.1:0".into()));
        assert_eq!(parse("--bots"), Err("--bots needs a value".into()));
        assert_eq!(parse("--bots many"), Err("--bots many: not a number".into()));
        assert_eq!(parse("4000"), Err("unknown argument 4000".into()));
    }

    #[test]
    fn a_full_outbox_counts_what_it_misses_and_tells_when_there_is_room() {
        loopscope::run(async {
            let (outbox, mut inbox) = channel::named("outbox", Some(2));
            let member = Member { name: "slow".into(), outbox, missed: Cell::new(0) };
            let line = |number: u32| Rc::<str>::from(format!("{number}\n"));
            for number in 1..=5 {
                member.offer(&line(number));
            }
            let mut next = || inbox.try_recv().unwrap();
            assert_eq!((&*next(), &*next()), ("1\n", "2\n"));
            member.offer(&line(6));
            assert_eq!((&*next(), &*next()), ("* you read too slowly and missed 3 lines\n", "6\n"));
        });
    }

    #[test]
    fn escapes_do_not_reach_other_terminals() {
        assert_eq!(printable(b"\x1b[2J h\xc3\xa4\xff\r\n"), "[2J hä\u{fffd}");
    }
}
