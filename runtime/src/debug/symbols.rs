//! Functions, files and lines for return addresses.
//!
//! ```text
//!   address ──known?──► its frames (one for each function inlined there, innermost first)
//!               │ no
//!               └─► line tables of the module it lies in; without them `module+0x…`
//! ```
//!
//! The first address costs as much as reading the program's line tables, which may be a second in a large one: this is for threads
//! that nobody waits for, never for a loop's own.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::warning::Frame;
use crate::telemetry::Place;

/// Addresses that are kept with their frames; a program has fewer, unless it loads and unloads code.
const ADDRESSES_MAX: usize = 1 << 17;

static KNOWN: Mutex<Option<HashMap<usize, Arc<[Frame]>>>> = Mutex::new(None);

/// The functions that a return address lies in: more than one where they are inlined into each other, the innermost first.
/// Never empty.
pub(crate) fn frames_of(address: usize) -> Arc<[Frame]> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(frames) = known.as_ref().and_then(|known| known.get(&address)) {
        return Arc::clone(frames);
    }
    drop(known);
    let frames: Arc<[Frame]> = look_up(address).into();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if known.len() >= ADDRESSES_MAX {
        known.clear();
    }
    known.insert(address, Arc::clone(&frames));
    frames
}

fn look_up(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        let Some(name) = symbol.name() else { return };
        let at = symbol.filename().zip(symbol.lineno()).map(|(file, line)| Place {
            file: file.to_string_lossy().into_owned(),
            line,
            column: symbol.colno().unwrap_or(0),
        });
        // Without the hash that tells two versions of a crate apart.
        frames.push(Frame { function: format!("{name:#}"), at });
    });
    if frames.is_empty() {
        frames.push(Frame { function: in_module(address), at: None });
    }
    frames
}

/// Where an address lies that has no name: `libc.so.6+0x2a1c0`.
fn in_module(address: usize) -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    module_of(&maps, address).unwrap_or_else(|| format!("{address:#x}"))
}

/// The file that is mapped at `address` by these lines of `/proc/PID/maps`, and the place in it.
fn module_of(maps: &str, address: usize) -> Option<String> {
    let mut base: Option<(&str, usize)> = None;
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let (from, to) = (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
        let Some(path) = fields.nth(4) else { continue };
        // A module's first mapping is where its addresses count from.
        if base.is_none_or(|(of, _)| of != path) {
            base = Some((path, from));
        }
        if (from..to).contains(&address) {
            let (_, base) = base?;
            let name = Path::new(path).file_name()?.to_string_lossy();
            return Some(format!("{name}+{:#x}", address - base));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_function_of_ours_is_its_name_file_and_line() {
        let mut here = Vec::new();
        backtrace::trace(|frame| {
            here.push(frame.ip() as usize);
            true
        });
        let frames: Vec<Frame> = here.iter().flat_map(|address| frames_of(*address).to_vec()).collect();
        let own = "an_address_in_a_function_of_ours_is_its_name_file_and_line";
        let own =
            frames.iter().find(|frame| frame.function.ends_with(own)).expect("this test is on its stack");
        assert!(own.at.as_ref().is_some_and(|at| at.file.ends_with(file!())), "{own}");
    }

    #[test]
    fn an_address_of_no_module_is_shown_as_it_is() {
        assert_eq!(*frames_of(0x10), [Frame { function: "0x10".to_owned(), at: None }]);
    }

    #[test]
    fn an_address_without_symbols_is_named_by_its_module() {
        let maps = "7f0000000000-7f0000001000 r--p 00000000 08:01 17 /usr/lib/libc.so.6\n\
                    7f0000001000-7f0000009000 r-xp 00001000 08:01 17 /usr/lib/libc.so.6\n\
                    7f0000009000-7f000000a000 rw-p 00000000 00:00 0 \n";
        assert_eq!(module_of(maps, 0x7f00_0000_12ab).as_deref(), Some("libc.so.6+0x12ab"));
        assert_eq!(module_of(maps, 0x7f00_0000_9001), None);
    }
}
