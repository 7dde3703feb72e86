//! What may be typed, and what it means.

use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("loopscope").chain(line.split_whitespace()))
}

fn refused(line: &str) -> (ErrorKind, String) {
    let error = parse(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    (error.kind(), error.to_string())
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_target_alone_attaches() {
    let cli = parse("echo_server").unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.target, Some(Target::Program("echo_server".into())));
    assert_eq!(parse("4711").unwrap().target, Some(Target::Pid(4711)));
    assert_eq!(parse("").unwrap().target, None);
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    for line in
        ["--json --sort -busy tasks 4711", "tasks --json 4711 --sort=-busy", "tasks 4711 --sort -busy --json"]
    {
        let cli = parse(line).unwrap();
        assert!(cli.flags.json, "{line}");
        assert_eq!(cli.flags.sort.as_deref(), Some("-busy"), "{line}");
        assert!(
            matches!(cli.command, Some(Command::Tasks { target: Some(Target::Pid(4711)) })),
            "{line}: {:?}",
            cli.command
        );
    }
}

#[test]
fn why_takes_the_task_last() {
    let ask = |line: &str| match parse(line).unwrap().command {
        Some(Command::Why { target, task }) => (target, task),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask("why 7"), (None, "7".into()));
    assert_eq!(ask("why 4711 7"), (Some(Target::Pid(4711)), "7".into()));
    assert_eq!(ask("why echo #7 --json"), (Some(Target::Program("echo".into())), "#7".into()));
    assert_eq!(refused("why").0, ErrorKind::MissingRequiredArgument);
}

#[test]
fn fail_on_takes_several_but_not_the_target() {
    let cli = parse("warnings --fail-on blocked,slow-poll --fail-on leak 4711").unwrap();
    assert_eq!(cli.flags.fail_on, ["blocked", "slow-poll", "leak"]);
    assert!(matches!(cli.command, Some(Command::Warnings { target: Some(Target::Pid(4711)) })));
}

#[test]
fn what_makes_no_sense_is_refused_with_2() {
    assert_eq!(refused("tasks --json --csv").0, ErrorKind::ArgumentConflict);
    assert_eq!(refused("tasks --limit many").0, ErrorKind::ValueValidation);
    assert_eq!(refused("tasks --timeout 0s").0, ErrorKind::ValueValidation);
    assert_eq!(refused("demo --seconds 0").0, ErrorKind::ValueValidation);
    assert_eq!(refused("tasks 1 2 3").0, ErrorKind::UnknownArgument);
}

#[test]
fn a_misspelt_flag_or_value_suggests_the_right_one() {
    assert!(refused("tasks --filtr x").1.contains("'--filter'"));
    assert!(refused("tree --asyncio=pstre").1.contains("'pstree'"));
    assert!(refused("tasks --color alway").1.contains("'always'"));
}

#[test]
fn help_says_what_to_type_at_3_am() {
    let short = Cli::command().term_width(100).render_help().to_string();
    let long = Cli::command().term_width(100).render_long_help().to_string();
    insta::assert_snapshot!(format!("{short}\n=== --help ===\n{long}"));
}

#[test]
fn help_of_every_command() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = String::new();
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let help = command.render_long_help().to_string();
        let own = help.split("Options of every command").next().unwrap_or_default();
        text = format!("{text}=== {} ===\n{own}", command.get_name());
    }
    insta::assert_snapshot!(text);
}
