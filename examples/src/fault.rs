//! The command line of programs that do one thing wrong, and stay long enough to be looked at.
//!
//! All of them have the same flags, say the same way what to look at, and print the same first line:
//!
//! ```text
//! pid 4711: loopscope attach 4711
//! ```

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

/// How long such a program stays, unless told otherwise: two terminals and a command are found in that time.
pub const STAY: Duration = Duration::from_secs(30);

/// With `--hold`: until somebody presses Ctrl-C.
const HOLD: Duration = Duration::from_secs(366 * 24 * 3600);

/// A program that does one thing wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name.
    pub program: &'static str,
    /// What it does wrong, in a sentence or two.
    pub wrong: &'static str,
    /// The flag by which one of several kinds of the same mistake is chosen, and those kinds with what each does; the first is
    /// the default.
    pub kinds: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    /// Commands, and what each of them shows. `PID` stands for the number that the program prints.
    pub look: &'static [(&'static str, &'static str)],
}

/// What the command line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The kind of the mistake; empty where there is only one.
    pub kind: &'static str,
    /// How long the program stays.
    pub stay: Duration,
}

/// A command line after which the program does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `--help`, and what it says.
    Help(String),
    /// A mistake.
    Mistake(String),
}

impl Stop {
    /// Says it, and gives the code that the program ends with.
    pub fn tell(&self) -> ExitCode {
        match self {
            #[expect(clippy::print_stdout, reason = "it was asked for")]
            Self::Help(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Self::Mistake(text) => {
                eprintln!("{text}");
                ExitCode::from(2)
            }
        }
    }
}

impl Fault {
    /// Reads the arguments, and prints how to attach.
    ///
    /// # Errors
    ///
    /// If the program is not to run: help was asked for, or there is a mistake.
    pub fn begin(&self, arguments: impl Iterator<Item = String>) -> Result<Options, Stop> {
        let options = self.parse(arguments)?;
        let pid = std::process::id();
        #[expect(clippy::print_stdout, reason = "a person needs the number")]
        {
            println!("pid {pid}: loopscope attach {pid}");
        }
        Ok(options)
    }

    fn parse(&self, mut arguments: impl Iterator<Item = String>) -> Result<Options, Stop> {
        let mut options = Options { kind: self.kinds.map_or("", |(_, kinds)| kinds[0].0), stay: STAY };
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                "--help" | "-h" => return Err(Stop::Help(self.to_string())),
                "--hold" => options.stay = HOLD,
                "--seconds" => {
                    let seconds = arguments.next().and_then(|value| value.parse().ok());
                    let seconds = seconds.ok_or_else(|| self.mistake("--seconds needs a number"))?;
                    options.stay = Duration::from_secs(seconds);
                }
                _ => options.kind = self.kind(&flag, arguments.next().as_deref())?,
            }
        }
        Ok(options)
    }

    /// The kind that the flag's value names.
    fn kind(&self, flag: &str, value: Option<&str>) -> Result<&'static str, Stop> {
        let (_, kinds) = self
            .kinds
            .filter(|(known, _)| *known == flag)
            .ok_or_else(|| self.mistake(&format!("unknown argument {flag}")))?;
        let kind = kinds.iter().map(|(kind, _)| *kind).find(|kind| Some(*kind) == value);
        kind.ok_or_else(|| match value {
            Some(value) => self.mistake(&format!("{flag} {value}: there is no such kind")),
            None => self.mistake(&format!("{flag} needs a kind")),
        })
    }

    fn mistake(&self, what: &str) -> Stop {
        Stop::Mistake(format!("{what}\n{}", self.usage()))
    }

    fn usage(&self) -> String {
        let kinds = self.kinds.map_or(String::new(), |(flag, kinds)| {
            let kinds: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
            format!(" [{flag} {}]", kinds.join("|"))
        });
        format!("usage: {}{kinds} [--seconds N | --hold]", self.program)
    }
}

/// The text of `--help`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\nWhat it does wrong: {}", self.usage(), self.wrong)?;
        if let Some((flag, kinds)) = self.kinds {
            writeln!(f)?;
            for (kind, does) in kinds {
                writeln!(f, "  {:<20} {does}", format!("{flag} {kind}"))?;
            }
        }
        writeln!(f, "\nWhat to look at, with the number that it prints in place of PID:\n")?;
        let width = self.look.iter().map(|(command, _)| command.len()).max().unwrap_or(0).max(28);
        for (command, shows) in self.look {
            writeln!(f, "  {command:<width$} {shows}")?;
        }
        write!(
            f,
            "\nIt ends by itself after {} seconds, or as many as --seconds says; with --hold it stays until Ctrl-C.\n\
             LOOPSCOPE_DEBUG=1 in its environment lets it say on standard error what is wrong, as it happens.",
            STAY.as_secs()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Fault = Fault {
        program: "broken",
        wrong: "It is broken.",
        kinds: Some(("--how", &[("twice", "in two parts"), ("often", "in many")])),
        look: &[("loopscope PID", "what is left of it")],
    };
    const PLAIN: Fault = Fault { kinds: None, ..FAULT };

    fn parse(fault: Fault, line: &str) -> Result<Options, Stop> {
        fault.parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_first_kind_and_half_a_minute_are_the_default() {
        assert_eq!(parse(FAULT, ""), Ok(Options { kind: "twice", stay: STAY }));
        assert_eq!(parse(PLAIN, ""), Ok(Options { kind: "", stay: STAY }));
        let stay = Duration::from_secs(3);
        assert_eq!(parse(FAULT, "--how often --seconds 3"), Ok(Options { kind: "often", stay }));
        assert_eq!(parse(PLAIN, "--hold"), Ok(Options { kind: "", stay: HOLD }));
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |fault, line| match parse(fault, line) {
            Err(Stop::Mistake(text)) => text,
            other => panic!("{other:?}"),
        };
        let usage = "\nusage: broken [--how twice|often] [--seconds N | --hold]";
        assert_eq!(mistake(FAULT, "now"), format!("unknown argument now{usage}"));
        assert_eq!(mistake(FAULT, "--how"), format!("--how needs a kind{usage}"));
        assert_eq!(mistake(FAULT, "--how never"), format!("--how never: there is no such kind{usage}"));
        assert_eq!(mistake(FAULT, "--seconds soon"), format!("--seconds needs a number{usage}"));
        let usage = "\nusage: broken [--seconds N | --hold]";
        assert_eq!(mistake(PLAIN, "--how twice"), format!("unknown argument --how{usage}"));
    }

    #[test]
    fn help_says_what_is_wrong_and_what_to_look_at() {
        let expected = "\
usage: broken [--how twice|often] [--seconds N | --hold]

What it does wrong: It is broken.

  --how twice          in two parts
  --how often          in many

What to look at, with the number that it prints in place of PID:

  loopscope PID                what is left of it

It ends by itself after 30 seconds, or as many as --seconds says; with --hold it stays until Ctrl-C.
LOOPSCOPE_DEBUG=1 in its environment lets it say on standard error what is wrong, as it happens.";
        assert_eq!(parse(FAULT, "--help"), Err(Stop::Help(expected.to_owned())));
    }
}
