//! Functions, files and lines for return addresses.
//!
//! ```text
//!   address ──known?──► its symbols (one for each function inlined there, innermost first)
//!               │ no
//!               └─► /proc/thread-self/maps: the module it lies in ──► its line tables and its table of symbols; without them `module+0x…`
//! ```
//!
//! With line tables alone the functions that were inlined have short names, such as `poll` or `{async_fn#0}`; the one they
//! were inlined into has its whole path, from the table of symbols.
//!
//! The first address of a module costs as much as reading its line tables, which may be a second in a large one: this is for threads
//! that nobody waits for, never for a loop's own.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Release;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use addr2line::Loader;

use super::leaked::leaked;
use super::warning::Frame;
use crate::telemetry::Place;

/// Addresses that are kept with their symbols; a program has fewer, unless it loads and unloads code.
const ADDRESSES_MAX: usize = 1 << 17;
/// Modules whose line tables are kept.
const MODULES_MAX: usize = 64;
/// Functions inlined into each other at one address.
const INLINED_MAX: usize = 256;

/// A function at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Its whole path, demangled, where that is known; else its short name, or the module and the address in it.
    pub(crate) function: String,
    /// Its name alone, as the compiler has it: `{async_fn#0}`.
    pub(crate) short: Option<String>,
    /// Where in it.
    pub(crate) at: Option<Place>,
}

#[derive(Default)]
pub(super) struct Symbols {
    known: HashMap<usize, Arc<[Symbol]>>,
    modules: HashMap<Module, Option<Loader>>,
}

/// Made when the first address is named. A fork leaves it behind, with the thread that may be naming one.
static SYMBOLS: AtomicPtr<Mutex<Symbols>> = AtomicPtr::new(ptr::null_mut());

/// The table, for one look-up.
pub(super) fn symbols() -> MutexGuard<'static, Symbols> {
    leaked(&SYMBOLS, || Box::leak(Box::default())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the child of a fork.
pub(crate) fn forget_after_fork() {
    SYMBOLS.store(ptr::null_mut(), Release);
}

/// The functions that a return address lies in: more than one where they are inlined into each other, the innermost first.
/// Never empty.
pub(crate) fn symbols_at(address: usize) -> Arc<[Symbol]> {
    let mut symbols = symbols();
    if let Some(known) = symbols.known.get(&address) {
        return Arc::clone(known);
    }
    let found: Arc<[Symbol]> = symbols.look_up(address).into();
    if symbols.known.len() >= ADDRESSES_MAX {
        symbols.known.clear();
    }
    symbols.known.insert(address, Arc::clone(&found));
    found
}

/// As [`symbols_at`], to be shown.
pub(crate) fn frames_of(address: usize) -> Vec<Frame> {
    let frame = |symbol: &Symbol| Frame { function: symbol.function.clone(), at: symbol.at.clone() };
    symbols_at(address).iter().map(frame).collect()
}

/// Forgets what stood at which address, when code was loaded or unloaded.
pub(crate) fn forget_addresses() {
    symbols().known.clear();
}

/// Whether a frame has the module and the address in it for a name, or the address alone.
pub(crate) fn is_address(frame: &Frame) -> bool {
    let digits = frame.function.rsplit("0x").next().unwrap_or_default();
    let is_hex = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    frame.at.is_none() && is_hex && (frame.function.contains("+0x") || frame.function.starts_with("0x"))
}

impl Symbols {
    fn look_up(&mut self, address: usize) -> Vec<Symbol> {
        let nameless = |function| vec![Symbol { function, short: None, at: None }];
        // Of this thread, since the first one may have ended.
        let maps = fs::read("/proc/thread-self/maps").unwrap_or_default();
        let maps = String::from_utf8_lossy(&maps);
        let Some((module, base)) = Module::at(&maps, address) else {
            return nameless(format!("{address:#x}"));
        };
        if self.modules.len() >= MODULES_MAX && !self.modules.contains_key(&module) {
            self.modules.clear();
        }
        let Module { path, base_vaddr } = module.clone();
        let loader = self.modules.entry(module).or_insert_with(|| Loader::new(openable(&path)).ok());
        // The instruction that called, not the one to return to.
        let probe = (address - base).wrapping_add(base_vaddr).wrapping_sub(1);
        let found = loader.as_ref().map(|loader| frames(loader, probe as u64)).unwrap_or_default();
        if !found.is_empty() {
            return found;
        }
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
        nameless(format!("{name}+{:#x}", address - base))
    }
}

fn frames(loader: &Loader, probe: u64) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    if let Ok(mut frames) = loader.find_frames(probe) {
        while symbols.len() < INLINED_MAX
            && let Ok(Some(frame)) = frames.next()
        {
            symbols.push(symbol(&frame));
        }
    }
    let whole = loader.find_symbol(probe).map(demangled);
    match (symbols.last_mut(), whole) {
        // A function that was folded into one like it has the other's name in the table of symbols.
        (Some(outermost), Some(whole)) if !is_whole(&outermost.function) => outermost.function = whole,
        (None, Some(function)) => symbols.push(Symbol { function, short: None, at: None }),
        _ => {}
    }
    // A function that is only known by its lines, and is not the one in the table of symbols.
    symbols.retain(|symbol| !symbol.function.is_empty());
    symbols
}

fn symbol<R: addr2line::gimli::Reader>(frame: &addr2line::Frame<'_, R>) -> Symbol {
    let name = frame.function.as_ref().and_then(|function| function.raw_name().ok()).unwrap_or_default();
    let is_mangled = name.starts_with("_R") || name.starts_with("_ZN");
    let at = frame.location.as_ref().and_then(|location| {
        let (file, line) = (location.file?.to_owned(), location.line?);
        Some(Place { file, line, column: location.column.unwrap_or(0) })
    });
    let short = (!is_mangled && !name.is_empty()).then(|| name.clone().into_owned());
    Symbol { function: demangled(&name), short, at }
}

/// Whether a name says where it is from, as `a::b<c>` and `<a::B as c::D>::e` do and `b<a::c>` does not.
fn is_whole(name: &str) -> bool {
    name.starts_with('<') || name.split('<').next().is_some_and(|path| path.contains("::"))
}

/// Without the hash that tells two versions of a crate apart.
fn demangled(name: &str) -> String {
    addr2line::demangle_auto(name.into(), None).into_owned()
}

/// A mapped file, and the address that its first byte was linked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Module {
    path: String,
    base_vaddr: usize,
}

impl Module {
    /// The file that is mapped at `address` by these lines of `/proc/PID/maps`, and where it begins.
    fn at(maps: &str, address: usize) -> Option<(Self, usize)> {
        let (path, base) = mapped_at(maps, address)?;
        Some((Self { path: path.to_owned(), base_vaddr: linked_for(path, base) }, base))
    }
}

fn mapped_at(maps: &str, address: usize) -> Option<(&str, usize)> {
    let mut base: Option<(&str, usize)> = None;
    for line in maps.lines() {
        let mut fields = line.splitn(6, ' ');
        let (from, to) = fields.next()?.split_once('-')?;
        let (from, to) = (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
        let offset = fields.nth(1).unwrap_or_default();
        let path = fields.nth(2).unwrap_or_default().trim_start();
        if path.is_empty() {
            continue;
        }
        // A module's first mapping is where its addresses count from. There may be others: its file as we read it ourselves.
        if base.is_none_or(|(of, _)| of != path) || offset.bytes().all(|digit| digit == b'0') {
            base = Some((path, from));
        }
        if (from..to).contains(&address) {
            return base;
        }
    }
    None
}

/// For which address the beginning of a file was linked that was loaded at `base`: its own if it cannot be moved, as a rule 0.
fn linked_for(path: &str, base: usize) -> usize {
    /// `e_type` of a program that cannot be moved, and where it stands in the file.
    const CANNOT_BE_MOVED: u8 = 2;
    const TYPE_AT: usize = 16;
    let mut start = [0; TYPE_AT + 2];
    let read =
        fs::File::open(openable(path)).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    if read.is_ok() && start[TYPE_AT] == CANNOT_BE_MOVED { base } else { 0 }
}

/// Where to open a file that is mapped. The program itself can be had also when it was replaced, as by an upgrade.
fn openable(path: &str) -> PathBuf {
    let program = PathBuf::from("/proc/self/exe");
    let is_deleted = path.ends_with(" (deleted)");
    if is_deleted && fs::read_link(&program).is_ok_and(|link| link.to_str() == Some(path)) {
        return program;
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_function_of_ours_is_its_path_file_and_line() {
        let mut here = Vec::new();
        backtrace::trace(|frame| {
            here.push(frame.ip().addr());
            true
        });
        let symbols: Vec<Symbol> = here.iter().flat_map(|address| symbols_at(*address).to_vec()).collect();
        let name =
            "loopscope::debug::symbols::tests::an_address_in_a_function_of_ours_is_its_path_file_and_line";
        let own = symbols.iter().find(|symbol| symbol.function == name).expect("this test is on its stack");
        assert!(own.at.as_ref().is_some_and(|at| at.file.ends_with(file!())), "{own:?}");
    }

    #[test]
    fn an_address_of_no_module_is_shown_as_it_is() {
        let symbol = Symbol { function: "0x10".to_owned(), short: None, at: None };
        assert_eq!(*symbols_at(0x10), [symbol]);
    }

    #[test]
    fn a_name_without_its_module_is_told_from_one_with() {
        for (name, whole) in [
            ("a::b", true),
            ("a::b<c>", true),
            ("<a::B as c::D>::e", true),
            ("b", false),
            ("b<a::c>", false),
            ("{closure#0}<a::c>", false),
        ] {
            assert_eq!(is_whole(name), whole, "{name}");
        }
    }

    #[test]
    fn an_address_is_told_from_a_function() {
        let is = |function: &str| is_address(&Frame { function: function.to_owned(), at: None });
        let said = ["libc.so.6+0x891f4", "0x10", "main", "f+0xg", "a0x1", "0x"].map(is);
        assert_eq!(said, [true, true, false, false, false, false]);
    }

    #[test]
    fn an_address_belongs_to_the_file_that_is_mapped_there() {
        let maps = "7e0000000000-7e0000009000 r--p 00000000 08:01 17       /usr/lib/a libc.so.6\n\
                    7e0000009000-7e000000a000 rw-p 00000000 00:00 0 \n\
                    7f0000000000-7f0000001000 r--p 00000000 08:01 17       /usr/lib/a libc.so.6\n\
                    7f0000001000-7f0000009000 r-xp 00001000 08:01 17       /usr/lib/a libc.so.6\n\
                    7f0000009000-7f000000a000 rw-p 00000000 00:00 0 \n";
        assert_eq!(mapped_at(maps, 0x7f00_0000_12ab), Some(("/usr/lib/a libc.so.6", 0x7f00_0000_0000)));
        assert_eq!(mapped_at(maps, 0x7f00_0000_9001), None);
        assert_eq!(mapped_at("nonsense\n", 1), None);
    }
}
