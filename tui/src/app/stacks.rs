//! The native stacks of the loops' threads, as they were when they were asked for: over the screen, the busiest loop first.

use super::cursor::Cursor;
use super::frames::{self, FrameRow};
use super::order::Taken;
use super::source::{self, Excerpts};
use loopscope_inspector::model::{Frame, NativeStack, Place};

/// The overlay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stacks {
    /// The stacks.
    pub(crate) taken: Taken<Vec<NativeStack>>,
    /// The selected line.
    pub(crate) cursor: Cursor,
    /// Lines of source.
    pub(crate) excerpts: Excerpts,
}

impl Default for Stacks {
    /// They are being taken.
    fn default() -> Self {
        Self { taken: Taken::Asked, cursor: Cursor::default(), excerpts: Excerpts::default() }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row<'a> {
    /// A loop, and what it does.
    Loop(&'a NativeStack),
    /// Why there are no frames, or not all.
    Note(&'a str),
    /// A frame, and whether it is of one's own code.
    Frame(usize, &'a Frame, bool),
    /// A line of source; whether it is the one that is meant.
    Source(u32, &'a str, bool),
    /// There are more frames, which could not be captured.
    Cut,
    /// An empty line.
    Blank,
}

impl Stacks {
    /// Takes an answer.
    pub(crate) fn take(&mut self, answer: Result<Vec<NativeStack>, String>) {
        self.cursor = Cursor::default();
        self.taken = match answer {
            Ok(mut stacks) => {
                stacks.sort_by_key(|stack| std::cmp::Reverse(stack.running_for_ns));
                Taken::Got(stacks)
            }
            Err(why) => Taken::Failed(why),
        };
    }

    fn stacks(&self) -> &[NativeStack] {
        match &self.taken {
            Taken::Got(stacks) => stacks,
            Taken::Not | Taken::Asked | Taken::Failed(_) => &[],
        }
    }

    /// The lines.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for stack in self.stacks() {
            if !rows.is_empty() {
                rows.push(Row::Blank);
            }
            rows.push(Row::Loop(stack));
            rows.extend(stack.note.as_deref().map(Row::Note));
            rows.extend(frames::rows(&stack.frames, &self.excerpts).into_iter().map(|row| match row {
                FrameRow::Frame(number, frame, own) => Row::Frame(number, frame, own),
                FrameRow::Source(number, line, here) => Row::Source(number, line, here),
            }));
            rows.extend(stack.truncated.then_some(Row::Cut));
        }
        rows
    }

    /// Which of the lines can be stood on.
    pub(crate) fn stands(&self) -> Vec<bool> {
        self.rows().iter().map(|row| !matches!(row, Row::Blank | Row::Source(..))).collect()
    }

    /// The selected line.
    pub(crate) fn selected(&self) -> Option<Row<'_>> {
        self.rows().get(self.cursor.at).copied()
    }

    /// The stack that the selected line belongs to.
    pub(crate) fn stack(&self) -> Option<&NativeStack> {
        let rows = self.rows();
        let before = rows.get(..=self.cursor.at)?;
        before.iter().rev().find_map(|row| match row {
            Row::Loop(stack) => Some(*stack),
            _ => None,
        })
    }

    /// The place of the selected line, else the first of one's own code in that stack.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self.selected() {
            Some(Row::Frame(_, frame, _)) if frame.at.is_some() => frame.at.as_ref(),
            _ => {
                let stack = self.stack()?;
                frames::places(&stack.frames).next().or(stack.site.as_ref())
            }
        }
    }

    /// Places whose lines have not been read; they are taken to be read now.
    pub(crate) fn ask(&mut self) -> Vec<Place> {
        let Taken::Got(stacks) = &self.taken else { return Vec::new() };
        source::ask(&mut self.excerpts, stacks.iter().flat_map(|stack| frames::places(&stack.frames)))
    }

    /// All of it as plain text.
    pub(crate) fn text(&self) -> String {
        let mut lines = Vec::new();
        for stack in self.stacks() {
            lines.push(title(stack));
            lines.extend(stack.note.as_ref().map(|note| {
                format!("  {}", loopscope_inspector::model::words::escape(note, NOTE_CHARS_MAX))
            }));
            lines.extend(stack.frames.iter().map(|frame| format!("  {}", frames::words(frame))));
        }
        lines.join("\n")
    }
}

/// What a loop's thread does, in a line.
pub(crate) fn title(stack: &NativeStack) -> String {
    use loopscope_inspector::model::words;
    let thread = match (&stack.thread, stack.tid) {
        (Some(name), Some(tid)) => format!(", thread {tid} {}", words::escape(name, words::NAME_CHARS_MAX)),
        (Some(name), None) => format!(", thread {}", words::escape(name, words::NAME_CHARS_MAX)),
        (None, Some(tid)) => format!(", thread {tid}"),
        (None, None) => String::new(),
    };
    let doing = match (stack.task, stack.running_for_ns) {
        (Some(id), for_ns) => {
            let since = for_ns.map(|ns| format!(", {}", words::duration(ns))).unwrap_or_default();
            format!(": in {}{since}", words::task(id, stack.task_name.as_deref()))
        }
        (None, Some(ns)) => format!(": busy, {}", words::duration(ns)),
        (None, None) => ": polls no task".to_owned(),
    };
    format!("loop {}{thread}{doing}", stack.loop_id)
}

/// What is shown of a note.
pub(crate) const NOTE_CHARS_MAX: usize = 300;
