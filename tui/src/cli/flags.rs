//! The flags that every command takes.

use super::config::lints::LintSetting;
use super::config::{self, File, Key, Origin, Setting};
use crate::theme::{Palette, is_narrow};
use crate::times::{parse_duration, parse_interval};
use clap::{Args, ValueEnum};
use loopscope_inspector::model::words;
use loopscope_inspector::wire::Request;
use std::io::IsTerminal as _;
use std::time::Duration;

/// How long a process may take to answer, unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often a live picture is renewed, unless told otherwise.
const INTERVAL: Duration = Duration::from_secs(1);

/// Rows of a table on a terminal, unless told otherwise: about a screen, since more would scroll the first ones away.
const ROWS_ON_TERMINAL: usize = 50;

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is given or not")]
pub(crate) struct Flags {
    /// Print one JSON document, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print a table as CSV, with exact values
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Show only rows that match
    ///
    /// Conditions `column OP value` with one of = != ~ !~ < >, joined by space (and) or `or`: 'state=idle name~^work busy>10ms'. Columns
    /// are the JSON names without `_ns`. A bare word searches all columns, !word leaves out what has it.
    #[arg(long, global = true, value_name = "EXPR")]
    pub(crate) filter: Option<String>,

    /// Sort by a column; -COLUMN puts the greatest first
    #[arg(long, global = true, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,

    /// Show at most N rows [default: 50 on a terminal, also by `LOOPSCOPE_LIMIT`; else all]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_rows, allow_negative_numbers = true)]
    pub(crate) limit: Option<usize>,

    /// How often a live picture is renewed, as 500ms, 2s, 1m [env: `LOOPSCOPE_INTERVAL`] [default: 1s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_interval)]
    pub(crate) interval: Option<Duration>,

    /// Whether to use colour; auto: on a terminal, unless `NO_COLOR` is set [env: `LOOPSCOPE_COLOR`] [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub(crate) color: Option<ColorChoice>,

    /// Draw with ASCII characters only, as a locale without UTF-8 does too [env: `LOOPSCOPE_ASCII`]
    #[arg(long, global = true)]
    pub(crate) ascii: bool,

    /// The tones of the live picture: dark, light, safe (for eyes that do not tell red from green) or mono [env: `LOOPSCOPE_THEME`]
    /// [default: dark, or light where the terminal says so]
    #[arg(long, global = true, value_name = "NAME", value_parser = config::parse_theme)]
    pub(crate) theme: Option<Palette>,

    /// Leave the mouse to the terminal, so that its own selection works in the live picture [env: `LOOPSCOPE_MOUSE`=false]
    #[arg(long, global = true)]
    pub(crate) no_mouse: bool,

    /// A poll that takes as long or longer is a warning [env: `LOOPSCOPE_SLOW`] [default: 100ms]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_slow)]
    pub(crate) slow: Option<Duration>,

    /// How long a process may take to answer, as 500ms, 2s, 1m [env: `LOOPSCOPE_TIMEOUT`] [default: 5s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,

    /// Exit with 5 if one of these warnings is found: names, `error`, `warning`, `note` (and worse), `any` (warnings and errors)
    #[arg(long, global = true, value_name = "LINT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<String>,

    /// Rows of a table on a terminal, as the environment or the configuration file has it.
    #[arg(skip)]
    pub(crate) rows_on_terminal: Option<usize>,

    /// What the lints are to tell otherwise than the application has it.
    #[arg(skip)]
    pub(crate) lints: Vec<(String, String)>,

    /// Whether `--interval` stands on the command line: to some commands that means more than how often.
    #[arg(skip)]
    pub(crate) interval_is_typed: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Also in a pipe
    Always,
    /// Not at all
    Never,
}

/// The environment and the configuration file, and what comes of asking them.
struct Sources<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    file: &'a File,
    filled: Filled,
}

/// What became of the settings that the flags left open.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// What makes no sense in the environment.
    pub(crate) complaints: Vec<String>,
    /// Each setting and where it comes from.
    pub(crate) settings: Vec<Setting>,
    /// The settings of lints.
    pub(crate) lints: Vec<LintSetting>,
}

impl Sources<'_> {
    /// A setting from the flag, else the environment, else the file. `given` is the flag as the environment would have it.
    fn choose<T>(
        &mut self,
        key: &'static Key,
        given: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if given.is_some() {
            self.filled.settings.push(Setting { name: key.name, value: given, origin: Origin::Flag });
            return None;
        }
        if let Some(value) = (self.env)(key.variable).filter(|value| !value.is_empty()) {
            match key.check(&value).and_then(|()| parse(&value)) {
                Ok(chosen) => {
                    let origin = Origin::Environment;
                    self.filled.settings.push(Setting { name: key.name, value: Some(value), origin });
                    return Some(chosen);
                }
                Err(why) => {
                    let value = words::escape(&value, words::NAME_CHARS_MAX);
                    self.filled.complaints.push(format!("{}={value} is ignored: {why}", key.variable));
                }
            }
        }
        // The file was checked when it was read.
        if let Some((value, line)) = self.file.get(key)
            && let Ok(chosen) = parse(value)
        {
            let path = self.file.path.clone().unwrap_or_default();
            let origin = Origin::File { path, line };
            self.filled.settings.push(Setting { name: key.name, value: Some(value.to_owned()), origin });
            return Some(chosen);
        }
        self.filled.settings.push(Setting::left_open(key));
        None
    }
}

impl Flags {
    /// Takes from the environment, then from the configuration file, what the command line leaves open. What makes no sense in the
    /// environment is told, and left out: a variable in some profile should not keep anybody from looking into a program.
    ///
    /// clap could read the variables too, but for a flag that may stand behind a command it would take them over the flag.
    pub(crate) fn fill(&mut self, env: impl Fn(&str) -> Option<String>, file: &File) -> Filled {
        self.interval_is_typed = self.interval.is_some();
        let mut sources = Sources { env: &env, file, filled: Filled::default() };
        for (key, flag, parse) in [
            (&config::INTERVAL, &mut self.interval, parse_interval as fn(&str) -> _),
            (&config::TIMEOUT, &mut self.timeout, parse_timeout),
            (&config::SLOW, &mut self.slow, parse_slow),
        ] {
            let given = flag.map(|duration| format!("{duration:?}"));
            *flag = sources.choose(key, given, parse).or(*flag);
        }
        let given = self.color.and_then(|color| Some(color.to_possible_value()?.get_name().to_owned()));
        self.color = sources.choose(&config::COLOR, given, config::parse_color).or(self.color);
        let given = self.theme.map(|theme| theme.name().to_owned());
        self.theme = sources.choose(&config::THEME, given, config::parse_theme).or(self.theme);
        let given = self.ascii.then(|| "true".to_owned());
        self.ascii |= sources.choose(&config::ASCII, given, config::parse_switch).unwrap_or(false);
        if !self.ascii && is_narrow(&env) {
            self.ascii = true;
            if let Some(setting) = sources.filled.settings.last_mut() {
                *setting = Setting { value: Some("true".into()), origin: Origin::Locale, ..setting.clone() };
            }
        }
        let given = self.no_mouse.then(|| "false".to_owned());
        self.no_mouse |= !sources.choose(&config::MOUSE, given, config::parse_switch).unwrap_or(true);
        let given = self.limit.map(|limit| limit.to_string());
        self.rows_on_terminal = sources.choose(&config::LIMIT, given, config::parse_rows);
        let mut filled = sources.filled;
        let list = env(config::lints::VARIABLE).unwrap_or_default();
        filled.lints = config::lints::with_environment(file.lints(), &list, &mut filled.complaints);
        let slow = filled.settings.iter().find(|setting| setting.name == config::SLOW.name);
        let is_near = slow.is_some_and(|slow| matches!(slow.origin, Origin::Flag | Origin::Environment));
        let is_beaten = |setting: &LintSetting| {
            is_near
                && matches!(setting.origin, Origin::File { .. })
                && matches!(setting.name.as_str(), "slow-poll" | "blocked")
                && !matches!(setting.value.as_str(), "on" | "off")
        };
        let lints = filled.lints.iter().filter(|setting| !is_beaten(setting));
        self.lints = lints.map(|setting| (setting.name.clone(), setting.value.clone())).collect();
        filled
    }

    /// How long a process may take to answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// From how long on a poll is slow, where that was said.
    pub(crate) fn slow_poll_ns(&self) -> Option<u64> {
        self.slow.map(|slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A request for nothing, that says what is too much.
    pub(crate) fn request(&self) -> Request {
        Request { slow_poll_ns: self.slow_poll_ns(), lints: self.lints.clone(), ..Request::default() }
    }

    /// How often a live picture is renewed.
    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or(INTERVAL)
    }

    /// Whether colour was asked for in so many words.
    pub(crate) fn wants_color(&self) -> bool {
        self.color == Some(ColorChoice::Always) && !self.json && !self.csv
    }

    /// The same without what chooses rows of one table, for another table.
    pub(crate) fn without_query(&self) -> Self {
        Self { filter: None, sort: None, ..self.clone() }
    }

    /// How the output is to look, given where it goes.
    pub(crate) fn look(&self) -> Look {
        let terminal = std::io::stdout().is_terminal();
        let width = if terminal { terminal_width() } else { None };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.look_on(terminal, width, no_color)
    }

    fn look_on(&self, terminal: bool, width: Option<usize>, no_color: bool) -> Look {
        let color = match self.color.unwrap_or_default() {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color,
        };
        let machine = self.json || self.csv;
        let limit = self
            .limit
            .or((terminal && !machine).then_some(self.rows_on_terminal.unwrap_or(ROWS_ON_TERMINAL)));
        Look { color: color && !machine, ascii: self.ascii, width: width.filter(|_| !machine), limit }
    }
}

/// How the output is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Colours and bold.
    pub(crate) color: bool,
    /// ASCII only.
    pub(crate) ascii: bool,
    /// Columns of the terminal; absent where lines may be as long as they like.
    pub(crate) width: Option<usize>,
    /// Rows at most.
    pub(crate) limit: Option<usize>,
}

fn terminal_width() -> Option<usize> {
    let (columns, _) = ratatui::crossterm::terminal::size().ok()?;
    (columns > 0).then_some(usize::from(columns))
}

pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|duration| {
        if duration.is_zero() { Err("a timeout of 0 leaves no time to answer".into()) } else { Ok(duration) }
    })
}

pub(crate) fn parse_slow(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .and_then(|slow| if slow.is_zero() { Err("every poll takes longer than 0".into()) } else { Ok(slow) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_to_answer_is_no_timeout() {
        assert!(parse_timeout("0s").is_err());
        assert_eq!(parse_timeout("1s"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn a_pipe_gets_every_row_and_no_colour() {
        let flags = Flags::default();
        assert_eq!(flags.look_on(false, None, false), Look::default());
        assert_eq!(
            flags.look_on(true, Some(80), false),
            Look { color: true, ascii: false, width: Some(80), limit: Some(50) }
        );
    }

    #[test]
    fn no_color_wins_over_auto_and_loses_to_always() {
        let auto = Flags::default();
        assert!(!auto.look_on(true, Some(80), true).color);
        let always = Flags { color: Some(ColorChoice::Always), ..Flags::default() };
        assert!(always.look_on(false, None, true).color);
    }

    #[test]
    fn the_environment_fills_what_the_flags_leave_open() {
        let env = |name: &str| match name {
            "LOOPSCOPE_TIMEOUT" => Some("9s".to_owned()),
            "LOOPSCOPE_COLOR" => Some("never".to_owned()),
            "LOOPSCOPE_INTERVAL" => Some(String::new()),
            _ => None,
        };
        let mut flags = Flags { timeout: Some(Duration::from_secs(1)), ..Flags::default() };
        assert!(flags.fill(env, &File::default()).complaints.is_empty());
        assert_eq!(flags.timeout(), Duration::from_secs(1), "a flag beats the environment");
        assert_eq!(flags.color, Some(ColorChoice::Never));
        assert_eq!(flags.interval(), INTERVAL);
    }

    #[test]
    fn what_makes_no_sense_in_the_environment_is_told_and_left_out() {
        let mut flags = Flags::default();
        let nonsense = |name: &str| name.starts_with("LOOPSCOPE_").then(|| "fast".to_owned());
        assert_eq!(
            flags.fill(nonsense, &File::default()).complaints,
            [
                "LOOPSCOPE_INTERVAL=fast is ignored: expected a time as 500ms, 2s or 1m",
                "LOOPSCOPE_TIMEOUT=fast is ignored: expected a time as 500ms, 2s or 1m",
                "LOOPSCOPE_SLOW=fast is ignored: expected a time as 500ms, 2s or 1m",
                "LOOPSCOPE_COLOR=fast is ignored: expected auto, always or never",
                "LOOPSCOPE_THEME=fast is ignored: expected dark, light, safe or mono",
                "LOOPSCOPE_ASCII=fast is ignored: expected true or false",
                "LOOPSCOPE_MOUSE=fast is ignored: expected true or false",
                "LOOPSCOPE_LIMIT=fast is ignored: expected a number of rows",
                "LOOPSCOPE_LINTS: `fast`: there is no such lint; it is ignored",
            ]
        );
        assert_eq!((flags.interval, flags.timeout, flags.color), (None, None, None));
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let file = File::of("interval = \"7s\"\ntimeout = \"7s\"\nslow = \"7s\"\nascii = true\nlimit = 7\ntheme = \"light\"\nmouse = false\n")
            .unwrap();
        let env =
            |name: &str| matches!(name, "LOOPSCOPE_INTERVAL" | "LOOPSCOPE_TIMEOUT").then(|| "5s".to_owned());
        let mut flags = Flags { interval: Some(Duration::from_secs(3)), ..Flags::default() };
        let filled = flags.fill(env, &file);
        let seconds = Duration::from_secs;
        assert_eq!(
            (flags.interval(), flags.timeout(), flags.slow),
            (seconds(3), seconds(5), Some(seconds(7)))
        );
        let look = flags.look_on(true, Some(80), false);
        assert_eq!((look.ascii, look.limit), (true, Some(7)));
        assert_eq!((flags.theme, flags.no_mouse), (Some(Palette::Light), true));
        assert_eq!(
            flags.look_on(false, None, false).limit,
            None,
            "a pipe gets all rows whatever the file says"
        );
        let origins: Vec<Origin> = filled.settings.iter().map(|setting| setting.origin.clone()).collect();
        let line = |line| Origin::File { path: std::path::PathBuf::new(), line };
        assert_eq!(
            origins,
            [Origin::Flag, Origin::Environment, line(3), Origin::Default, line(6), line(4), line(7), line(5)]
        );
    }

    #[test]
    fn a_locale_without_utf_8_is_drawn_in_ascii() {
        let ascii = |pairs: &[(&str, &str)]| {
            let mut flags = Flags::default();
            let env =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let filled = flags.fill(env, &File::default());
            assert!(filled.complaints.is_empty());
            flags.ascii
        };
        assert!(ascii(&[("LC_ALL", "C")]) && ascii(&[("LANG", "POSIX")]));
        assert!(ascii(&[("LC_ALL", "de_DE.ISO-8859-1"), ("LANG", "de_DE.UTF-8")]));
        assert!(
            !ascii(&[])
                && !ascii(&[("LC_ALL", "C.UTF-8")])
                && !ascii(&[("LC_CTYPE", "en_US.utf8"), ("LANG", "C")])
        );
    }

    #[test]
    fn json_is_neither_cut_nor_limited() {
        let json = Flags { json: true, color: Some(ColorChoice::Always), ..Flags::default() };
        assert_eq!(json.look_on(true, Some(80), false), Look::default());
        let limited = Flags { json: true, limit: Some(7), ..Flags::default() };
        assert_eq!(limited.look_on(true, Some(80), false).limit, Some(7));
    }
}
