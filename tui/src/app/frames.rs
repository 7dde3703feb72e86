//! The frames of a stack as lines of a list: which are the application's own, and the source of the first of those.
//!
//! A stack of a blocked loop has forty frames, of which two say where the trouble is. Those of the standard library, of the
//! runtime and of other crates are shown, but dimmed, and the first frame of one's own code has its source below it.

use super::source::Excerpts;
use loopscope_inspector::model::{Frame, Place, words};

/// Frames of one's own that have their source lines.
const SOURCES_MAX: usize = 1;

/// One line of a stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FrameRow<'a> {
    /// A frame, its number from 0, and whether it is of the application's own code.
    Frame(usize, &'a Frame, bool),
    /// A line of source; whether it is the one that is meant.
    Source(u32, &'a str, bool),
}

/// Whether a frame is of the application's own code, as far as its place tells: not of the standard library, of a
/// dependency or of the runtime.
pub(crate) fn is_own(frame: &Frame) -> bool {
    let Some(at) = &frame.at else { return false };
    let foreign = ["/rustc/", "/.cargo/registry/", "/.cargo/git/", "/rustlib/src/", "/glibc", "/sysdeps/"];
    !foreign.iter().any(|part| at.file.contains(part)) && !is_runtime(&frame.function)
}

/// Whether a function is one of the runtime's own.
fn is_runtime(function: &str) -> bool {
    let name = function.trim_start_matches(['<', '&', ' ']);
    ["loopscope::", "loopscope_inspector::", "core::", "std::", "alloc::"]
        .iter()
        .any(|crate_name| name.starts_with(crate_name))
}

/// The name of a function, as much of it as is read.
pub(crate) fn function(frame: &Frame) -> String {
    if frame.function.is_empty() {
        return "a function without a name".to_owned();
    }
    words::escape(&frame.function, words::TEXT_CHARS_MAX).into_owned()
}

/// A frame in one line: `shop::save at src/db.rs:7`.
pub(crate) fn words(frame: &Frame) -> String {
    match &frame.at {
        Some(at) => format!("{} at {}", function(frame), words::place(at)),
        None => function(frame),
    }
}

/// The places of a stack whose source is shown.
pub(crate) fn places(frames: &[Frame]) -> impl Iterator<Item = &Place> {
    frames.iter().filter(|frame| is_own(frame)).filter_map(|frame| frame.at.as_ref()).take(SOURCES_MAX)
}

/// The frame that tells most: the first of one's own code, else the first that has a place.
pub(crate) fn telling(frames: &[Frame]) -> Option<&Frame> {
    let own = frames.iter().find(|frame| is_own(frame));
    own.or_else(|| frames.iter().find(|frame| frame.at.is_some())).or(frames.first())
}

/// The lines of a stack.
pub(crate) fn rows<'a>(frames: &'a [Frame], excerpts: &'a Excerpts) -> Vec<FrameRow<'a>> {
    let mut left = SOURCES_MAX;
    let mut rows = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let own = is_own(frame);
        rows.push(FrameRow::Frame(number, frame, own));
        let Some(at) = frame.at.as_ref().filter(|_| own && left > 0) else { continue };
        left -= 1;
        if let Some(excerpt) = excerpts.get(at) {
            let lines = excerpt.lines.iter().zip(excerpt.first..);
            rows.extend(lines.map(|(line, number)| FrameRow::Source(number, line, number == at.line)));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str) -> Frame {
        let at = (!file.is_empty()).then(|| Place::new(file, 7, 0));
        Frame { function: function.to_owned(), at }
    }

    #[test]
    fn one_s_own_frames_are_told_from_those_of_others() {
        let check =
            |function, file, own| assert_eq!(is_own(&frame(function, file)), own, "{function} {file}");
        check("shop::db::save", "src/db.rs", true);
        check("<shop::Db as shop::Store>::save", "/srv/shop/src/db.rs", true);
        check("std::thread::sleep", "/rustc/0123/library/std/src/thread/mod.rs", false);
        check("<core::pin::Pin<P> as core::future::Future>::poll", "src/x.rs", false);
        check("pool::get", "/a/.cargo/registry/src/index.crates.io-1/pool-1.2.3/src/lib.rs", false);
        check("loopscope::task::raw::poll", "runtime/src/task/raw.rs", false);
        check("clock_nanosleep", "", false);
    }

    #[test]
    fn the_first_frame_of_one_s_own_has_its_source() {
        let frames =
            [frame("nanosleep", ""), frame("shop::save", "src/db.rs"), frame("shop::run", "src/b.rs")];
        assert_eq!(places(&frames).collect::<Vec<_>>(), [&Place::new("src/db.rs", 7, 0)]);
        let excerpt = super::super::event::Excerpt { first: 7, lines: vec!["sleep(S);".to_owned()] };
        let excerpts = Excerpts::from([(Place::new("src/db.rs", 7, 0), excerpt)]);
        let rows = rows(&frames, &excerpts);
        assert_eq!(rows[2], FrameRow::Source(7, "sleep(S);", true));
        assert_eq!(rows.len(), 4);
    }
}
