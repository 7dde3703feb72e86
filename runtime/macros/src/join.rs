//! `join!` and `try_join!`: each future in a pinned `Option`, each output in another, one `poll_fn` over all.
//!
//! A future is dropped as soon as it is ready. As in `select!`, every poll call carries the span of its own
//! future's expression and hands on the task's own context.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use crate::select::poll_at;

/// Which of the two macros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `join!`: a tuple of all outputs.
    All,
    /// `try_join!`: `Ok` of a tuple, or the first `Err`.
    UntilErr,
}

pub(crate) fn expand(kind: Kind, input: TokenStream) -> TokenStream {
    let futures = match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(input) {
        Ok(futures) => futures,
        Err(error) => return error.into_compile_error(),
    };
    if futures.is_empty() {
        return match kind {
            Kind::All => quote!(()),
            Kind::UntilErr => quote!(::core::compile_error! {
                "`try_join!` needs at least one future, whose error type becomes its own"
            }),
        };
    }
    let branches: Vec<Branch<'_>> = futures.iter().enumerate().map(Branch::new).collect();
    joined(kind, &branches)
}

/// One future and the names of its locals, which resolve at the macro.
struct Branch<'a> {
    expression: &'a Expr,
    future: Ident,
    output: Ident,
}

impl<'a> Branch<'a> {
    fn new((position, expression): (usize, &'a Expr)) -> Self {
        let local = |name: &str| Ident::new(&format!("{name}{position}"), Span::mixed_site());
        Branch { expression, future: local("future"), output: local("output") }
    }

    fn poll(&self, kind: Kind) -> TokenStream {
        let site = Span::mixed_site();
        let Branch { expression, future, output } = self;
        let poll = poll_at(expression, &quote_spanned!(site=> future), &quote_spanned!(site=> context));
        let keep = match kind {
            Kind::All => quote_spanned! {site=>
                ::core::task::Poll::Ready(output) => #output = ::core::option::Option::Some(output),
            },
            Kind::UntilErr => quote_spanned! {site=>
                ::core::task::Poll::Ready(::core::result::Result::Ok(output)) => {
                    #output = ::core::option::Option::Some(output);
                }
                ::core::task::Poll::Ready(::core::result::Result::Err(error)) => {
                    return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                }
            },
        };
        quote_spanned! {site=>
            if let ::core::option::Option::Some(future) = ::core::option::Option::as_pin_mut(#future.as_mut()) {
                match #poll {
                    #keep
                    ::core::task::Poll::Pending => pending = true,
                }
                if ::core::option::Option::is_some(&#output) {
                    #future.set(::core::option::Option::None);
                }
            }
        }
    }
}

fn joined(kind: Kind, branches: &[Branch<'_>]) -> TokenStream {
    let site = Span::mixed_site();
    let futures = branches.iter().map(|branch| &branch.future);
    let outputs: Vec<&Ident> = branches.iter().map(|branch| &branch.output).collect();
    let polls = branches.iter().map(|branch| branch.poll(kind));
    let ok = quote_spanned!(site=> ::core::result::Result::Ok);
    let tuple = match kind {
        Kind::All => quote_spanned!(site=> (#(#outputs,)*)),
        Kind::UntilErr => quote_spanned!(site=> #ok((#(#outputs,)*))),
    };
    let all_there = quote_spanned! {site=>
        match (#(#outputs,)*) {
            (#(::core::option::Option::Some(#outputs),)*) => #tuple,
            _ => ::core::unreachable!("the poll was ready before every output was there"),
        }
    };
    let (ready, finish) = match kind {
        Kind::All => (quote_spanned!(site=> ()), quote_spanned!(site=> () => #all_there)),
        Kind::UntilErr => (
            quote_spanned!(site=> #ok(())),
            quote_spanned! {site=>
                #ok(()) => #all_there,
                ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
            },
        ),
    };
    let innermost = quote_spanned! {site=> {
        #(let mut #futures = ::core::pin::pin!(#futures);)*
        #(let mut #outputs = ::core::option::Option::None;)*
        let waited = ::core::future::poll_fn(|context| {
            let mut pending = false;
            #(#polls)*
            if pending { ::core::task::Poll::Pending } else { ::core::task::Poll::Ready(#ready) }
        })
        .await;
        match waited { #finish }
    }};
    branches.iter().rev().fold(innermost, |inner, Branch { expression, future, .. }| {
        quote_spanned! {site=>
            match ::core::option::Option::Some(::core::future::IntoFuture::into_future(#expression)) {
                #future => #inner
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_wait_for_is_an_empty_tuple() {
        assert_eq!(expand(Kind::All, quote!()).to_string(), "()");
    }

    #[test]
    fn nothing_to_try_has_no_error_type() {
        assert!(
            expand(Kind::UntilErr, quote!())
                .to_string()
                .contains("`try_join!` needs at least one future, whose error type becomes its own")
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let expansion = expand(Kind::All, quote!(a, => b)).to_string();
        assert!(expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn only_try_join_looks_for_an_error() {
        assert!(!expand(Kind::All, quote!(a, b)).to_string().contains("Err"));
        assert!(expand(Kind::UntilErr, quote!(a, b)).to_string().contains("Err"));
    }
}
