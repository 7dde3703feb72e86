//! The only place that does anything: takes events, updates, draws if something changed, carries out effects.
//!
//! # Order within one turn
//!
//! 1. Sleep until there is an event.
//! 2. Update with it and with those that came meanwhile, [`EVENTS_MAX`] at most, carrying out the effects of each.
//! 3. Put the question that is open now on the feed's desk.
//! 4. Draw once, if any of the steps changed something and the terminal is ours.
//!
//! So a burst of keys is one frame, an idle program draws nothing, and what is drawn is what is asked for.

use super::desk::Desk;
use super::editor;
use super::ending::Started;
use super::event::{Data, Effect, Event, Now, Step};
use super::feed;
use super::inbox::{Inbox, Sender, inbox};
use super::input::Input;
use super::link::Link;
use super::source;
use super::state::State;
use super::update::update;
use crate::terminal::{self, Guard, Screen};
use crate::theme::{Theme, Wishes};
use crate::view::view;
use anyhow::Context as _;
use loopscope::Runner;
use loopscope::time::Instant;
use loopscope_inspector::client::Target;
use loopscope_inspector::model::Place;
use loopscope_inspector::wire::Request;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Events that are taken before a frame is drawn.
const EVENTS_MAX: usize = 256;
/// How often time passes.
const TICK: Duration = Duration::from_secs(1);
/// What is opened where the user names no editor.
const EDITOR: &str = "vi";

/// How the program is to run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What the user wants of its looks; the rest is found out from the environment.
    pub(crate) looks: Wishes,
    /// Time from one picture to the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// What every question says beside its own: what is too much.
    pub(crate) judging: Request,
    /// Whether the mouse is listened to; without it, the terminal's own selection works.
    pub(crate) mouse: bool,
    /// The program that is looked at, if we started it: it can say how it has ended.
    pub(crate) started: Option<Started>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            looks: Wishes::default(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            judging: Request::default(),
            mouse: true,
            started: None,
        }
    }
}

/// Takes the terminal over and runs until the user quits. `None` as the target lets the user choose a process.
///
/// # Errors
///
/// A signal asked for the end ([`Terminated`]); standard input or output is no terminal, or it is lost; the OS refuses a
/// loop or a thread.
pub(crate) fn run(target: Option<Target>, options: &Options) -> anyhow::Result<()> {
    let mut runner =
        Runner::builder().name("loopscope").hidden(true).build().context("cannot make an event loop")?;
    let (guard, screen) = Guard::enter(options.mouse).context("cannot take over the terminal")?;
    let (sender, inbox) = inbox();
    let input = Input::start(sender.clone()).context("cannot read the terminal")?;
    let size = ratatui::crossterm::terminal::size().context("the terminal has no size")?;
    let theme = Theme::detect(options.looks, |name| std::env::var(name).ok());
    let mut state = State::new(theme, size, first_link(target.as_ref()));
    state.wishes.mouse = options.mouse;
    state.wishes.interval = options.interval;
    let program = Program {
        state,
        screen,
        guard,
        input,
        inbox,
        sender,
        desk: Desk::default(),
        pid: None,
        lent: Lent::No,
    };
    runner.block_on(program.run(target, options.clone())).context("the event loop has ended")?
}

fn first_link(target: Option<&Target>) -> Link {
    match target {
        None => Link::Choosing,
        Some(target) => {
            let target = feed::words(target);
            Link::Connecting { waiting: format!("{target} to answer"), target, since: Now::ZERO }
        }
    }
}

/// The program was ended by a signal, and this one says so to whoever waits for it.
#[derive(Debug)]
pub(crate) struct Terminated(pub(crate) i32);

impl std::fmt::Display for Terminated {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ended by signal {}", self.0)
    }
}

impl std::error::Error for Terminated {}

/// Everything that is not state.
#[derive(Debug)]
struct Program {
    state: State,
    screen: Screen,
    guard: Guard,
    input: Input,
    inbox: Inbox,
    sender: Sender,
    desk: Desk,
    /// The attached process, to find its files.
    pid: Option<u32>,
    lent: Lent,
}

/// Who has the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lent {
    #[default]
    No,
    ToEditor,
    ToShell,
}

/// Whether the program goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Go,
    Quit,
}

impl Program {
    async fn run(mut self, target: Option<Target>, options: Options) -> anyhow::Result<()> {
        // The first picture is drawn before anything is asked: it says what is waited for.
        self.draw()?;
        self.desk.attach(target);
        let ticking = loopscope::spawn(tick(self.sender.clone()));
        let feeding = loopscope::spawn(feed::feed(self.sender.clone(), self.desk.clone(), options));
        let result = self.turns().await;
        ticking.cancel().await;
        feeding.cancel().await;
        result
    }

    async fn turns(&mut self) -> anyhow::Result<()> {
        loop {
            self.desk.pace(self.state.wishes.interval);
            self.desk.ask(self.state.question());
            let mut next = Some(self.inbox.next().await);
            let mut changed = false;
            for _ in 0..EVENTS_MAX {
                let Some(event) = next.take().or_else(|| self.inbox.try_next()) else { break };
                // A stopped program goes on, and with it the editor: that still has the terminal.
                let ours_again = match event {
                    Event::Returned => true,
                    Event::Continued => self.lent != Lent::ToEditor,
                    _ => false,
                };
                if ours_again {
                    self.take_terminal()?;
                }
                if let Event::Data(Data::Attached(identity, _) | Data::Restarted(identity, _)) = &event {
                    self.pid = Some(identity.pid);
                }
                let step: Step = update(&mut self.state, event);
                changed |= step.changed;
                for effect in step.effects {
                    if self.carry_out(effect)? == Next::Quit {
                        return Ok(());
                    }
                }
            }
            let dropped = self.inbox.take_dropped();
            if dropped > 0 {
                self.state.complain(format!("Input came too fast: {dropped} keys were thrown away."));
                changed = true;
            }
            if changed && self.lent == Lent::No {
                self.draw()?;
            }
        }
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        let state = &self.state;
        self.screen
            .draw(|frame| {
                let area = frame.area();
                if let Some(at) = view(state, area, frame.buffer_mut()) {
                    frame.set_cursor_position(at);
                }
            })
            .context("cannot write to the terminal")?;
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> anyhow::Result<Next> {
        match effect {
            Effect::Quit(None) => return Ok(Next::Quit),
            Effect::Quit(Some(signal)) => return Err(Terminated(signal).into()),
            Effect::Copy(text) => {
                let mut out = std::io::stdout();
                let written =
                    out.write_all(terminal::copy_sequence(&text).as_bytes()).and_then(|()| out.flush());
                written.context("cannot write to the terminal")?;
            }
            Effect::Edit(place) => self.edit(&place),
            Effect::Suspend => self.suspend(),
            Effect::Mouse(ours) => self.guard.set_mouse(ours).context("cannot write to the terminal")?,
            Effect::Redraw => {
                if self.lent == Lent::No {
                    self.guard.take_back(&mut self.screen).context("cannot take the terminal back")?;
                }
            }
            Effect::Attach(process) => {
                self.inbox.forget_data();
                self.desk.attach(Some(feed::target_of(&process)));
            }
            Effect::Detach => {
                self.pid = None;
                self.inbox.forget_data();
                self.desk.attach(None);
            }
            Effect::Do(order) => self.desk.order(order),
            Effect::Read(place) => {
                let excerpt = source::read(&place, &self.roots());
                self.sender.post(Event::Data(Data::Source(place, excerpt)));
            }
        }
        Ok(Next::Go)
    }

    /// Where relative paths of source files are looked for: here, and where the observed process works.
    fn roots(&self) -> Vec<PathBuf> {
        let here = std::env::current_dir().ok();
        let there = self.pid.and_then(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).ok());
        let mut roots: Vec<PathBuf> = here.into_iter().chain(there).collect();
        // A program that was built in a workspace names its files from the workspace's root.
        let above: Vec<PathBuf> =
            roots.iter().flat_map(|root| root.ancestors().skip(1).take(2)).map(PathBuf::from).collect();
        roots.extend(above);
        roots
    }

    fn edit(&mut self, place: &Place) {
        let Some(file) = source::find(place, &self.roots()) else {
            self.sender.post(Event::Failed(format!(
                "{} is not here.",
                loopscope_inspector::model::words::place(place)
            )));
            return;
        };
        let wanted = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
        let wanted = wanted.unwrap_or_else(|| EDITOR.to_owned());
        let Some((program, arguments)) = editor::command(&wanted, &file, place.line) else {
            self.sender.post(Event::Failed("$EDITOR names no program.".to_owned()));
            return;
        };
        self.lend_terminal(Lent::ToEditor);
        let sender = self.sender.clone();
        // A thread waits for it, so that the picture and the signals go on.
        let waiter = std::thread::Builder::new().name("editor".to_owned()).spawn(move || {
            let status = Command::new(&program).args(arguments).status();
            sender.post(Event::Returned);
            match status {
                Ok(status) if status.success() => {}
                Ok(status) => sender.post(Event::Failed(format!("{program}: {status}"))),
                Err(error) => sender.post(Event::Failed(format!("{program} cannot be started: {error}"))),
            }
        });
        if let Err(error) = waiter {
            self.sender.post(Event::Returned);
            self.sender.post(Event::Failed(format!("no thread for the editor: {error}")));
        }
    }

    /// Back to the shell; SIGCONT brings [`Event::Continued`].
    fn suspend(&mut self) {
        if self.lent == Lent::ToShell {
            return;
        }
        if !has_shell() {
            self.sender.post(Event::Failed("There is no shell to go back to from here.".to_owned()));
            return;
        }
        // Ctrl-Z in an editor stops both, and the shell waits for both; the terminal stays the editor's.
        if self.lent == Lent::No {
            self.lend_terminal(Lent::ToShell);
        }
        // SIGTSTP is listened to, so that one from elsewhere leads here too: this one cannot be.
        if let Err(error) =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)
        {
            self.sender.post(Event::Continued);
            self.sender.post(Event::Failed(format!("cannot stop: {error}")));
        }
    }

    fn lend_terminal(&mut self, to: Lent) {
        self.input.pause();
        terminal::restore();
        self.lent = to;
    }

    fn take_terminal(&mut self) -> anyhow::Result<()> {
        self.guard.take_back(&mut self.screen).context("cannot take the terminal back")?;
        if std::mem::take(&mut self.lent) != Lent::No {
            self.input.resume();
        }
        // It may have been made larger or smaller meanwhile.
        if let Ok((width, height)) = ratatui::crossterm::terminal::size() {
            self.sender.post(Event::Resize(width, height));
        }
        Ok(())
    }
}

/// Whether somebody could make the program go on after it stopped: a parent that runs several jobs in this session. A
/// program that a terminal was opened for has none.
fn has_shell() -> bool {
    use rustix::process::{getpgid, getpgrp, getppid, getsid};
    let Some(parent) = getppid() else { return false };
    let same_session =
        matches!((getsid(Some(parent)), getsid(None)), (Ok(theirs), Ok(ours)) if theirs == ours);
    same_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}

/// Lets time pass, once a second.
async fn tick(sender: Sender) {
    let start = Instant::now();
    loop {
        loopscope::sleep(TICK).await;
        sender.post(Event::Tick(start.elapsed()));
    }
}
