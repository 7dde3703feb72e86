//! `#[loopscope::main]` and `#[loopscope::test]`; the expansion is drawn in the crate's docs.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, ItemFn};

use crate::options::{self, Options};

/// Which of the two attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl Entry {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Entry::Main => "#[loopscope::main]",
            Entry::Test => "#[loopscope::test]",
        }
    }

    pub(crate) fn other(self) -> Entry {
        match self {
            Entry::Main => Entry::Test,
            Entry::Test => Entry::Main,
        }
    }
}

/// The function that replaces `item`; on a mistake the error, and a function that keeps the name and the return
/// type so that the mistake is all the compiler talks about.
pub(crate) fn expand(entry: Entry, options: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item) {
        Ok(function) => function,
        Err(error) => {
            let message = format!("`{}` belongs on an `async fn` ({error})", entry.attribute());
            return Error::new(error.span(), message).into_compile_error();
        }
    };
    match check(entry, &function).and_then(|()| options::parse(entry, options)) {
        Ok(options) => run(entry, &options, &function),
        Err(error) => stand_in(&function, &error),
    }
}

fn check(entry: Entry, function: &ItemFn) -> syn::Result<()> {
    let attribute = entry.attribute();
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        let message = format!("`{attribute}` runs an `async fn`; write `async fn {}`", sig.ident);
        return Err(Error::new(sig.fn_token.span, message));
    }
    if !sig.inputs.is_empty() {
        let message =
            format!("`{}` takes no arguments: nobody is there to pass them to `{attribute}`", sig.ident);
        return Err(Error::new_spanned(&sig.inputs, message));
    }
    if !sig.generics.params.is_empty() {
        let message = format!(
            "`{}` cannot be generic: nobody is there to choose the types for `{attribute}`",
            sig.ident
        );
        return Err(Error::new_spanned(&sig.generics.params, message));
    }
    if entry == Entry::Test
        && let Some(second) = function.attrs.iter().find(|attribute| attribute.path().is_ident("test"))
    {
        let message = format!("`{attribute}` already makes this a test; remove the other `#[test]`");
        return Err(Error::new_spanned(second, message));
    }
    Ok(())
}

fn run(entry: Entry, Options { calls, deny }: &Options, function: &ItemFn) -> TokenStream {
    let ItemFn { attrs, vis, sig, block, .. } = function;
    let name = &sig.ident;
    let output = &sig.output;
    let test = quote!(#[::core::prelude::v1::test]);
    let (test, runner, allow) = match (entry, deny) {
        (Entry::Main, _) => (quote!(), quote!(run_main), None),
        (Entry::Test, None) => (test, quote!(run_test), None),
        (Entry::Test, Some(allow)) => (test, quote!(run_test_denying), Some(quote!(&[#allow],))),
    };
    let mut outer = sig.clone();
    outer.asyncness = None;
    // The span of the name: `#[track_caller]` on the callee then reports this line as the spawn site.
    let call = quote_spanned! {name.span()=>
        ::loopscope::__private::#runner(::loopscope::Runner::builder() #calls, #allow #name())
    };
    quote! {
        #test
        #(#attrs)*
        #vis #outer {
            #[allow(clippy::unused_async, reason = "an async main or test may do without an await")]
            async fn #name() #output #block
            #call
        }
    }
}

fn stand_in(function: &ItemFn, error: &Error) -> TokenStream {
    let ItemFn { vis, sig, .. } = function;
    let (name, output) = (&sig.ident, &sig.output);
    let error = error.to_compile_error();
    quote! {
        #error
        #vis fn #name() #output { ::core::panic!("this program did not compile") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_expansion(entry: Entry, options: TokenStream, item: TokenStream, expected: &TokenStream) {
        assert_eq!(expand(entry, options, item).to_string(), expected.to_string());
    }

    fn error_of(entry: Entry, options: TokenStream, item: TokenStream) -> String {
        let expansion = expand(entry, options, item).to_string();
        let (_, rest) = expansion.split_once("compile_error ! { \"").expect("an error");
        let (message, _) = rest.split_once("\" }").expect("its end");
        message.to_owned()
    }

    #[test]
    fn main_becomes_a_call_of_run_main_with_the_body_as_a_function_of_its_own() {
        check_expansion(
            Entry::Main,
            quote!(),
            quote! {
                /// Docs.
                async fn main() -> std::io::Result<()> { work().await?; Ok(()) }
            },
            &quote! {
                /// Docs.
                fn main() -> std::io::Result<()> {
                    #[allow(clippy::unused_async, reason = "an async main or test may do without an await")]
                    async fn main() -> std::io::Result<()> { work().await?; Ok(()) }
                    ::loopscope::__private::run_main(::loopscope::Runner::builder(), main())
                }
            },
        );
    }

    #[test]
    fn mains_options_become_builder_calls() {
        check_expansion(
            Entry::Main,
            quote!(debug, name = "app"),
            quote! { pub async fn main() {} },
            &quote! {
                pub fn main() {
                    #[allow(clippy::unused_async, reason = "an async main or test may do without an await")]
                    async fn main() {}
                    ::loopscope::__private::run_main(
                        ::loopscope::Runner::builder().debug(true).name("app"), main())
                }
            },
        );
    }

    #[test]
    fn a_test_keeps_its_attributes_and_runs_through_run_test() {
        check_expansion(
            Entry::Test,
            quote!(paused),
            quote! {
                #[should_panic(expected = "late")]
                async fn an_hour() { sleep(HOUR).await; }
            },
            &quote! {
                #[::core::prelude::v1::test]
                #[should_panic(expected = "late")]
                fn an_hour() {
                    #[allow(clippy::unused_async, reason = "an async main or test may do without an await")]
                    async fn an_hour() { sleep(HOUR).await; }
                    ::loopscope::__private::run_test(::loopscope::Runner::builder().paused(true), an_hour())
                }
            },
        );
    }

    #[test]
    fn a_test_that_denies_warnings_runs_through_a_function_of_its_own() {
        check_expansion(
            Entry::Test,
            quote!(deny_warnings(allow = "leak"), paused),
            quote! { async fn works() -> Result<(), Error> { Ok(()) } },
            &quote! {
                #[::core::prelude::v1::test]
                fn works() -> Result<(), Error> {
                    #[allow(clippy::unused_async, reason = "an async main or test may do without an await")]
                    async fn works() -> Result<(), Error> { Ok(()) }
                    ::loopscope::__private::run_test_denying(
                        ::loopscope::Runner::builder().paused(true), &[::loopscope::debug::Lint::Leak,], works())
                }
            },
        );
    }

    #[test]
    fn a_function_that_is_not_async_is_refused_and_keeps_its_shape() {
        let expansion = expand(Entry::Main, quote!(), quote! { fn main() -> ExitCode { ExitCode::SUCCESS } });
        assert_eq!(
            expansion.to_string(),
            quote! {
                ::core::compile_error! { "`#[loopscope::main]` runs an `async fn`; write `async fn main`" }
                fn main() -> ExitCode { ::core::panic!("this program did not compile") }
            }
            .to_string()
        );
    }

    #[test]
    fn arguments_type_parameters_and_a_second_test_attribute_are_refused() {
        assert_eq!(
            error_of(Entry::Main, quote!(), quote! { async fn main(args: Vec<String>) {} }),
            "`main` takes no arguments: nobody is there to pass them to `#[loopscope::main]`"
        );
        assert_eq!(
            error_of(Entry::Test, quote!(), quote! { async fn works<T>() {} }),
            "`works` cannot be generic: nobody is there to choose the types for `#[loopscope::test]`"
        );
        assert_eq!(
            error_of(Entry::Test, quote!(), quote! { #[test] async fn works() {} }),
            "`#[loopscope::test]` already makes this a test; remove the other `#[test]`"
        );
    }

    #[test]
    fn something_that_is_no_function_is_refused() {
        let message = error_of(Entry::Main, quote!(), quote! { struct Main; });
        assert!(message.starts_with("`#[loopscope::main]` belongs on an `async fn`"), "{message}");
    }

    #[test]
    fn an_unknown_option_is_an_error_of_the_attribute() {
        assert_eq!(
            error_of(Entry::Test, quote!(puased), quote! { async fn works() {} }),
            "`#[loopscope::test]` has no option `puased`; did you mean `paused`?"
        );
    }
}
