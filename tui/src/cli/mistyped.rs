//! What was meant by a word that is no command: to clap it is a target, and what follows it one too many.

use super::{Cli, Failure};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use loopscope_inspector::client::Target;
use loopscope_inspector::model::spelling::closest;
use loopscope_inspector::model::words;

/// What to say of a word that names no process but may have been meant as a command.
pub(crate) fn neither_command_nor_process(word: &str) -> Option<Failure> {
    let meant = command_like(word)?;
    let word = words::escape(word, words::NAME_CHARS_MAX);
    Some(Failure::usage(format!(
        "there is no command and no process `{word}`; did you mean `loopscope {meant}`?"
    )))
}

/// What to say of a target that more follows on, which only commands take.
pub(crate) fn no_command(target: &Target) -> Option<Failure> {
    let Target::Program(word) = target else { return None };
    let meant = command_like(word)?;
    let word = words::escape(word, words::NAME_CHARS_MAX);
    Some(Failure::usage(format!("there is no command `{word}`; did you mean `loopscope {meant}`?")))
}

/// What to say where clap found one word too many.
pub(crate) fn one_too_many(error: &clap::Error, arguments: impl Iterator<Item = String>) -> Option<Failure> {
    let is_it = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    no_command(&first_word(arguments).filter(|_| is_it)?.parse().ok()?)
}

/// The first argument that is no flag and belongs to none.
fn first_word(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    let command = Cli::command();
    let takes_value = |flag: &str| {
        let known = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
        known.is_some_and(|argument| argument.get_action().takes_values())
    };
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some(flag) if takes_value(flag) => {
                arguments.next();
            }
            _ if argument.starts_with('-') => {}
            _ => return Some(argument),
        }
    }
    None
}

/// The command that a word is a slip of, if it is none itself.
fn command_like(word: &str) -> Option<String> {
    let command = Cli::command();
    let names: Vec<&str> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    let meant = closest(word, names.iter().copied()).filter(|&meant| meant != word)?;
    Some(meant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn said(line: &str) -> Option<String> {
        let arguments = || std::iter::once("loopscope").chain(line.split_whitespace());
        let error = Cli::try_parse_from(arguments()).expect_err(line);
        one_too_many(&error, arguments().skip(1).map(str::to_owned)).map(|failure| failure.to_string())
    }

    #[test]
    fn a_mistyped_command_with_a_target_is_told_as_such() {
        let tasks = Some("there is no command `taskss`; did you mean `loopscope tasks`?".to_owned());
        assert_eq!(said("taskss 4711"), tasks);
        assert_eq!(said("--json taskss 4711"), tasks);
        assert_eq!(said("--sort busy taskss 4711 --json"), tasks);
        assert_eq!(said("--sort=busy --filter x taskss 4711"), tasks);
    }

    #[test]
    fn anything_else_is_claps_to_say() {
        assert_eq!(said("4711 4712"), None);
        assert_eq!(said("echo_server 7"), None);
        assert_eq!(said("tasks 1 2"), None);
        assert_eq!(said("tasks --jsn"), None);
        assert_eq!(said("taskss --limit x"), None);
    }

    #[test]
    fn a_word_in_the_place_of_a_program_may_be_a_command() {
        let message = neither_command_nor_process("wran").map(|failure| failure.to_string());
        assert_eq!(message, None);
        let message = neither_command_nor_process("warnigns").unwrap().to_string();
        assert_eq!(
            message,
            "there is no command and no process `warnigns`; did you mean `loopscope warnings`?"
        );
        assert!(no_command(&Target::Pid(7)).is_none());
    }
}
