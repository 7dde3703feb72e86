//! What stands below the table of warnings: the stacks and notes of those that have some.

use super::cells::Ink;
use super::flags::Look;
use super::stacks::frame;
use super::tables::warning_ink;
use loopscope_inspector::model::{Warning, words};
use std::io::{self, Write};

/// Writes the stack, the notes and who made the task of each warning that has them.
pub(crate) fn write(out: &mut dyn Write, warnings: &[Warning], look: Look) -> io::Result<()> {
    let shown = look.limit.unwrap_or(usize::MAX);
    let is_bare = |it: &Warning| it.stack.is_empty() && it.notes.is_empty() && it.created.is_empty();
    let has_more = |it: &&Warning| !(it.past || is_bare(it));
    for warning in warnings.iter().take(shown).filter(has_more) {
        let mut head = words::escape(&warning.name, words::NAME_CHARS_MAX).into_owned();
        if let Some(task) = warning.task {
            head = format!("{head}, {}", words::task(task, warning.task_name.as_deref()));
        }
        let line = |text: String| if look.ascii { words::ascii(&text).into_owned() } else { text };
        writeln!(out, "\n{}", warning_ink(warning).paint(&line(format!("{head}:")), look.color))?;
        for note in &warning.notes {
            writeln!(out, "  {}", line(words::escape(note, words::TEXT_CHARS_MAX).into_owned()))?;
        }
        for it in &warning.stack {
            writeln!(out, "  {}", frame(it, look))?;
        }
        if !warning.created.is_empty() {
            writeln!(out, "  {}", Ink::Faint.paint("the task was made by", look.color))?;
        }
        for it in &warning.created {
            writeln!(out, "    {}", frame(it, look))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::{Frame, Place};

    #[test]
    fn only_warnings_with_more_to_say_are_below_the_table() {
        let frame =
            |function: &str| Frame { function: function.into(), at: Some(Place::new("src/main.rs", 4, 0)) };
        let blocked = Warning {
            name: "blocked".into(),
            task: Some(7),
            task_name: Some("worker".into()),
            stack: vec![frame("std::thread::sleep"), frame("app::work")],
            created: vec![frame("app::main")],
            ..Warning::default()
        };
        let deadlock = Warning {
            name: "deadlock".into(),
            notes: vec!["#1 waits for lock a at src/main.rs:9, taken at src/main.rs:8".into()],
            ..Warning::default()
        };
        let past = Warning { past: true, ..blocked.clone() };
        let mut out = Vec::new();
        write(&mut out, &[blocked, Warning::default(), deadlock, past], Look::default()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
