//! Everything at once: random keys, clicks, sizes, answers, ends and silences, and the screen drawn after each.
//!
//! The ordinary run takes [`EVENTS`] of them. A million, as before a release:
//!
//! ```console
//! $ LOOPSCOPE_EVENTS=1000000 cargo test --release -p loopscope-tui --bin loopscope -- storm --nocapture
//! ```
//!
//! `LOOPSCOPE_SEED` takes another path. What fails says its seed and the number of the event.

use super::super::event::{Data, Effect, Event, Excerpt, Identity};
use super::super::link::Link;
use super::super::question::{Answer, Page, Question};
use super::super::sample::{
    answer, attached, found, identity, obey, overview, process, task, task_picture, tree,
};
use super::super::state::{Overlay, State};
use super::super::update::update;
use crate::keys::{Context, TABLE};
use crate::view::view;
use loopscope_inspector::model::{LogLine, Process, Rights, TaskState, TreeNode, WallTime};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Events of the ordinary run.
const EVENTS: u64 = 6_000;
/// The widest and highest terminal.
const SIZE_MAX: u64 = 300;

/// Numbers that look random and are the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A size; most are small, which is where things do not fit, and all are there.
    fn size(&mut self) -> u16 {
        let most = self.one(&[4, 40, 90, 90, 90, SIZE_MAX]);
        self.below(most + 1) as u16
    }

    fn number(&mut self) -> u64 {
        let small = self.below(20);
        self.one(&[0, 1, small, small, 1_000_000, u64::MAX - 1, u64::MAX])
    }

    fn text(&mut self) -> String {
        let pieces = [
            "",
            "a",
            "state=idle",
            "name~^(",
            "\x1b[2J",
            "日本語",
            "e\u{301}",
            "\n",
            " ",
            "theme li",
            "-busy",
            "🦀",
            "\u{202e}",
            "99999999999999999999",
        ];
        (0..self.below(5)).map(|_| self.one(&pieces)).collect()
    }
}

/// Says where the storm was when something failed.
struct Where {
    seed: u64,
    number: u64,
}

impl Drop for Where {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, number } = self;
            eprintln!("event {number} of LOOPSCOPE_SEED={seed}");
        }
    }
}

fn key(dice: &mut Dice) -> Event {
    let named = [
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Enter,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::F(1),
        KeyCode::Insert,
        KeyCode::Null,
    ];
    let code = match dice.below(10) {
        0..=4 => dice.one(&named),
        5..=6 => KeyCode::Char(dice.one(&[
            '1', '2', '3', '4', '5', '6', '8', '9', 'w', 'n', 'a', 'x', 'y', 'd', 'v', 'F', '/', ':', 'Y',
            '?', 'p', ' ', 't', 'e', 'f', 'G',
        ])),
        7..=8 => KeyCode::Char(char::from(dice.below(95) as u8 + b' ')),
        _ => KeyCode::Char(char::from_u32(dice.below(0x11_0000) as u32).unwrap_or('ä')),
    };
    let none = KeyModifiers::NONE;
    let modifiers = dice.one(&[none, none, none, none, none, KeyModifiers::CONTROL, KeyModifiers::ALT]);
    Event::Key(KeyEvent::new(code, modifiers))
}

fn mouse(dice: &mut Dice, state: &State) -> Event {
    let kind = dice.one(&[
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::Down(MouseButton::Right),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ]);
    // A little beyond the edge, since a size may have changed meanwhile.
    let (column, row) =
        (dice.below(u64::from(state.size.0) + 3) as u16, dice.below(u64::from(state.size.1) + 3) as u16);
    Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

/// A page that no honest process sends.
fn lies(dice: &mut Dice, offset: u64) -> Page<TreeNode> {
    let rows = (0..dice.below(60)).map(|_| {
        let name = dice.text();
        let mut seen = tree().swap_remove(dice.below(11) as usize).task;
        if dice.below(2) == 0 {
            seen = task(dice.below(50), Some(&name), TaskState::Running, Vec::new());
        }
        (seen.polls, seen.busy_ns, seen.scheduled_ns, seen.idle_ns) =
            (dice.number(), dice.number(), dice.number(), dice.number());
        (seen.longest_poll_ns, seen.blocks) = (Some(dice.number()), Some(dice.number()));
        let number = |dice: &mut Dice| dice.number().min(u64::from(u32::MAX));
        TreeNode {
            depth: number(dice) as u32,
            children: number(dice),
            descendants: dice.number(),
            last: dice.below(2) == 0,
            task: seen,
        }
    });
    let rows = rows.collect();
    let offset = if dice.below(2) == 0 { offset } else { dice.number() };
    Page {
        taken_at: WallTime(dice.number()),
        process: process(),
        offset,
        total: dice.number(),
        rows,
        ..Page::default()
    }
}

/// News of the process: what was asked for, what was asked before, and what was never asked.
fn data(dice: &mut Dice, state: &mut State) -> Event {
    let other = Identity { pid: 4242, started: Some(78) };
    let from = if dice.below(50) == 0 { other.clone() } else { identity() };
    let told = |question, told| Event::Data(Data::Answer(from.clone(), Box::new((question, told))));
    match (dice.below(60), state.question()) {
        (0..=5, Some(Question::Table(asked))) => {
            let page = lies(dice, asked.offset);
            told(Question::Table(asked), Answer::Tasks(Box::new(page)))
        }
        (6, _) => told(Question::Processes, Answer::Processes(Vec::new())),
        (7..=8, _) => told(Question::Overview, Answer::Overview(Box::new(overview(dice.below(2) == 0)))),
        (9, _) => told(Question::Task(7), Answer::Task(None)),
        (16, _) => told(Question::Logs, Answer::Logs(Err(dice.text()))),
        (17, _) => {
            let mut logs = found::logs(6);
            let first = dice.number().min(u64::MAX - 10);
            for (line, number) in logs.lines.iter_mut().zip(first..) {
                *line = Arc::new(LogLine {
                    number,
                    at: WallTime(dice.number()),
                    message: dice.text(),
                    ..(**line).clone()
                });
            }
            logs.missed = dice.number();
            told(Question::Logs, Answer::Logs(Ok(Box::new(logs))))
        }
        (10, _) => told(Question::Task(7), Answer::Task(Some(Box::new(task_picture(7))))),
        (11, _) => Event::Data(Data::Silent(dice.text())),
        (12, _) => Event::Data(Data::Waiting(dice.text())),
        (13, _) if dice.below(4) == 0 => Event::Data(Data::Ended(Some(dice.text()))),
        (14, _) if dice.below(4) == 0 => Event::Data(Data::Refused(dice.text())),
        (15, _) if dice.below(8) == 0 => Event::Data(Data::Attached(other, Box::new(process()))),
        _ => {
            let total = dice.one(&[0, 1, 11, 11, 11, 2_000, 1_000_000]);
            answer(state, total);
            Event::Tick(state.now + Duration::from_millis(dice.below(3_000)))
        }
    }
}

fn event(dice: &mut Dice, state: &mut State) -> Event {
    match dice.below(100) {
        0..=64 => key(dice),
        65..=74 => mouse(dice, state),
        75..=78 => Event::Resize(dice.size(), dice.size()),
        79 => Event::Paste(dice.text()),
        80 => Event::Failed(dice.text()),
        81 if dice.below(2) == 0 => Event::Returned,
        81 => Event::Continued,
        _ => data(dice, state),
    }
}

/// What the program would do: attach where the user wants to, and read files.
fn carry_out(dice: &mut Dice, state: &mut State, effects: Vec<Effect>) {
    for effect in effects {
        match effect {
            Effect::Do(order) if dice.below(4) > 0 => obey(state, vec![Effect::Do(order)]),
            Effect::Do(order) => {
                let failed = (order, Err(dice.text()));
                let _ = update(state, Event::Data(Data::Done(identity(), Box::new(failed))));
            }
            Effect::Attach(_) if dice.below(4) > 0 => {
                let _ = update(state, Event::Data(Data::Attached(identity(), Box::new(process()))));
            }
            Effect::Attach(_) => {
                let _ = update(state, Event::Data(Data::Refused(dice.text())));
            }
            Effect::Read(place) => {
                let lines = (0..dice.below(4)).map(|_| dice.text()).collect();
                // Read by us from a file, so no larger than a file is.
                let first = dice.below(1 << 24) as u32;
                let _ = update(state, Event::Data(Data::Source(place, Excerpt { first, lines })));
            }
            _ => {}
        }
    }
}

/// Grants every right.
fn may_all(state: &mut State) {
    if let Some(process) = &mut state.process {
        process.rights = Some(Rights { see: true, diagnose: true, control: true });
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_storm_of_events_at_any_size_panics_or_draws_outside() {
    let seed = number("LOOPSCOPE_SEED").filter(|seed| *seed > 0).unwrap_or(0x5eed);
    let events = number("LOOPSCOPE_EVENTS").unwrap_or(EVENTS);
    let mut dice = Dice(seed);
    let mut at = Where { seed, number: 0 };
    let mut state = attached(80, 24);
    may_all(&mut state);
    let mut contexts: BTreeSet<&str> = BTreeSet::new();
    let mut drawn: u64 = 0;
    let mut buf = Buffer::empty(Rect::ZERO);
    while at.number < events {
        at.number += 1;
        let next = event(&mut dice, &mut state);
        let resized = matches!(next, Event::Resize(..));
        let step = update(&mut state, next);
        assert!(step.changed || !resized);
        carry_out(&mut dice, &mut state, step.effects);
        if step.changed {
            drawn += 1;
            buf.resize(state.area());
            buf.reset();
            if let Some(position) = view(&state, state.area(), &mut buf) {
                assert!(state.area().contains(position), "{position:?} in {:?}", state.area());
            }
        }
        contexts.insert(state.context().name());
        if dice.below(10) == 0 {
            may_all(&mut state);
        }
        // A terminal that is too small for long, or a process that is gone for long, would hide the rest.
        let gone = matches!(state.link, Link::Ended { .. } | Link::Refused { .. });
        if gone && dice.below(30) == 0 {
            state.forget();
            state.picker.take(vec![process(), Process::default()]);
            let _ = update(&mut state, Event::Key(KeyEvent::from(KeyCode::Enter)));
            let _ = update(&mut state, Event::Data(Data::Attached(identity(), Box::new(process()))));
        }
        if state.context() == Context::Connecting && dice.below(20) == 0 {
            let _ = update(&mut state, Event::Data(Data::Attached(identity(), Box::new(process()))));
        }
        assert!(state.pages.len() <= super::super::state::PAGES_MAX);
        assert!(
            !matches!(&state.overlay, Some(Overlay::Palette(open)) if open.choices().len() > 4 * TABLE.len())
        );
    }
    let all = [
        Context::Picker,
        Context::Connecting,
        Context::Overview,
        Context::Tasks,
        Context::Sites,
        Context::Timers,
        Context::Io,
        Context::Sync,
        Context::Warnings,
        Context::Warning,
        Context::Logs,
        Context::Stacks,
        Context::Ask,
        Context::Task,
        Context::Why,
        Context::Help,
        Context::Menu,
        Context::Palette,
    ];
    let missing: Vec<&str> =
        all.iter().map(|context| context.name()).filter(|name| !contexts.contains(name)).collect();
    assert!(missing.is_empty() || events < EVENTS, "the storm never came to {missing:?}");
    eprintln!("{events} events, {drawn} pictures drawn, seed {seed}");
}
