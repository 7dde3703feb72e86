//! What a typed command does.

use super::{Mistake, State, Step, closest};
use crate::app::act::act;
use crate::app::logs;
use crate::app::looks;
use crate::app::open::goto;
use crate::app::order::{self, Order};
use crate::keys::{Action, TABLE};
use crate::theme::Palette as Tones;
use crate::times::parse_interval;
use loopscope_inspector::model::{DebugMode, LogLevel};

/// Does what a line says.
///
/// # Errors
///
/// What is wrong with it, and at which character.
pub(crate) fn perform(state: &mut State, line: &str) -> Result<Step, Mistake> {
    let line = line.trim();
    if let Ok(id) = line.trim_start_matches('#').parse() {
        return Ok(goto(state, id));
    }
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let argument = rest.trim();
    let at = line.chars().count() - rest.trim_start().chars().count();
    let wrong = |message: String| Mistake { message, at };
    let Some(binding) = TABLE.iter().find(|binding| binding.command() == word) else {
        return Err(Mistake { message: unknown(word), at: 0 });
    };
    if argument.is_empty() {
        if !binding.contexts.contains(&state.context()) {
            return Err(Mistake { message: elsewhere(state, word, binding.contexts), at: 0 });
        }
        return Ok(act(state, binding.action));
    }
    match binding.action {
        Action::Theme => {
            let found = Tones::named(argument).ok_or_else(|| {
                let meant = closest(argument, Tones::NAMES).map(|name| format!("; did you mean `{name}`?"));
                wrong(format!("there is no theme `{argument}`{}", meant.unwrap_or_default()))
            });
            looks::choose(state, found?);
            Ok(Step::changed())
        }
        Action::Interval => {
            let interval = parse_interval(argument).map_err(wrong)?;
            state.wishes.interval = interval;
            state.say(format!("The picture is renewed every {interval:?}."));
            Ok(Step::changed())
        }
        Action::Goto => {
            let id = argument.trim_start_matches('#').parse();
            let id = id.map_err(|_| wrong("a task is named by its number, as in goto 42".to_owned()))?;
            Ok(goto(state, id))
        }
        Action::Debug | Action::Level | Action::LogFilter | Action::Control => {
            ordered(state, binding.action, argument).map_err(wrong)
        }
        Action::Filter | Action::SortNext => {
            let contexts = binding.contexts;
            let works = contexts.contains(&state.context());
            let Some(window) = state.window_mut().filter(|_| works) else {
                return Err(Mistake { message: elsewhere(state, word, contexts), at: 0 });
            };
            if binding.action == Action::Filter {
                let checked = window.check(argument);
                checked.map_err(|mistake| Mistake { at: at + mistake.at, ..mistake })?;
                window.set_filter(argument);
                state.wishes.filters.keep(argument);
            } else {
                let (descending, name) =
                    argument.strip_prefix('-').map_or((false, argument), |name| (true, name));
                let sorts = window.of.sorts();
                let found = sorts.iter().position(|sort| sort.name == name).ok_or_else(|| {
                    let names = sorts.iter().map(|sort| sort.name);
                    let meant = closest(name, names).map(|name| format!("; did you mean `{name}`?"));
                    wrong(format!("this table cannot be sorted by `{name}`{}", meant.unwrap_or_default()))
                });
                window.sort = found?;
                (window.descending, window.tree) = (descending, false);
                window.restart();
            }
            Ok(Step::changed())
        }
        _ => Err(wrong(format!("`{word}` takes nothing behind it"))),
    }
}

/// Does what an order with something behind it says.
fn ordered(state: &mut State, action: Action, argument: &str) -> Result<Step, String> {
    match action {
        Action::Debug => {
            let mode: DebugMode =
                argument.parse().map_err(|_| "debug mode is on, off or stacks".to_owned())?;
            Ok(order::place(state, Order::Debug(mode)))
        }
        Action::Level => {
            let levels = LogLevel::NAMES.join(", ");
            state.logs.level = argument.parse().map_err(|_| format!("a level is one of {levels}"))?;
            state.say(logs::level_words(state.logs.level));
            Ok(Step::changed())
        }
        Action::LogFilter => {
            let own = argument == "default";
            let filter = (!own).then(|| argument.to_owned());
            Ok(order::place(state, Order::LogFilter(filter)))
        }
        Action::Control => {
            let id = argument.trim_start_matches('#').parse();
            let id = id.map_err(|_| "a task is named by its number, as in cancel 42".to_owned())?;
            Ok(order::ask_cancel(state, id))
        }
        _ => Ok(Step::nothing()),
    }
}

/// That a word is no command, and which one may have been meant.
pub(super) fn unknown(word: &str) -> String {
    let commands: Vec<String> = TABLE.iter().map(super::Binding::command).collect();
    let meant =
        closest(word, commands.iter().map(String::as_str)).map(|name| format!("; did you mean `{name}`?"));
    format!("there is no command `{word}`{}", meant.unwrap_or_default())
}

fn elsewhere(state: &State, word: &str, contexts: &[crate::keys::Context]) -> String {
    let places = crate::keys::places(contexts);
    format!("`{word}` works in {places}, not in {}", state.context().name())
}
