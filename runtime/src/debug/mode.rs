//! How much debug mode does, and what the environment says of it.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use crate::runner::complain;

/// How much is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing but what the records show anyway.
    #[default]
    Off,
    /// Warnings, the watchdog, checks, counts of wakers.
    On,
    /// And the stacks by which tasks were made: the first 8 of a spawn site, then one in 1,024.
    Stacks,
}

impl Mode {
    /// Whether anything is.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    pub(crate) fn word(self) -> u64 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::Stacks => 2,
        }
    }

    pub(crate) fn of_word(word: u64) -> Self {
        match word {
            0 => Self::Off,
            1 => Self::On,
            _ => Self::Stacks,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Stacks => "stacks",
        })
    }
}

/// A text that names no [`Mode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMode(String);

impl fmt::Display for BadMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of 1, 0, on, off and stacks", self.0)
    }
}

impl std::error::Error for BadMode {}

impl FromStr for Mode {
    type Err = BadMode;

    fn from_str(text: &str) -> Result<Self, BadMode> {
        match text {
            "" | "0" | "off" => Ok(Self::Off),
            "1" | "on" => Ok(Self::On),
            "stacks" => Ok(Self::Stacks),
            _ => Err(BadMode(text.to_owned())),
        }
    }
}

/// What loops begin with that were not told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// `LOOPSCOPE_DEBUG`; `None` where it is not set or does not parse.
    pub mode: Option<Mode>,
    /// `LOOPSCOPE_SLOW_CALLBACK`: polls and callbacks that take as long or longer are slow. 100 ms, as in asyncio.
    pub slow_callback: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: None, slow_callback: Duration::from_millis(100) }
    }
}

impl Settings {
    /// What the environment of this process says, read once. A value that does not parse is said once on standard error, and
    /// the default holds.
    pub fn of_environment() -> Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        *SETTINGS.get_or_init(|| {
            let (settings, complaints) = Self::parse(|name| env::var_os(name)?.into_string().ok());
            for complaint in complaints {
                complain(format_args!("{complaint}"));
            }
            settings
        })
    }

    /// The settings by the variables that `lookup` finds, and what is wrong with them.
    fn parse(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let mut settings = Self::default();
        let mut complaints = Vec::new();
        if let Some(text) = lookup("LOOPSCOPE_DEBUG") {
            match text.parse() {
                Ok(mode) => settings.mode = Some(mode),
                Err(error) => complaints.push(format!("LOOPSCOPE_DEBUG is ignored: {error}")),
            }
        }
        if let Some(text) = lookup("LOOPSCOPE_SLOW_CALLBACK") {
            match parse_duration(&text) {
                Some(slow) => settings.slow_callback = slow,
                None => complaints.push(format!(
                    "LOOPSCOPE_SLOW_CALLBACK is ignored and 100 ms hold: {text:?} is no duration such as 50ms, 2s or 500us"
                )),
            }
        }
        (settings, complaints)
    }
}

/// A positive number with one of the units `ns`, `us`, `ms`, `s` and `m`; a number alone is seconds, as asyncio's are.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok().filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(debug: Option<&str>, slow: Option<&str>) -> (Settings, Vec<String>) {
        Settings::parse(|name| {
            let value = if name == "LOOPSCOPE_DEBUG" { debug } else { slow };
            value.map(str::to_owned)
        })
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(parse(None, None), (Settings::default(), vec![]));
    }

    #[test]
    fn debug_mode_is_one_of_three() {
        for (text, mode) in
            [("1", Mode::On), ("on", Mode::On), ("0", Mode::Off), ("", Mode::Off), ("stacks", Mode::Stacks)]
        {
            assert_eq!(parse(Some(text), None).0.mode, Some(mode), "{text:?}");
        }
        let (settings, complaints) = parse(Some("yes please"), None);
        assert_eq!(settings.mode, None);
        assert_eq!(
            complaints,
            ["LOOPSCOPE_DEBUG is ignored: \"yes please\" is none of 1, 0, on, off and stacks"]
        );
    }

    #[test]
    fn a_threshold_that_is_none_is_said_and_the_default_holds() {
        assert_eq!(parse(None, Some("50ms")).0.slow_callback, Duration::from_millis(50));
        assert_eq!(parse(None, Some("0.25")).0.slow_callback, Duration::from_millis(250));
        let (settings, complaints) = parse(None, Some("banana"));
        assert_eq!(settings.slow_callback, Duration::from_millis(100));
        assert_eq!(
            complaints,
            [
                "LOOPSCOPE_SLOW_CALLBACK is ignored and 100 ms hold: \"banana\" is no duration such as 50ms, 2s or 500us"
            ]
        );
        for text in ["0", "-1s", "ms", "1h", "1e9999", "", "1.2.3s"] {
            assert_eq!(parse(None, Some(text)).1.len(), 1, "{text:?}");
        }
    }
}
