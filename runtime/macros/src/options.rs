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
    /// `slow_callback = "50ms"`.
    Duration,
    /// `deny_warnings`, as a flag, or with exceptions: `deny_warnings(allow = "slow-poll, leak")`.
    Deny,
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
    Known { name: "slow_callback", shape: Shape::Duration },
];
const TEST: &[Known] = &[
    Known { name: "paused", shape: Shape::Flag },
    Known { name: "debug", shape: Shape::Mode },
    Known { name: "slow_callback", shape: Shape::Duration },
    Known { name: "deny_warnings", shape: Shape::Deny },
];

/// What people coming from other runtimes write, and what to tell them.
const FOREIGN: &[(&str, &str)] = &[
    ("start_paused", "`#[loopscope::test(paused)]` gives a test a virtual clock"),
    ("flavor", "a loop always runs on the thread that starts it, so there is no flavor to choose"),
    ("slow", "`slow_callback = \"50ms\"` sets from when on a callback is slow"),
    ("worker_threads", "a loop always runs on the thread that starts it, so there are no worker threads"),
];

/// One option as written.
struct Written {
    name: Ident,
    value: Option<Lit>,
    /// What stands in parentheses after the name.
    inner: Option<(Ident, LitStr)>,
}

/// What the options come to.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The calls of the builder.
    pub(crate) calls: TokenStream,
    /// The lints that are allowed, if all others are denied.
    pub(crate) deny: Option<TokenStream>,
}

impl Parse for Written {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            let inner = content.parse()?;
            content.parse::<Token![=]>()?;
            let inner = Some((inner, content.parse()?));
            content.parse::<Option<Token![,]>>()?;
            if !content.is_empty() {
                return Err(content.error("one list is all there can be"));
            }
            return Ok(Written { name, value: None, inner });
        }
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Written { name, value, inner: None })
    }
}

/// The modes that `debug = "…"` knows, and what they are called in the runtime.
const MODES: &[(&str, &str)] = &[("off", "Off"), ("on", "On"), ("stacks", "Stacks")];

/// What the options stand for: builder calls such as `.debug(true).name("app")`, and what is denied.
pub(crate) fn parse(entry: Entry, options: TokenStream) -> syn::Result<Options> {
    let written = Punctuated::<Written, Token![,]>::parse_terminated.parse2(options)?;
    let mut seen: Vec<String> = Vec::new();
    let mut parsed = Options::default();
    for option in &written {
        let name = option.name.to_string();
        let Some(known) = known_to(entry).iter().find(|known| known.name == name) else {
            return Err(Error::new(option.name.span(), unknown(entry, &name)));
        };
        if seen.contains(&name) {
            return Err(Error::new(option.name.span(), format!("`{name}` is given twice")));
        }
        seen.push(name);
        match known.shape {
            Shape::Deny => parsed.deny = deny(option)?,
            _ if option.inner.is_some() => {
                let message = format!("`{}` has nothing in parentheses", known.name);
                return Err(Error::new(option.name.span(), message));
            }
            _ => parsed.calls.extend(call(known, option)?),
        }
    }
    let off = written.iter().find(|option| option.name == "debug" && is_off(option));
    if let (Some(_), Some(off)) = (&parsed.deny, off) {
        let message = "`deny_warnings` needs debug mode, which finds what it denies; leave `debug` out";
        return Err(Error::new(off.name.span(), message));
    }
    Ok(parsed)
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
        (Shape::Duration, value) => return duration_call(known, option, value.as_ref()),
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
        (Shape::Text | Shape::Deny, _) => {
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

/// Whether an option switches debug mode off.
fn is_off(debug: &Written) -> bool {
    match &debug.value {
        Some(Lit::Bool(on)) => !on.value,
        Some(Lit::Str(mode)) => mode.value() == "off",
        _ => false,
    }
}

/// The units that a duration may have, in nanoseconds.
const UNITS: &[(&str, u64)] =
    &[("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];

fn duration_call(known: &Known, option: &Written, value: Option<&Lit>) -> syn::Result<TokenStream> {
    let method = &option.name;
    let refused = |span| {
        let message =
            format!("`{0}` is a whole number with a unit: `{0} = \"50ms\"` (ns, us, ms, s, m)", known.name);
        Error::new(span, message)
    };
    let Some(Lit::Str(text)) = value else { return Err(refused(method.span())) };
    let (span, text) = (text.span(), text.value());
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let number: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    let nanoseconds = number.zip(unit).and_then(|(number, (_, unit))| number.checked_mul(*unit));
    let Some(nanoseconds) = nanoseconds else { return Err(refused(span)) };
    Ok(quote_spanned!(method.span()=> .#method(::core::time::Duration::from_nanos(#nanoseconds))))
}

/// The lints that `deny_warnings` allows, as a list of the runtime's; `None` if it is off.
///
/// Whether there is a lint of such a name the compiler says, which knows those that are near.
fn deny(option: &Written) -> syn::Result<Option<TokenStream>> {
    const SHAPE: &str =
        "`deny_warnings` is on or off, or has exceptions: `deny_warnings(allow = \"slow-poll, leak\")`";
    match (&option.value, &option.inner) {
        (Some(Lit::Bool(on)), _) if !on.value => return Ok(None),
        (None | Some(Lit::Bool(_)), None) => return Ok(Some(TokenStream::new())),
        (None, Some((allow, _))) if allow == "allow" => {}
        (Some(value), _) => return Err(Error::new(value.span(), SHAPE)),
        (None, Some((other, _))) => return Err(Error::new(other.span(), SHAPE)),
    }
    let Some((_, names)) = &option.inner else { return Ok(None) };
    let (span, list) = (names.span(), names.value());
    let mut allowed = TokenStream::new();
    for name in list.split(',').map(str::trim) {
        if !is_name(name) {
            let message = format!("{name:?} is no name of a lint such as `slow-poll`");
            return Err(Error::new(span, message));
        }
        let variant = Ident::new(&variant_of(name), span);
        allowed.extend(quote_spanned!(span=> ::loopscope::debug::Lint::#variant,));
    }
    Ok(Some(allowed))
}

fn is_name(name: &str) -> bool {
    name.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// What the lint `slow-poll` is called in the runtime: `SlowPoll`.
fn variant_of(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        variant.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        variant.push_str(letters.as_str());
    }
    variant
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
        match parse(entry, options) {
            Ok(Options { calls, deny: None }) => calls.to_string(),
            Ok(Options { calls, deny: Some(allow) }) => format!("{calls} deny all but [{allow}]"),
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
            "error: `#[loopscope::main]` has no option `colour`; it knows `debug`, `name`, `ctrl_c`, `slow_callback`"
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
    fn a_threshold_is_a_whole_number_with_a_unit() {
        let refused = "error: `slow_callback` is a whole number with a unit: `slow_callback = \"50ms\"` (ns, us, ms, s, m)";
        for (text, nanoseconds) in
            [("50ms", 50_000_000_u64), ("2 s", 2_000_000_000), ("1ns", 1), ("5m", 300_000_000_000)]
        {
            assert_eq!(
                calls(Entry::Main, quote!(slow_callback = #text)),
                quote!(.slow_callback(::core::time::Duration::from_nanos(#nanoseconds))).to_string(),
                "{text}"
            );
        }
        for text in
            ["", "ms", "50", "0ms", "-1s", "1.5s", "1h", "99999999999999999999s", "999999999999999999m"]
        {
            assert_eq!(calls(Entry::Test, quote!(slow_callback = #text)), refused, "{text}");
        }
        assert_eq!(calls(Entry::Main, quote!(slow_callback)), refused);
        assert_eq!(calls(Entry::Main, quote!(slow_callback = 50)), refused);
        assert_eq!(
            calls(Entry::Main, quote!(slow = "50ms")),
            "error: `#[loopscope::main]` has no option `slow`: `slow_callback = \"50ms\"` sets from when on a callback is slow"
        );
    }

    #[test]
    fn warnings_are_denied_but_those_that_are_allowed() {
        assert_eq!(calls(Entry::Test, quote!(deny_warnings)), " deny all but []");
        assert_eq!(
            calls(Entry::Test, quote!(deny_warnings = true, debug)),
            ".debug(true) deny all but []".replace(".debug(true)", &quote!(.debug(true)).to_string())
        );
        assert_eq!(calls(Entry::Test, quote!(deny_warnings = false)), "");
        let allowed = quote!(::loopscope::debug::Lint::SlowPoll, ::loopscope::debug::Lint::Leak,);
        for list in [
            quote!(deny_warnings(allow = "slow-poll, leak")),
            quote!(deny_warnings(allow = "slow-poll,leak",)),
        ] {
            assert_eq!(calls(Entry::Test, list), format!(" deny all but [{allowed}]"));
        }
    }

    #[test]
    fn what_is_no_list_of_lints_is_refused() {
        let shape = "error: `deny_warnings` is on or off, or has exceptions: `deny_warnings(allow = \"slow-poll, leak\")`";
        assert_eq!(calls(Entry::Test, quote!(deny_warnings = "slow-poll")), shape);
        assert_eq!(calls(Entry::Test, quote!(deny_warnings(deny = "slow-poll"))), shape);
        for (list, name) in
            [("", ""), ("slow-poll,", ""), ("SlowPoll", "SlowPoll"), ("slow poll", "slow poll"), ("-", "-")]
        {
            let message = format!("error: {name:?} is no name of a lint such as `slow-poll`");
            assert_eq!(calls(Entry::Test, quote!(deny_warnings(allow = #list))), message, "{list:?}");
        }
        assert_eq!(
            calls(Entry::Test, quote!(deny_warnings(allow = "a", allow = "b"))),
            "error: one list is all there can be"
        );
        assert_eq!(
            calls(Entry::Test, quote!(paused(allow = "a"))),
            "error: `paused` has nothing in parentheses"
        );
        assert_eq!(
            calls(Entry::Test, quote!(debug = false, deny_warnings)),
            "error: `deny_warnings` needs debug mode, which finds what it denies; leave `debug` out"
        );
        assert_eq!(
            calls(Entry::Main, quote!(deny_warnings)),
            "error: `deny_warnings` is an option of `#[loopscope::test]`, not of `#[loopscope::main]`"
        );
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
