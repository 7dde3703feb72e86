//! The options in the parentheses of `#[loopscope::main(…)]` and `#[loopscope::test(…)]`.
//!
//! Each becomes one call on the runner's builder, in the order written.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitBool, LitStr, Token};

use crate::entry::Entry;

/// What an option's value looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// `paused`, `paused = true` or `paused = false`.
    Flag,
    /// As a flag, or the name of a mode: `debug = "stacks"`.
    Mode,
    /// `name = "…"`.
    Text,
}

/// One option an attribute knows.
struct Known {
    name: &'static str,
    shape: Shape,
}

const MAIN: &[Known] = &[
    Known { name: "debug", shape: Shape::Mode },
    Known { name: "name", shape: Shape::Text },
    Known { name: "ctrl_c", shape: Shape::Flag },
];
const TEST: &[Known] =
    &[Known { name: "paused", shape: Shape::Flag }, Known { name: "debug", shape: Shape::Mode }];

/// What people coming from other runtimes write, and what to tell them.
const FOREIGN: &[(&str, &str)] = &[
    ("start_paused", "`#[loopscope::test(paused)]` gives a test a virtual clock"),
    ("flavor", "a loop always runs on the thread that starts it, so there is no flavor to choose"),
    ("worker_threads", "a loop always runs on the thread that starts it, so there are no worker threads"),
];

/// One option as written.
struct Written {
    name: Ident,
    value: Option<Lit>,
}

impl Parse for Written {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Written { name, value })
    }
}

/// The modes that `debug = "…"` knows, and what they are called in the runtime.
const MODES: &[(&str, &str)] = &[("off", "Off"), ("on", "On"), ("stacks", "Stacks")];

/// The builder calls that the options stand for, such as `.debug(true).name("app")`.
pub(crate) fn builder_calls(entry: Entry, options: TokenStream) -> syn::Result<TokenStream> {
    let written = Punctuated::<Written, Token![,]>::parse_terminated.parse2(options)?;
    let mut seen: Vec<String> = Vec::new();
    let mut calls = TokenStream::new();
    for option in &written {
        let name = option.name.to_string();
        let Some(known) = known_to(entry).iter().find(|known| known.name == name) else {
            return Err(Error::new(option.name.span(), unknown(entry, &name)));
        };
        if seen.contains(&name) {
            return Err(Error::new(option.name.span(), format!("`{name}` is given twice")));
        }
        seen.push(name);
        calls.extend(call(known, option)?);
    }
    Ok(calls)
}

fn known_to(entry: Entry) -> &'static [Known] {
    match entry {
        Entry::Main => MAIN,
        Entry::Test => TEST,
    }
}

fn call(known: &Known, option: &Written) -> syn::Result<TokenStream> {
    let method = &option.name;
    let span = method.span();
    let value = match (known.shape, &option.value) {
        (Shape::Mode, Some(Lit::Str(mode))) => return mode_call(mode),
        (Shape::Flag | Shape::Mode, None) => Lit::Bool(LitBool::new(true, span)),
        (Shape::Flag | Shape::Mode, Some(value @ Lit::Bool(_)))
        | (Shape::Text, Some(value @ Lit::Str(_))) => value.clone(),
        (Shape::Mode, Some(other)) => return Err(Error::new(other.span(), MODE)),
        (Shape::Flag, Some(other)) => {
            return Err(Error::new(
                other.span(),
                format!("`{0}` is on or off: `{0}`, `{0} = true` or `{0} = false`", known.name),
            ));
        }
        (Shape::Text, _) => {
            return Err(Error::new(span, format!("`{0}` needs a text: `{0} = \"…\"`", known.name)));
        }
    };
    if let Lit::Str(text) = &value {
        check_text(known, text)?;
    }
    Ok(quote_spanned!(span=> .#method(#value)))
}

/// What the value of `debug` may be.
const MODE: &str = "`debug` is on, off or with stacks: `debug`, `debug = false` or `debug = \"stacks\"`";

fn mode_call(mode: &LitStr) -> syn::Result<TokenStream> {
    let Some((_, variant)) = MODES.iter().find(|(name, _)| *name == mode.value()) else {
        return Err(Error::new(mode.span(), MODE));
    };
    let variant = Ident::new(variant, mode.span());
    Ok(quote_spanned!(mode.span()=> .debug_mode(::loopscope::debug::Mode::#variant)))
}

fn check_text(known: &Known, text: &LitStr) -> syn::Result<()> {
    if text.value().is_empty() {
        return Err(Error::new(text.span(), format!("`{}` is empty; leave it out instead", known.name)));
    }
    Ok(())
}

/// The message for an option that `entry` does not know, with the nearest thing that exists.
fn unknown(entry: Entry, name: &str) -> String {
    let own = known_to(entry);
    let attribute = entry.attribute();
    if let Some(near) = own.iter().find(|known| is_near(known.name, name)) {
        return format!("`{attribute}` has no option `{name}`; did you mean `{}`?", near.name);
    }
    let other = entry.other();
    if known_to(other).iter().any(|known| known.name == name) {
        return format!("`{name}` is an option of `{}`, not of `{attribute}`", other.attribute());
    }
    if let Some((_, hint)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        return format!("`{attribute}` has no option `{name}`: {hint}");
    }
    let names: Vec<String> = own.iter().map(|known| format!("`{}`", known.name)).collect();
    format!("`{attribute}` has no option `{name}`; it knows {}", names.join(", "))
}

/// Whether a slip of the pen lies between the two: at most two letters added, left out or exchanged.
fn is_near(known: &str, written: &str) -> bool {
    const SLIPS_MAX: usize = 2;
    distance(known.as_bytes(), &written.to_ascii_lowercase().into_bytes()) <= SLIPS_MAX
}

/// Levenshtein's edit distance, one row at a time.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn calls(entry: Entry, options: TokenStream) -> String {
        match builder_calls(entry, options) {
            Ok(calls) => calls.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn each_option_is_one_builder_call_in_the_order_written() {
        assert_eq!(calls(Entry::Main, quote!()), "");
        assert_eq!(calls(Entry::Main, quote!(debug)), quote!(.debug(true)).to_string());
        assert_eq!(calls(Entry::Main, quote!(debug = false)), quote!(.debug(false)).to_string());
        assert_eq!(
            calls(Entry::Main, quote!(name = "app", debug,)),
            quote!(.name("app").debug(true)).to_string()
        );
        assert_eq!(calls(Entry::Test, quote!(paused)), quote!(.paused(true)).to_string());
        assert_eq!(
            calls(Entry::Test, quote!(debug = "stacks")),
            quote!(.debug_mode(::loopscope::debug::Mode::Stacks)).to_string()
        );
    }

    #[test]
    fn a_slip_of_the_pen_is_answered_with_what_was_meant() {
        assert_eq!(
            calls(Entry::Main, quote!(debgu)),
            "error: `#[loopscope::main]` has no option `debgu`; did you mean `debug`?"
        );
        assert_eq!(
            calls(Entry::Test, quote!(pause)),
            "error: `#[loopscope::test]` has no option `pause`; did you mean `paused`?"
        );
    }

    #[test]
    fn an_option_of_the_other_attribute_is_sent_there() {
        assert_eq!(
            calls(Entry::Main, quote!(paused)),
            "error: `paused` is an option of `#[loopscope::test]`, not of `#[loopscope::main]`"
        );
    }

    #[test]
    fn options_of_other_runtimes_get_the_reason_why_there_are_none() {
        assert_eq!(
            calls(Entry::Test, quote!(start_paused = true)),
            "error: `#[loopscope::test]` has no option `start_paused`: \
             `#[loopscope::test(paused)]` gives a test a virtual clock"
        );
        assert_eq!(
            calls(Entry::Main, quote!(flavor = "multi_thread")),
            "error: `#[loopscope::main]` has no option `flavor`: \
             a loop always runs on the thread that starts it, so there is no flavor to choose"
        );
    }

    #[test]
    fn anything_else_gets_the_list() {
        assert_eq!(
            calls(Entry::Main, quote!(colour = "red")),
            "error: `#[loopscope::main]` has no option `colour`; it knows `debug`, `name`, `ctrl_c`"
        );
    }

    #[test]
    fn a_value_of_the_wrong_shape_is_refused() {
        assert_eq!(
            calls(Entry::Main, quote!(debug = 3)),
            "error: `debug` is on, off or with stacks: `debug`, `debug = false` or `debug = \"stacks\"`"
        );
        assert_eq!(
            calls(Entry::Test, quote!(debug = "stack")),
            "error: `debug` is on, off or with stacks: `debug`, `debug = false` or `debug = \"stacks\"`"
        );
        assert_eq!(
            calls(Entry::Test, quote!(paused = "yes")),
            "error: `paused` is on or off: `paused`, `paused = true` or `paused = false`"
        );
        assert_eq!(calls(Entry::Main, quote!(name)), "error: `name` needs a text: `name = \"…\"`");
        assert_eq!(calls(Entry::Main, quote!(name = 7)), "error: `name` needs a text: `name = \"…\"`");
        assert_eq!(calls(Entry::Main, quote!(name = "")), "error: `name` is empty; leave it out instead");
        assert_eq!(calls(Entry::Main, quote!(debug, debug)), "error: `debug` is given twice");
    }

    #[test]
    fn distance_counts_letters_added_left_out_or_exchanged() {
        assert_eq!(distance(b"debug", b"debug"), 0);
        assert_eq!(distance(b"debug", b"debugg"), 1);
        assert_eq!(distance(b"debug", b"ebug"), 1);
        assert_eq!(distance(b"debug", b"dabug"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
    }
}
