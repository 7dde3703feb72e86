//! From return addresses to the chain of awaits that a person wrote.
//!
//! What is kept, from the root on: functions of the program; of libraries the bodies of their async functions and the methods by
//! which futures and streams are polled, which are the combinators; and of this library what the program awaits, by its public name.
//! The rest is how one calls the other.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::function_name::{FunctionName, Kind};
use super::leaf_names;
use crate::debug::Frame;
use crate::debug::symbols::{Symbol, symbols_at};
use crate::telemetry::Place;

/// What a stack ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Something of this library.
    Own,
    /// Something of another library that keeps the waker of the task.
    Foreign,
    /// A combinator with wakers of its own.
    Combinator,
}

/// The awaits of one stack.
#[derive(Clone, Debug)]
pub(super) struct Awaits {
    /// From the root on.
    pub(super) frames: Vec<Frame>,
    pub(super) end: End,
}

/// Whose function it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    Program,
    Library,
    /// Ours, and the file below our sources.
    Own(String),
    /// The standard library's, and what the compiler makes.
    Glue,
}

#[derive(Debug)]
struct Step {
    name: FunctionName,
    whose: Whose,
    at: Option<Place>,
    /// By which `select!` and `join!`, and others' like them, poll their arms.
    is_poll_fn: bool,
}

/// Combinators that poll their children with wakers of their own.
const COMBINATORS: &[&str] = &[
    "FuturesUnordered",
    "FuturesOrdered",
    "JoinAll",
    "TryJoinAll",
    "Buffered",
    "BufferUnordered",
    "TryBuffered",
    "TryBufferUnordered",
    "ForEachConcurrent",
    "TryForEachConcurrent",
    "FlattenUnordered",
    "FlatMapUnordered",
    "SelectAll",
    "Shared",
    "WeakShared",
    "JoinSet",
    "FutureGroup",
    "StreamGroup",
];

/// Where they are, for functions that were inlined, of which no more is known than the file.
const COMBINATOR_FILES: &[&str] =
    &["/futures_unordered/", "/futures_ordered.rs", "/join_all.rs", "/try_join_all.rs", "/future/shared.rs"];

/// Looks up addresses, each once.
pub(super) struct Naming {
    /// Files as the compiler named them, by which it is known what to leave out of the absolute paths of line tables.
    files: HashSet<&'static str>,
    folders: RefCell<Vec<String>>,
    known: RefCell<HashMap<usize, Rc<[Step]>>>,
    /// Stacks that were looked up: of tasks that are alike they are the same.
    stacks: RefCell<HashMap<Box<[usize]>, Awaits>>,
}

impl Naming {
    pub(super) fn new(files: HashSet<&'static str>) -> Self {
        Self { files, folders: RefCell::default(), known: RefCell::default(), stacks: RefCell::default() }
    }

    /// The awaits of a stack, which comes innermost first.
    pub(super) fn awaits(&self, addresses: &[usize]) -> Awaits {
        if let Some(awaits) = self.stacks.borrow().get(addresses) {
            return awaits.clone();
        }
        let steps: Vec<Rc<[Step]>> = addresses.iter().rev().map(|address| self.steps(*address)).collect();
        let awaits = awaits_of(steps.iter().flat_map(|steps| steps.iter()));
        self.stacks.borrow_mut().insert(addresses.into(), awaits.clone());
        awaits
    }

    /// The functions at an address, outermost first.
    fn steps(&self, address: usize) -> Rc<[Step]> {
        if let Some(steps) = self.known.borrow().get(&address) {
            return Rc::clone(steps);
        }
        let symbols = symbols_at(address);
        let steps: Rc<[Step]> = symbols.iter().rev().map(|symbol| self.step(symbol)).collect();
        self.known.borrow_mut().insert(address, Rc::clone(&steps));
        steps
    }

    fn step(&self, symbol: &Symbol) -> Step {
        let name = FunctionName::parse(&symbol.function, symbol.short.as_deref());
        let file = symbol.at.as_ref().map_or("", |at| at.file.as_str());
        let is_poll_fn = name.path.ends_with("PollFn::poll") || file.ends_with("/future/poll_fn.rs");
        let whose = whose(&name, file);
        let at = symbol.at.clone().map(|at| Place { file: self.shorten(at.file), ..at });
        Step { name, whose, at, is_poll_fn }
    }

    /// A file as the compiler named it, as far as that is known.
    fn shorten(&self, file: String) -> String {
        if let Some((_, in_registry)) = file.split_once("/registry/src/")
            && let Some((_, path)) = in_registry.split_once('/')
        {
            return path.to_owned();
        }
        if !file.starts_with('/') {
            return file;
        }
        let mut folders = self.folders.borrow_mut();
        if let Some(short) = folders.iter().find_map(|folder| file.strip_prefix(folder.as_str())) {
            return short.to_owned();
        }
        let known =
            file.match_indices('/').map(|(at, _)| &file[at + 1..]).find(|rest| self.files.contains(rest));
        let Some(short) = known.map(str::to_owned) else { return file };
        folders.push(file[..file.len() - short.len()].to_owned());
        short
    }
}

/// The folder of our sources, as the compiler names it.
const OWN: &str =
    match file!().as_bytes().split_at_checked(file!().len() - "introspect/await_frames.rs".len()) {
        Some((own, _)) => match std::str::from_utf8(own) {
            Ok(own) => own,
            Err(_) => "",
        },
        None => "",
    };

fn whose(name: &FunctionName, file: &str) -> Whose {
    let in_own = || {
        let start =
            file.rfind(OWN).filter(|at| *at == 0 || OWN.starts_with('/') || file[..*at].ends_with('/'));
        start.map(|at| file[at + OWN.len()..].to_owned())
    };
    let is_short = !name.path.contains("::");
    match name.root() {
        // A program may be called as we are: then the file tells.
        "loopscope" if let Some(own) = in_own() => Whose::Own(own),
        "loopscope" if file.is_empty() => Whose::Own(file_of(&name.path)),
        "core" | "std" | "alloc" | "__rustc" => Whose::Glue,
        _ if matches!(name.of_trait.as_deref(), Some("FnOnce" | "FnMut" | "Fn")) => Whose::Glue,
        _ if file.starts_with("/rustc/") || name.path == "__rust_try" => Whose::Glue,
        _ if file.contains("/registry/src/") || file.contains("/git/checkouts/") => Whose::Library,
        _ if is_short && let Some(own) = in_own() => Whose::Own(own),
        // What has no line tables was not built as part of the program.
        _ if file.is_empty() && name.path.contains("::") => Whose::Library,
        _ => Whose::Program,
    }
}

/// The file that a path of ours is from, as far as the path tells: `loopscope::time::sleep::Sleep::poll` is `time/sleep.rs`.
fn file_of(path: &str) -> String {
    let modules = path.split("::").skip(1);
    let modules = modules.take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
    format!("{}.rs", modules.collect::<Vec<_>>().join("/"))
}

/// The awaits among the calls of a stack, which comes outermost first.
fn awaits_of<'a>(steps: impl Iterator<Item = &'a Step>) -> Awaits {
    let mut picking = Picking::default();
    for step in steps {
        picking.see(step);
    }
    picking.cut_foreign_leaf();
    let frames = picking.kept.into_iter().map(|kept| kept.frame).collect();
    Awaits { frames, end: picking.end.unwrap_or(End::Foreign) }
}

/// An await that was kept.
#[derive(Debug)]
struct Kept {
    frame: Frame,
    /// The library it is of.
    library: Option<String>,
    is_async_function: bool,
}

/// Libraries of combinators: below theirs there is something else that is waited for.
const COMBINATOR_LIBRARIES: &[&str] =
    &["futures_util", "futures_core", "futures", "tokio_stream", "tower", "tower_service", "http_body_util"];

/// The awaits so far.
#[derive(Debug, Default)]
struct Picking {
    kept: Vec<Kept>,
    end: Option<End>,
    /// What came last is how a closure is called that polls the arms of a `select!` or `join!`.
    in_poll_fn: bool,
    /// What follows is how one of our own futures does its work.
    in_leaf: bool,
    /// The last one that was kept is ours and polls what it was given.
    in_wrapper: bool,
}

impl Picking {
    fn see(&mut self, step: &Step) {
        let after_poll_fn = self.in_poll_fn;
        self.in_poll_fn = step.is_poll_fn || (after_poll_fn && step.whose == Whose::Glue);
        let name = &step.name;
        let function = match &step.whose {
            Whose::Glue => return,
            Whose::Program if after_poll_fn && !name.is_async_for_sure() => {
                Some(format!("{{branch of {}}}", enclosing(name)))
            }
            Whose::Program => Some(name.shown()),
            Whose::Library => of_library(step),
            Whose::Own(file) => return self.see_own(name, file),
        };
        // Called by ours, so ours was no leaf.
        self.in_leaf = false;
        let Some(function) = function else { return };
        self.in_wrapper = false;
        let is_again = step.whose == Whose::Library
            && self.kept.last().is_some_and(|last| last.frame.function == function);
        if is_again {
            return;
        }
        self.end = Some(if is_combinator(step) { End::Combinator } else { End::Foreign });
        let is_inside = step.whose == Whose::Library && name.kind == Kind::Function;
        self.kept.push(Kept {
            frame: Frame { function, at: step.at.clone().filter(|_| !is_inside) },
            library: (step.whose == Whose::Library).then(|| library_of(step)),
            is_async_function: name.kind == Kind::AsyncFunction,
        });
    }

    fn see_own(&mut self, name: &FunctionName, file: &str) {
        if self.in_leaf || name.path.is_empty() && !name.is_async() {
            return;
        }
        let Some(named) = leaf_names::of(name, file) else { return };
        if self.in_wrapper && name.method() != "poll" {
            // A `timeout` has a timer of its own.
            self.in_leaf = !named.wraps;
            return;
        }
        self.in_leaf = !named.wraps;
        self.in_wrapper = named.wraps;
        self.end = Some(End::Own);
        if self.kept.last().is_none_or(|last| last.frame.function != named.function) {
            let frame = Frame { function: named.function, at: None };
            self.kept.push(Kept { frame, library: None, is_async_function: false });
        }
    }

    /// What a leaf of another library does inside is its own affair: what stays is what was awaited, and async functions of
    /// further libraries below.
    fn cut_foreign_leaf(&mut self) {
        let run = self.kept.iter().rposition(|kept| kept.library.is_none()).map_or(0, |last| last + 1);
        let combines = |kept: &Kept| {
            kept.library.as_deref().is_some_and(|library| COMBINATOR_LIBRARIES.contains(&library))
        };
        let Some(leaf) = self.kept[run..].iter().position(|kept| !combines(kept)) else { return };
        let mut below = self.kept.split_off(run + leaf + 1);
        for kept in below.drain(..) {
            let is_of_another = self.kept.last().is_some_and(|last| last.library != kept.library);
            if kept.is_async_function && is_of_another {
                self.kept.push(kept);
            }
        }
    }
}

/// What a function of a library is called, if it is an await: the body of an async function by its path, a future or stream by its
/// type and the crate.
fn of_library(step: &Step) -> Option<String> {
    let name = &step.name;
    if name.is_async() && !name.path.contains("AtomicWaker") {
        return Some(name.shown());
    }
    if name.kind != Kind::Function || !name.has_poll_name() || name.method().ends_with("_unpin") {
        return None;
    }
    let of_type = name.of_type();
    Some(match (of_type, name.root()) {
        // One that was inlined goes by the library and the file it is in.
        ("", _) => {
            let path =
                step.at.as_ref().map_or("", |at| at.file.trim_end_matches(".rs").trim_end_matches("/mod"));
            let module = path.rsplit('/').next().unwrap_or_default();
            format!("{}::{module}::{}", library_of(step), name.shown())
        }
        // There are many, so with the module.
        ("Receiver" | "Sender", root) => {
            let module = name.path.rsplit("::").nth(2).filter(|module| *module != root);
            format!("{root}::{}{of_type}", module.map_or(String::new(), |module| format!("{module}::")))
        }
        (_, root) => format!("{root}::{of_type}"),
    })
}

/// The library that a function is of: by its path, else by the folder of its file, `futures-util-0.3.34/src/…`.
fn library_of(step: &Step) -> String {
    if step.name.path.contains("::") {
        return step.name.root().to_owned();
    }
    let folder = step.at.as_ref().and_then(|at| at.file.split('/').next()).unwrap_or_default();
    folder.rsplit_once('-').map_or(folder, |(name, _)| name).replace('-', "_")
}

/// The function in which a closure of a `select!` or `join!` stands.
fn enclosing(name: &FunctionName) -> String {
    if name.path.is_empty() {
        return "select! or join!".to_owned();
    }
    name.path.clone()
}

fn is_combinator(step: &Step) -> bool {
    let file = step.at.as_ref().map_or("", |at| at.file.as_str());
    COMBINATORS.contains(&step.name.of_type())
        || (!step.name.path.contains("::") && COMBINATOR_FILES.iter().any(|of| file.contains(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_called_as_we_are_is_told_apart_by_its_files() {
        let of = |path: &str, file: &str| whose(&FunctionName::parse(path, None), file);
        assert_eq!(of("loopscope::demo::echo::serve", "/shop/tui/src/demo/echo.rs"), Whose::Program);
        let own = format!("/shop/{OWN}time/sleep.rs");
        assert_eq!(of("loopscope::time::sleep::Sleep::poll", &own), Whose::Own("time/sleep.rs".to_owned()));
        assert_eq!(
            of("loopscope::time::sleep::Sleep::poll", ""),
            Whose::Own("time/sleep.rs".to_owned()),
            "without line tables the path alone tells"
        );
    }
}
