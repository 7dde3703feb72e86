//! Three lines of a source file around a place, if the file is there.
//!
//! The path comes from the observed program, so it is not trusted: only regular files are read, only so much of them, and
//! a path that is relative is looked for below the directory the program was started in and the observed one's.

use super::event::Excerpt;
use loopscope_inspector::model::Place;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Lines before and after the place.
const AROUND: u32 = 1;
/// What is read of a file at most: the longest source files have a few megabytes.
const BYTES_MAX: u64 = 16 << 20;
/// What is kept of a line.
const LINE_CHARS_MAX: usize = 200;

/// Places of which a screen keeps the lines.
pub(crate) const EXCERPTS_MAX: usize = 64;

/// The lines that a screen has, or has asked for, by their place.
pub(crate) type Excerpts = BTreeMap<Place, Excerpt>;

/// The places whose lines are not there yet, as far as there is room for them. They are noted as asked for, so that each is
/// read once.
pub(crate) fn ask<'a>(excerpts: &mut Excerpts, places: impl Iterator<Item = &'a Place>) -> Vec<Place> {
    let mut missing = Vec::new();
    for place in places {
        if excerpts.len() < EXCERPTS_MAX && !excerpts.contains_key(place) {
            excerpts.insert(place.clone(), Excerpt::default());
            missing.push(place.clone());
        }
    }
    missing
}

/// Where the file of a place is, if it is there. `roots` are where relative paths are looked for.
pub(crate) fn find(place: &Place, roots: &[PathBuf]) -> Option<PathBuf> {
    let path = Path::new(&place.file);
    let candidates = roots.iter().map(|root| root.join(path));
    candidates.into_iter().find(|path| path.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// The lines around a place; none if the file cannot be read or has no such line.
pub(crate) fn read(place: &Place, roots: &[PathBuf]) -> Excerpt {
    let first = place.line.saturating_sub(AROUND).max(1);
    let last = place.line.saturating_add(AROUND);
    let Some(file) = find(place, roots).and_then(|path| File::open(path).ok()) else {
        return Excerpt::default();
    };
    let lines = BufReader::new(file.take(BYTES_MAX)).split(b'\n');
    let numbered = (1..=last).zip(lines).skip_while(|(number, _)| *number < first);
    let lines: Vec<String> = numbered
        .map_while(|(_, line)| line.ok())
        .map(|line| {
            let text = String::from_utf8_lossy(&line).replace('\t', "    ");
            text.trim_end().chars().take(LINE_CHARS_MAX).collect()
        })
        .collect();
    if lines.is_empty() { Excerpt::default() } else { Excerpt { first, lines: dedented(&lines) } }
}

/// Lines without the blanks that all of them begin with.
fn dedented(lines: &[String]) -> Vec<String> {
    let blanks = |line: &String| line.chars().take_while(|c| *c == ' ').count();
    let common = lines.iter().filter(|line| !line.is_empty()).map(blanks).min().unwrap_or(0);
    lines.iter().map(|line| line.chars().skip(common).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(line: u32) -> Place {
        Place { file: "src/app/source.rs".to_owned(), line, column: 1 }
    }

    fn roots() -> [PathBuf; 1] {
        [PathBuf::from(env!("CARGO_MANIFEST_DIR"))]
    }

    #[test]
    fn the_lines_around_a_place_are_read() {
        let excerpt = read(&here(2), &roots());
        assert_eq!(excerpt.first, 1);
        assert_eq!(excerpt.lines.len(), 3);
        assert!(excerpt.lines[0].starts_with("//! Three lines of a source file"));
    }

    #[test]
    fn what_all_lines_begin_with_is_left_out() {
        let lines = ["    a {", "        b", "", "    }"].map(str::to_owned);
        assert_eq!(dedented(&lines), ["a {", "    b", "", "}"]);
    }

    #[test]
    fn the_first_line_has_none_before_it() {
        let excerpt = read(&here(1), &roots());
        assert_eq!((excerpt.first, excerpt.lines.len()), (1, 2));
    }

    #[test]
    fn what_is_no_file_or_has_no_such_line_gives_nothing() {
        assert_eq!(read(&here(1_000_000), &roots()), Excerpt::default());
        let directory = Place { file: "src".to_owned(), line: 1, column: 1 };
        assert_eq!(read(&directory, &roots()), Excerpt::default());
        let device = Place { file: "/dev/zero".to_owned(), line: 1, column: 1 };
        assert_eq!(read(&device, &roots()), Excerpt::default());
    }
}
