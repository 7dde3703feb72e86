//! The palette: a line in which commands are typed, and a list of those that fit.
//!
//! Every row of the key table is a command, so what can be done by key can be found by its words. A command that takes
//! something behind it (`theme light`) lists what that can be. What is typed is read in [`perform`].
//!
//! # Invariants
//!
//! The list is made anew from the line whenever it is needed, so the two never disagree; the selected row is clamped to it.

mod fuzzy;
mod perform;

pub(crate) use perform::perform;

use super::event::Step;
use super::filter;
use super::line::Line;
use super::question::Listing;
use super::recall::Recall;
use super::state::{Overlay, State};
use super::table::Mistake;
use crate::keys::{Action, Binding, Context, TABLE};
use crate::theme::Palette as Tones;
use crate::times::parse_interval;
use loopscope_inspector::model::LogLevel;
use loopscope_inspector::model::spelling::closest;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What debug mode can be.
const MODES: [&str; 3] = ["on", "off", "stacks"];
/// The intervals that are offered; others can be typed.
const INTERVALS: [&str; 6] = ["200ms", "500ms", "1s", "2s", "5s", "10s"];

/// The palette, while it is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Palette {
    /// What is typed.
    pub(crate) line: Line,
    /// What is wrong with it, once somebody wanted it done.
    pub(crate) mistake: Option<Mistake>,
    /// The selected one of the choices; it may be beyond their end.
    pub(crate) at: usize,
    /// Whether it was selected by hand.
    moved: bool,
    /// How far back in the history the line is from.
    recall: Recall,
    /// What it lies over, and what the commands act on.
    below: Option<Box<Overlay>>,
    /// Where the commands act.
    context: Option<Context>,
    /// The table of the screen below.
    of: Option<Listing>,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What the line becomes if it is taken.
    pub(crate) line: String,
    /// How it is shown.
    pub(crate) shown: String,
    /// The keys that do the same.
    pub(crate) keys: String,
    /// What it does.
    pub(crate) help: String,
    /// Whether it can be done on the screen below.
    pub(crate) works: bool,
    /// Whether the line is whole with it, or something has to be typed behind it.
    whole: bool,
}

/// Opens the palette on top of what is seen.
pub(crate) fn open(state: &mut State) {
    let context = Some(state.context());
    let of = state.window().map(|window| window.of);
    let below = state.overlay.take().map(Box::new);
    state.overlay = Some(Overlay::Palette(Box::new(Palette { below, context, of, ..Palette::default() })));
}

/// Puts a line into the palette, to be changed.
pub(crate) fn fill(state: &mut State, line: &str) {
    if let Some(Overlay::Palette(open)) = &mut state.overlay {
        open.line = Line::new(line);
    }
}

/// Closes the palette; what it lay over is seen again.
fn close(state: &mut State) -> Option<Palette> {
    match state.overlay.take() {
        Some(Overlay::Palette(mut palette)) => {
            state.overlay = palette.below.take().map(|below| *below);
            Some(*palette)
        }
        other => {
            state.overlay = other;
            None
        }
    }
}

impl Palette {
    /// What fits what is typed, the best first.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        let text = self.line.text();
        let text = text.trim_start();
        match text.split_once(' ') {
            Some((word, rest)) => {
                let binding = TABLE.iter().find(|binding| binding.command() == word);
                binding.map(|binding| self.arguments(binding, rest)).unwrap_or_default()
            }
            None => self.commands(text),
        }
    }

    fn commands(&self, typed: &str) -> Vec<Choice> {
        let mut found: Vec<((bool, usize, bool), Choice)> = TABLE
            .iter()
            .filter_map(|binding| {
                let command = binding.command();
                // A word of the help finds a command too, after those that are called so.
                let by_help = || fuzzy::fit(typed, &command).is_none() && is_in(typed, binding.help);
                let fit = fuzzy::fit(typed, &command).or_else(|| by_help().then_some(usize::MAX))?;
                let choice = self.command(binding);
                // What works here comes first, and what only moves the selection last: everybody knows its keys.
                let fit = if typed.is_empty() { 0 } else { fit };
                Some(((!choice.works, fit, binding.action.only_moves()), choice))
            })
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, choice)| choice).collect()
    }

    fn command(&self, binding: &Binding) -> Choice {
        let command = binding.command();
        let argument = binding.action.argument();
        let shown = argument.map_or_else(|| command.clone(), |argument| format!("{command} {argument}"));
        Choice {
            line: command,
            shown,
            keys: if binding.keys.is_empty() { String::new() } else { binding.keys_text() },
            help: binding.help.to_owned(),
            works: self.context.is_some_and(|context| binding.contexts.contains(&context)),
            whole: !(binding.keys.is_empty() && argument.is_some()),
        }
    }

    /// What can stand behind a command.
    fn arguments(&self, binding: &Binding, typed: &str) -> Vec<Choice> {
        let command = binding.command();
        let works = self.context.is_some_and(|context| binding.contexts.contains(&context));
        let choice = |line: String, shown: &str, whole| Choice {
            line: format!("{command} {line}"),
            shown: shown.to_owned(),
            keys: String::new(),
            help: String::new(),
            works,
            whole,
        };
        let fitting = |names: &[&str], typed: &str| {
            let mut found: Vec<(usize, String)> = names
                .iter()
                .filter_map(|name| Some((fuzzy::fit(typed, name)?, (*name).to_owned())))
                .collect();
            if !typed.is_empty() {
                found.sort();
            }
            found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        match (binding.action, self.of) {
            (Action::Theme, _) => fitting(&Tones::NAMES, typed.trim())
                .into_iter()
                .map(|name| choice(name.clone(), &name, true))
                .collect(),
            (Action::Interval, _) => fitting(&INTERVALS, typed.trim())
                .into_iter()
                .map(|time| choice(time.clone(), &time, true))
                .collect(),
            (Action::Debug, _) => fitting(&MODES, typed.trim())
                .into_iter()
                .map(|name| choice(name.clone(), &name, true))
                .collect(),
            (Action::Level, _) => fitting(LogLevel::NAMES, typed.trim())
                .into_iter()
                .map(|name| choice(name.clone(), &name, true))
                .collect(),
            (Action::SortNext, Some(of)) => {
                let names: Vec<&str> = of.sorts().iter().map(|sort| sort.name).collect();
                let (minus, name) =
                    typed.trim().strip_prefix('-').map_or(("", typed.trim()), |name| ("-", name));
                let found = fitting(&names, name).into_iter();
                found.map(|name| choice(format!("{minus}{name}"), &format!("{minus}{name}"), true)).collect()
            }
            (Action::Filter, Some(of)) => {
                // The last word, as long as it is no more than the beginning of a column.
                let (before, word) =
                    typed.rsplit_once(' ').map_or(("", typed), |(before, word)| (before, word));
                let gap = if before.is_empty() { "" } else { " " };
                let columns = filter::columns(of);
                let found = fitting(&columns, word).into_iter();
                found.map(|name| choice(format!("{before}{gap}{name}"), &name, false)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The selected one of the choices.
    pub(crate) fn selected(&self, choices: &[Choice]) -> usize {
        self.at.min(choices.len().saturating_sub(1))
    }

    /// What there is to say under the line: what is wrong with it, or what is meant to be typed.
    pub(crate) fn hint(&self, choices: &[Choice]) -> Option<Mistake> {
        if self.mistake.is_some() || !choices.is_empty() {
            return self.mistake.clone();
        }
        let text = self.line.text();
        let word = text.trim_start();
        // A number is a task, and behind a command that is known anything may be typed.
        if word.contains(' ') || word.trim_start_matches('#').parse::<u64>().is_ok() {
            return None;
        }
        Some(Mistake { message: perform::unknown(word), at: 0 })
    }

    /// Takes the selected choice into the line; `false` if there is none.
    fn complete(&mut self) -> bool {
        let choices = self.choices();
        let Some(choice) = choices.get(self.selected(&choices)) else { return false };
        let takes_more = TABLE.iter().any(|b| b.command() == choice.line && b.action.argument().is_some());
        self.line = Line::new(&if takes_more { format!("{} ", choice.line) } else { choice.line.clone() });
        self.edited();
        true
    }

    fn edited(&mut self) {
        (self.at, self.moved, self.mistake) = (0, false, None);
    }

    /// What Enter is to do: the line as it stands, or the choice that fits it.
    fn wanted(&self) -> Wanted {
        let text = self.line.text();
        let text = text.trim();
        let choices = self.choices();
        let choice = choices.get(self.selected(&choices));
        let word = text.split_whitespace().next().unwrap_or_default();
        let is_number = text.trim_start_matches('#').parse::<u64>().is_ok();
        let known = TABLE.iter().any(|binding| binding.command() == word);
        let is_choice = choices.iter().any(|choice| choice.line == text);
        match choice {
            None if text.is_empty() => Wanted::Nothing,
            Some(_) if text.is_empty() && !self.moved => Wanted::Nothing,
            Some(choice) if self.moved && choice.whole => Wanted::Done(choice.line.clone()),
            Some(_) if self.moved => Wanted::Completed,
            _ if is_number || is_choice => Wanted::Done(text.to_owned()),
            // Of a fixed set what fits is meant, as in `theme li`.
            Some(choice) if choice.whole && (!known || text.contains(' ')) && !is_free(word, text) => {
                Wanted::Done(choice.line.clone())
            }
            Some(_) if !known => Wanted::Completed,
            _ => Wanted::Done(text.to_owned()),
        }
    }
}

/// What Enter is to do.
enum Wanted {
    /// Close.
    Nothing,
    /// Something has to be typed behind the selected choice.
    Completed,
    /// This line.
    Done(String),
}

/// Whether anything may stand behind the command, and something does that can be read.
fn is_free(word: &str, text: &str) -> bool {
    let rest = text.strip_prefix(word).unwrap_or_default().trim();
    word == "interval" && parse_interval(rest).is_ok()
}

/// Whether a text has the word, whatever the case.
fn is_in(word: &str, text: &str) -> bool {
    word.chars().count() > 2 && text.to_lowercase().contains(&word.to_lowercase())
}

/// A key while the palette is open.
pub(crate) fn on_key(state: &mut State, key: KeyEvent) -> Step {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let Some(Overlay::Palette(palette)) = &mut state.overlay else { return Step::nothing() };
    match key.code {
        KeyCode::Esc => {
            close(state);
        }
        KeyCode::Backspace if palette.line.text().is_empty() => {
            close(state);
        }
        KeyCode::Enter => return enter(state),
        KeyCode::Tab => {
            if !palette.complete() {
                palette.mistake = palette.hint(&[]).or_else(|| {
                    Some(Mistake { message: "nothing to complete this with is known".to_owned(), at: 0 })
                });
            }
        }
        KeyCode::Up | KeyCode::BackTab => select(palette, -1),
        KeyCode::Down => select(palette, 1),
        KeyCode::PageUp => select(palette, -PAGE),
        KeyCode::PageDown => select(palette, PAGE),
        KeyCode::Char('p') if control => {
            if let Some(older) = palette.recall.older(&state.wishes.commands, &palette.line.text()) {
                palette.line = Line::new(&older);
                palette.edited();
            }
        }
        KeyCode::Char('n') if control => {
            if let Some(newer) = palette.recall.newer(&state.wishes.commands) {
                palette.line = Line::new(&newer);
                palette.edited();
            }
        }
        _ => {
            if !palette.line.key(key) {
                return Step::nothing();
            }
            palette.edited();
        }
    }
    Step::changed()
}

/// Rows that a page is.
const PAGE: isize = 8;

/// Moves the selection of the palette.
pub(crate) fn select(palette: &mut Palette, by: isize) {
    let choices = palette.choices();
    let at = palette.selected(&choices);
    palette.at = at.saturating_add_signed(by).min(choices.len().saturating_sub(1));
    palette.moved = true;
}

/// A click on one of the choices; the second does what Enter does.
pub(crate) fn click(state: &mut State, row: usize) -> Step {
    let Some(Overlay::Palette(palette)) = &mut state.overlay else { return Step::nothing() };
    let choices = palette.choices();
    if row >= choices.len() {
        return Step::nothing();
    }
    let again = palette.selected(&choices) == row && palette.moved;
    (palette.at, palette.moved) = (row, true);
    if again { enter(state) } else { Step::changed() }
}

/// Text that was pasted.
pub(crate) fn paste(palette: &mut Palette, text: &str) {
    palette.line.insert(text);
    palette.edited();
}

/// The first of the choices that is seen with so many rows on the screen.
pub(crate) fn top(at: usize, rows: usize) -> usize {
    (at + 1).saturating_sub(rows)
}

fn enter(state: &mut State) -> Step {
    let Some(Overlay::Palette(palette)) = &mut state.overlay else { return Step::nothing() };
    let line = match palette.wanted() {
        Wanted::Nothing => {
            close(state);
            return Step::changed();
        }
        Wanted::Completed => {
            palette.complete();
            return Step::changed();
        }
        Wanted::Done(line) => line,
    };
    let Some(palette) = close(state) else { return Step::nothing() };
    match perform(state, &line) {
        Ok(step) => {
            state.wishes.commands.keep(&line);
            step
        }
        Err(mistake) => {
            let below = state.overlay.take().map(Box::new);
            let palette = Palette { line: Line::new(&line), mistake: Some(mistake), below, ..palette };
            state.overlay = Some(Overlay::Palette(Box::new(palette)));
            Step::changed()
        }
    }
}
