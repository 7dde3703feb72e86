//! `explain`: what a warning means, how it comes about, and how to mend it.

use super::Failure;
use super::cells::Ink;
use super::flags::{Flags, Look};
use super::json;
use super::perform::print;
use crate::app::fold::fold;
use loopscope_inspector::model::spelling::closest;
use loopscope_inspector::model::{Lint, Severity, words};
use std::io::{self, Write};

/// Longer lines are hard to read, whatever the terminal has.
const COLUMNS_MAX: usize = 88;

/// Space before the paragraphs.
const INDENT: usize = 2;

/// Explains one warning, or lists all.
///
/// # Errors
///
/// If there is no such warning; the message suggests one.
pub(super) fn show(name: Option<&str>, flags: &Flags) -> anyhow::Result<()> {
    if flags.csv {
        return Err(Failure::usage("explain prints words or --json").into());
    }
    let lints = match name {
        None => Lint::ALL.to_vec(),
        Some(name) => vec![find(name)?],
    };
    let look = flags.look();
    print(|out| match name {
        _ if flags.json => json::write_lints(out, &lints),
        None => list(out, &lints, look),
        Some(_) => lints.iter().try_for_each(|&lint| explain(out, lint, look)),
    })
}

fn find(name: &str) -> Result<Lint, Failure> {
    let names = || Lint::NAMES.iter().copied();
    name.parse().map_err(|_| {
        let shown = words::escape(name, words::NAME_CHARS_MAX);
        Failure::usage(match closest(name, names()) {
            Some(near) => format!("there is no warning `{shown}`; did you mean `{near}`?"),
            None => {
                format!("there is no warning `{shown}`; they are {}", names().collect::<Vec<_>>().join(", "))
            }
        })
    })
}

fn list(out: &mut dyn Write, lints: &[Lint], look: Look) -> io::Result<()> {
    let widest = lints.iter().map(|lint| lint.as_str().len()).max().unwrap_or(0);
    for lint in lints {
        let name = ink(*lint).paint(lint.as_str(), look.color);
        let fill = " ".repeat(widest - lint.as_str().len());
        writeln!(out, "{name}{fill}  {:7}  {}", lint.severity().as_str(), characters(lint.meaning(), look))?;
    }
    writeln!(out, "\n`loopscope explain NAME` says more of one.")
}

fn explain(out: &mut dyn Write, lint: Lint, look: Look) -> io::Result<()> {
    let name = ink(lint).paint(lint.as_str(), look.color);
    writeln!(out, "{name} ({}): {}", lint.severity(), characters(lint.meaning(), look))?;
    for (heading, text) in
        [("What it means and how it comes about", lint.explanation()), ("How to mend it", lint.remedy())]
    {
        writeln!(out, "\n{}", Ink::Heading.paint(heading, look.color))?;
        let columns = look.width.unwrap_or(COLUMNS_MAX).clamp(20, COLUMNS_MAX) - INDENT;
        for line in fold(&characters(text, look), columns) {
            writeln!(out, "{:INDENT$}{}", "", line.trim_end())?;
        }
    }
    writeln!(out, "\n{}", Ink::Heading.paint("For example", look.color))?;
    for code in lint.example().lines() {
        let indent = if code.is_empty() { 0 } else { INDENT };
        writeln!(out, "{:indent$}{}", "", characters(code, look))?;
    }
    Ok(())
}

fn ink(lint: Lint) -> Ink {
    if lint.severity() == Severity::Error { Ink::Error } else { Ink::Warning }
}

fn characters(text: &str, look: Look) -> String {
    if look.ascii { words::ascii(text).into_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_warning_is_explained() {
        let all = said(|out| {
            list(out, Lint::ALL, Look::default())?;
            Lint::ALL.iter().try_for_each(|&lint| {
                writeln!(out, "\n----\n")?;
                explain(out, lint, Look::default())
            })
        });
        insta::assert_snapshot!(all);
    }

    #[test]
    fn a_narrow_terminal_gets_short_lines() {
        let look = Look { width: Some(40), ..Look::default() };
        let text = said(|out| explain(out, Lint::Deadlock, look));
        let prose = text.split("For example").next().unwrap();
        assert!(prose.lines().skip(1).all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn a_misspelt_warning_is_suggested() {
        assert!(find("slow-pol").unwrap_err().to_string().ends_with("did you mean `slow-poll`?"));
        assert!(
            find("banana")
                .unwrap_err()
                .to_string()
                .contains("they are ended, blocked, never-yields, deadlock")
        );
    }
}
