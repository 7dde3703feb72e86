//! The settings: what each is called, what its values look like, and where the value that counts comes from.
//!
//! The lints have a table of their own in the file, `[lints]`.
//!
//! One list drives the configuration file, the environment, `--print-config` and the schema. A flag beats the environment, which beats
//! the file, which beats the default.

mod file;
pub(crate) mod lints;
mod print;

pub(crate) use file::{File, load};
pub(crate) use print::{print, schema};

use super::flags::{ColorChoice, parse_slow, parse_timeout};
use crate::theme::Palette;
use crate::times::parse_interval;
use clap::ValueEnum as _;
use loopscope_inspector::model::spelling;
use std::fmt;
use std::path::PathBuf;

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// Its variable in the environment.
    pub(crate) variable: &'static str,
    /// Its flag.
    pub(crate) flag: &'static str,
    /// What it is, in one sentence.
    pub(crate) about: &'static str,
    /// What its values look like.
    pub(crate) form: Form,
    /// The value where nobody gave one, as it is written in the file.
    pub(crate) default: Default,
}

/// What the values of a setting look like in the file.
#[derive(Debug)]
pub(crate) enum Form {
    /// A string like `"500ms"`, with what else is wrong with one.
    Time(fn(&str) -> Result<std::time::Duration, String>),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A number of rows.
    Rows,
}

/// What counts where nobody gave a value.
#[derive(Debug)]
pub(crate) enum Default {
    /// This, as it is written in the file.
    Value(&'static str),
    /// What the terminal suggests; the words say how, and the example what could stand there.
    Found { how: &'static str, example: &'static str },
}

/// `interval`.
pub(crate) static INTERVAL: Key = Key {
    name: "interval",
    variable: "LOOPSCOPE_INTERVAL",
    flag: "--interval",
    about: "How often a live picture is renewed, as \"500ms\", \"2s\", \"1m\"; at least \"50ms\".",
    form: Form::Time(parse_interval),
    default: Default::Value("\"1s\""),
};

/// `timeout`.
pub(crate) static TIMEOUT: Key = Key {
    name: "timeout",
    variable: "LOOPSCOPE_TIMEOUT",
    flag: "--timeout",
    about: "How long a process may take to answer.",
    form: Form::Time(parse_timeout),
    default: Default::Value("\"5s\""),
};

/// `slow`.
pub(crate) static SLOW: Key = Key {
    name: "slow",
    variable: "LOOPSCOPE_SLOW",
    flag: "--slow",
    about: "A poll that takes as long or longer is a warning.",
    form: Form::Time(parse_slow),
    default: Default::Value("\"100ms\""),
};

/// `color`.
pub(crate) static COLOR: Key = Key {
    name: "color",
    variable: "LOOPSCOPE_COLOR",
    flag: "--color",
    about: "Whether to use colour: \"auto\" (on a terminal, unless NO_COLOR is set), \"always\" or \"never\".",
    form: Form::Word(&["auto", "always", "never"]),
    default: Default::Value("\"auto\""),
};

/// `theme`.
pub(crate) static THEME: Key = Key {
    name: "theme",
    variable: "LOOPSCOPE_THEME",
    flag: "--theme",
    about: "The tones of the live picture: \"dark\", \"light\", \"safe\" (for eyes that do not tell red from green) or \"mono\".",
    form: Form::Word(&Palette::NAMES),
    default: Default::Found { how: "by the terminal's background", example: "\"dark\"" },
};

/// `ascii`.
pub(crate) static ASCII: Key = Key {
    name: "ascii",
    variable: "LOOPSCOPE_ASCII",
    flag: "--ascii",
    about: "Draw with ASCII characters only; a locale without UTF-8 does so too.",
    form: Form::Switch,
    default: Default::Value("false"),
};

/// `mouse`.
pub(crate) static MOUSE: Key = Key {
    name: "mouse",
    variable: "LOOPSCOPE_MOUSE",
    flag: "--no-mouse",
    about: "Whether the live picture listens to the mouse; without it the terminal's own selection works.",
    form: Form::Switch,
    default: Default::Value("true"),
};

/// `limit`.
pub(crate) static LIMIT: Key = Key {
    name: "limit",
    variable: "LOOPSCOPE_LIMIT",
    flag: "--limit",
    about: "Rows of a table on a terminal; pipes, JSON and CSV get all of them.",
    form: Form::Rows,
    default: Default::Value("50"),
};

/// Every setting, in the order in which they are shown.
pub(crate) static KEYS: [&Key; 8] = [&INTERVAL, &TIMEOUT, &SLOW, &COLOR, &THEME, &ASCII, &MOUSE, &LIMIT];

impl Key {
    /// Checks a value as the environment and the flags have it, without quotes.
    ///
    /// # Errors
    ///
    /// What is expected instead.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        match &self.form {
            Form::Time(parse) => parse(value).map(|_| ()),
            Form::Word(words) if words.contains(&value) => Ok(()),
            Form::Word(words) => Err(format!("expected {}", listed(words))),
            Form::Switch => parse_switch(value).map(|_| ()),
            Form::Rows => parse_rows(value).map(|_| ()),
        }
    }
}

/// `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Reads a switch as the environment has it.
pub(crate) fn parse_switch(value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

/// Reads a number of rows.
pub(crate) fn parse_rows(value: &str) -> Result<usize, String> {
    value.parse().map_err(|_| "expected a number of rows".into())
}

/// Reads when to use colour.
pub(crate) fn parse_color(value: &str) -> Result<ColorChoice, String> {
    ColorChoice::from_str(value, false).map_err(|_| "expected auto, always or never".into())
}

/// Reads the name of a theme.
pub(crate) fn parse_theme(value: &str) -> Result<Palette, String> {
    Palette::named(value).ok_or_else(|| {
        let meant = spelling::closest(value, Palette::NAMES).map(|name| format!("; did you mean {name}?"));
        format!("expected {}{}", listed(&Palette::NAMES), meant.unwrap_or_default())
    })
}

/// Where the value that counts comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// A line of the file.
    File { path: PathBuf, line: usize },
    /// A locale without UTF-8.
    Locale,
    /// Nobody gave one.
    Default,
}

/// What a setting is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The name in the file.
    pub(crate) name: &'static str,
    /// The value as the environment has it; `None` where none was given and none stands in its place.
    pub(crate) value: Option<String>,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = KEYS.iter().find(|key| key.name == self.name);
        match &self.origin {
            Origin::Flag => write!(f, "{}", key.map_or("", |key| key.flag)),
            Origin::Environment => write!(f, "{}", key.map_or("", |key| key.variable)),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Locale => f.write_str("the locale"),
            Origin::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        for key in KEYS {
            let (Default::Value(text) | Default::Found { example: text, .. }) = key.default;
            assert_eq!(key.check(text.trim_matches('"')), Ok(()), "{}", key.name);
            assert_eq!(key.variable, format!("LOOPSCOPE_{}", key.name.to_uppercase()));
        }
    }

    #[test]
    fn what_is_no_value_says_what_is_expected() {
        assert_eq!(THEME.check("loud"), Err("expected dark, light, safe or mono".into()));
        assert_eq!(
            parse_theme("ligth"),
            Err("expected dark, light, safe or mono; did you mean light?".into())
        );
        assert_eq!(ASCII.check("yes"), Err("expected true or false".into()));
        assert_eq!(LIMIT.check("-1"), Err("expected a number of rows".into()));
        assert_eq!(INTERVAL.check("1ms"), Err("the shortest interval is 50ms".into()));
    }
}
