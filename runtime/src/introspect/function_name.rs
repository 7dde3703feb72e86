//! What a function is called: demangled names as a person would write them.
//!
//! ```text
//!   app::serve::<app::Db>::{closure#0}, {async_fn#0}          app::serve
//!   app::serve::{closure#0}::{closure#1}, {async_block#1}     {async block in app::serve}
//!   <app::Server as app::Handler>::handle::{closure#0}        app::Server::handle
//!   <Buffered<St> as futures_core::stream::Stream>::poll_next Buffered::poll_next
//!   {async_fn#0}, inlined, whose path is not known            {async fn}
//! ```

/// What kind of function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    AsyncFunction,
    AsyncBlock,
    Closure,
    /// A closure or the body of something async.
    Inner,
}

/// A demangled name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FunctionName {
    /// The path without generics and closures; of a trait's method that of the type, and the method. Empty if it is not known.
    pub(super) path: String,
    /// The last word of the path of the trait, of a trait's method.
    pub(super) of_trait: Option<String>,
    /// How many closures and async blocks deep.
    pub(super) closures: usize,
    pub(super) kind: Kind,
}

impl FunctionName {
    /// Takes apart what the demangler says, with what the compiler calls it besides.
    pub(super) fn parse(name: &str, short: Option<&str>) -> Self {
        let (mut rest, mut closures) = (name.trim(), 0);
        let mut segments = Vec::new();
        let mut of_trait = None;
        if let Some(inner) = rest.strip_prefix('<')
            && let Some(end) = closing(inner)
        {
            let (this, after) = (&inner[..end], &inner[end + 1..]);
            let (this, of) = split_as(this);
            segments.extend(path_of_type(this));
            of_trait = of.map(|of| last_word(of).to_owned());
            rest = after.strip_prefix("::").unwrap_or(after);
        }
        let mut last = None;
        for segment in split_path(rest) {
            if segment.starts_with('<') || segment.is_empty() {
                continue;
            }
            last = inner_kind(segment);
            match last {
                Some(_) => closures += 1,
                None => segments.push(without_generics(segment)),
            }
        }
        let by_compiler =
            short.and_then(inner_kind).map(|kind| if kind == Kind::Inner { Kind::Closure } else { kind });
        let kind = by_compiler.or(last).unwrap_or(Kind::Function);
        Self { path: segments.join("::"), of_trait, closures, kind }
    }

    /// The crate it is of.
    pub(super) fn root(&self) -> &str {
        let start = self.path.trim_start_matches(['&', '*', '(', '[', ' ']);
        start.split([':', ' ', ',', ')', ']']).next().unwrap_or(start)
    }

    /// The method's or function's own name.
    pub(super) fn method(&self) -> &str {
        last_word(&self.path)
    }

    /// The type of a method.
    pub(super) fn of_type(&self) -> &str {
        let path = self.path.strip_suffix(self.method()).unwrap_or(&self.path);
        last_word(path.trim_end_matches("::"))
    }

    /// Whether it is the body of something async, as far as the name tells.
    pub(super) fn is_async(&self) -> bool {
        match self.kind {
            Kind::AsyncFunction | Kind::AsyncBlock => true,
            Kind::Inner => !self.has_poll_name(),
            Kind::Function | Kind::Closure => false,
        }
    }

    /// Whether the compiler says that it is the body of something async.
    pub(super) fn is_async_for_sure(&self) -> bool {
        matches!(self.kind, Kind::AsyncFunction | Kind::AsyncBlock)
    }

    /// Whether it is called like the methods by which futures, streams and sinks are polled.
    pub(super) fn has_poll_name(&self) -> bool {
        self.method() == "poll" || self.method().starts_with("poll_")
    }

    /// As it is shown: the body of an async function by that function, of whatever is in it as a block of it.
    pub(super) fn shown(&self) -> String {
        let path = &self.path;
        match (self.kind, path.is_empty()) {
            (Kind::Function, _) | (Kind::AsyncFunction, false) => path.clone(),
            (Kind::AsyncFunction, true) => "{async fn}".to_owned(),
            (Kind::AsyncBlock, true) => "{async block}".to_owned(),
            (Kind::Closure | Kind::Inner, true) => "{closure}".to_owned(),
            (Kind::Inner, false) if self.closures <= 1 => path.clone(),
            (Kind::AsyncBlock | Kind::Inner, false) => format!("{{async block in {path}}}"),
            (Kind::Closure, false) => format!("{{closure in {path}}}"),
        }
    }
}

fn inner_kind(segment: &str) -> Option<Kind> {
    match segment {
        _ if segment.starts_with("{async_fn") => Some(Kind::AsyncFunction),
        _ if segment.starts_with("{async_block") => Some(Kind::AsyncBlock),
        // In a mangled name all are called so.
        _ if segment.starts_with("{closure") || segment.starts_with("{{closure") => Some(Kind::Inner),
        _ if segment.starts_with("{async_closure") => Some(Kind::AsyncBlock),
        _ => None,
    }
}

/// Where the bracket closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {} // an arrow
            b'>' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// `T as Trait` as both.
fn split_as(text: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && text[at..].starts_with(" as ") => {
                return (&text[..at], Some(&text[at + 4..]));
            }
            _ => {}
        }
    }
    (text, None)
}

/// The words of a path, split where no bracket is open.
fn split_path(text: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && at >= start && text[at..].starts_with("::") => {
                segments.push(&text[start..at]);
                start = at + 2;
            }
            _ => {}
        }
    }
    segments.push(&text[start.min(text.len())..]);
    segments
}

/// The words of a type's path, without generics.
fn path_of_type(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.starts_with(['&', '*', '(', '[']) || text.starts_with("dyn ") || text.starts_with("fn(") {
        return vec![text.to_owned()];
    }
    let segments = split_path(text);
    let named = segments.into_iter().filter(|segment| !segment.is_empty() && !segment.starts_with('<'));
    named.map(without_generics).collect()
}

fn without_generics(segment: &str) -> String {
    segment.split('<').next().unwrap_or(segment).to_owned()
}

/// `app::Handler<u8>` is `Handler`.
fn last_word(path: &str) -> &str {
    let path = path.split('<').next().unwrap_or(path);
    path.trim_end_matches(':').rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, short: Option<&str>, shown: &str, of_trait: Option<&str>) {
        let parsed = FunctionName::parse(name, short);
        assert_eq!((parsed.shown().as_str(), parsed.of_trait.as_deref()), (shown, of_trait), "{name}");
    }

    #[test]
    fn the_body_of_an_async_function_is_called_like_the_function() {
        check("app::serve::{closure#0}", None, "app::serve", None);
        check("app::serve::{{closure}}", None, "app::serve", None);
        check("app::serve::<app::Db<u8>>::{closure#0}", Some("{async_fn#0}"), "app::serve", None);
        check("<app::Server<T>>::run::{closure#0}", Some("{async_fn#0}<u8>"), "app::Server::run", None);
        check(
            "<app::Server as app::Handler<u8>>::handle::{closure#0}",
            None,
            "app::Server::handle",
            Some("Handler"),
        );
    }

    #[test]
    fn what_is_inside_of_a_function_is_a_block_in_it() {
        check("app::main::{closure#0}", Some("{async_block#0}"), "{async block in app::main}", None);
        check("app::main::{closure#0}::{closure#2}", None, "{async block in app::main}", None);
        check("app::main::{{closure}}::{{closure}}", None, "{async block in app::main}", None);
    }

    #[test]
    fn what_was_inlined_may_have_no_path() {
        check("{async_fn#0}", Some("{async_fn#0}"), "{async fn}", None);
        check("{async_block#3}<u8>", Some("{async_block#3}<u8>"), "{async block}", None);
        check("poll", Some("poll"), "poll", None);
    }

    #[test]
    fn a_method_of_a_trait_goes_by_its_type() {
        let name = "<futures_util::stream::futures_unordered::FuturesUnordered<app::f::{closure#0}> as futures_core::stream::Stream>::poll_next";
        check(
            name,
            Some("poll_next"),
            "futures_util::stream::futures_unordered::FuturesUnordered::poll_next",
            Some("Stream"),
        );
        let name = "<fn(u8) -> app::F as core::ops::function::FnOnce<()>>::call_once";
        check(name, None, "fn(u8) -> app::F::call_once", Some("FnOnce"));
        let name = FunctionName::parse("<app::Wait as core::future::future::Future>::poll", None);
        assert_eq!((name.of_type(), name.method(), name.has_poll_name()), ("Wait", "poll", true));
    }

    #[test]
    fn names_that_are_none_are_kept() {
        for name in ["libc.so.6+0x12", "0x10", "", "<", "<<<", "a::", "::a", "<ä as ö>::ü"] {
            FunctionName::parse(name, Some(name));
        }
        check("libc.so.6+0x12", None, "libc.so.6+0x12", None);
    }
}
