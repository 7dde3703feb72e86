//! `select!`: parsing of the branches, and what becomes of them.
//!
//! ```text
//! select! {                        {
//!     a = fa() => body_a,              enum Selected<T0, T1> { Branch0(T0), Branch1(T1), Else }
//!     B(b) = fb(), if c => body_b,     let enabled1 = c;
//!     else => body_else,      ──►      let selected = /* fa() and, if enabled1, fb() in pinned `Option`s */
//! }                                        poll_fn(|cx| /* poll each that is still `Some`, once around,
//!                                              from `first`: ready and matching → return `BranchN(output)`;
//!                                              ready and not matching → `None`; all `None` → `Else` */).await;
//!                                      match selected {
//!                                          Branch0(a) => body_a,
//!                                          Branch1(B(b)) => body_b,
//!                                          _ => body_else,
//!                                      }
//!                                  }
//! ```
//!
//! The bodies stand outside of every closure and loop of the expansion, so `?`, `return`, `break`, `continue` and
//! `.await` in them mean what they mean around the `select!`. The futures are dropped before a body begins.
//!
//! Each poll call carries the span of its branch's future: a leaf whose `poll` is `#[track_caller]` records the
//! branch's line as its `.await`, not the macro's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, Pat, Token, parenthesized};

use crate::pattern::without_bindings;

mod keyword {
    syn::custom_keyword!(biased);
}

/// `pat = future [, if condition] => body`
struct Branch {
    pat: Pat,
    future: Expr,
    condition: Option<Expr>,
    body: Expr,
}

/// Everything between the braces.
struct Select {
    /// Where the expansion finds what it calls; comes from the wrapper as `$crate::…`.
    support: TokenStream,
    biased: bool,
    branches: Vec<Branch>,
    or_else: Option<Expr>,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let support;
        parenthesized!(support in input);
        let support = support.parse()?;
        let biased = input.peek(keyword::biased) && input.peek2(Token![;]);
        if biased {
            input.parse::<keyword::biased>()?;
            input.parse::<Token![;]>()?;
        }
        let mut select = Select { support, biased, branches: Vec::new(), or_else: None };
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
                input.parse::<Token![=>]>()?;
                select.or_else = Some(body(input)?);
                if !input.is_empty() {
                    return Err(input.error("`else` is the last branch of a `select!`"));
                }
            } else {
                select.branches.push(branch(input)?);
            }
        }
        if select.branches.is_empty() {
            return Err(Error::new(
                Span::call_site(),
                "`select!` needs at least one branch: `pattern = future => body`",
            ));
        }
        Ok(select)
    }
}

fn branch(input: ParseStream<'_>) -> syn::Result<Branch> {
    let pat = Pat::parse_multi_with_leading_vert(input)?;
    if input.peek(Token![=>]) {
        return Err(input.error("this branch has no future; write `pattern = future => body`"));
    }
    input.parse::<Token![=]>()?;
    let future: Expr = input.parse()?;
    let condition = if input.peek(Token![,]) && input.peek2(Token![if]) {
        input.parse::<Token![,]>()?;
        input.parse::<Token![if]>()?;
        Some(input.parse()?)
    } else {
        None
    };
    if !input.peek(Token![=>]) {
        return Err(input.error("expected `=> body`, or `, if condition => body`, after the branch's future"));
    }
    input.parse::<Token![=>]>()?;
    Ok(Branch { pat, future, condition, body: body(input)? })
}

/// A body ends like the arm of a `match`: with a comma, unless it is a block or the last one.
fn body(input: ParseStream<'_>) -> syn::Result<Expr> {
    let body = Expr::parse_with_earlier_boundary_rule(input)?;
    let is_block = matches!(
        body,
        Expr::Block(_)
            | Expr::If(_)
            | Expr::Match(_)
            | Expr::Loop(_)
            | Expr::While(_)
            | Expr::ForLoop(_)
            | Expr::Unsafe(_)
    );
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !input.is_empty() && !is_block {
        return Err(input.error("expected `,` after the branch's body"));
    }
    Ok(body)
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Select>(input) {
        Ok(select) => select.expand(),
        Err(error) => error.into_compile_error(),
    }
}

/// The names of one branch's locals; all resolve at the macro, so no body can see or shadow them.
struct Names {
    variant: Ident,
    output: Ident,
    enabled: Ident,
    future: Ident,
    position: u32,
}

impl Names {
    fn new(position: u32) -> Self {
        let local = |name: &str| Ident::new(&format!("{name}{position}"), Span::mixed_site());
        Names {
            variant: format_ident!("Branch{position}"),
            output: format_ident!("T{position}"),
            enabled: local("enabled"),
            future: local("future"),
            position,
        }
    }
}

impl Select {
    fn expand(&self) -> TokenStream {
        let names: Vec<Names> = (0..).take(self.branches.len()).map(Names::new).collect();
        let branches = || self.branches.iter().zip(&names);
        let variants = names.iter().map(|name| &name.variant);
        let outputs: Vec<&Ident> = names.iter().map(|name| &name.output).collect();
        let conditions = branches().filter_map(|(branch, name)| {
            let condition = branch.condition.as_ref()?;
            let enabled = &name.enabled;
            Some(quote_spanned!(Span::mixed_site()=> let #enabled: bool = #condition;))
        });
        let arms = branches().map(|(branch, name)| {
            let (Branch { pat, body, .. }, variant) = (branch, &name.variant);
            quote_spanned!(Span::mixed_site()=> Selected::#variant(#pat) => #body,)
        });
        let support = &self.support;
        let or_else = self.or_else.as_ref().map_or_else(
            || quote_spanned!(Span::mixed_site()=> #support::all_branches_disabled()),
            ToTokens::to_token_stream,
        );
        let selected = self.polled(&names);
        quote_spanned! {Span::mixed_site()=> {
            enum Selected<#(#outputs),*> { #(#variants(#outputs),)* Else }
            #(#conditions)*
            let selected = #selected;
            match selected {
                #(#arms)*
                _ => #or_else,
            }
        }}
    }

    /// The expression that makes the futures, waits for one of them and drops them all.
    ///
    /// They are made in the heads of nested `match`es: what a future borrows from a temporary lives as long as the
    /// future does, and each is moved once, straight into its pinned place.
    fn polled(&self, names: &[Names]) -> TokenStream {
        let site = Span::mixed_site();
        let pins = names.iter().map(|name| {
            let future = &name.future;
            quote_spanned!(site=> let mut #future = ::core::pin::pin!(#future);)
        });
        let polls = self.branches.iter().zip(names).map(|(branch, name)| branch.poll(name));
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let support = &self.support;
        let first = if self.biased {
            quote_spanned!(site=> 0_u32)
        } else {
            quote_spanned!(site=> #support::first_branch(#count))
        };
        let innermost = quote_spanned! {site=> {
            #(#pins)*
            let first: u32 = #first;
            let selected = ::core::future::poll_fn(|context| {
                let mut pending = false;
                let mut branch = first;
                for _ in 0..#count {
                    match branch {
                        #(#polls)*
                        _ => {}
                    }
                    branch = if branch + 1 == #count { 0 } else { branch + 1 };
                }
                if pending {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(Selected::Else)
                }
            })
            .await;
            selected
        }};
        self.branches.iter().zip(names).rev().fold(innermost, |inner, (branch, name)| {
            let (future, expression) = (&name.future, &branch.future);
            let made = quote_spanned! {site=>
                ::core::option::Option::Some(::core::future::IntoFuture::into_future(#expression))
            };
            let made = if branch.condition.is_some() {
                let enabled = &name.enabled;
                quote_spanned!(site=> if #enabled { #made } else { ::core::option::Option::None })
            } else {
                made
            };
            quote_spanned!(site=> match #made { #future => #inner })
        })
    }
}

impl Branch {
    /// The arm that polls this branch once.
    fn poll(&self, name: &Names) -> TokenStream {
        let site = Span::mixed_site();
        let Names { variant, future, position, .. } = name;
        let asked = without_bindings(&self.pat);
        let poll = poll_at(&self.future, &quote_spanned!(site=> future), &quote_spanned!(site=> context));
        quote_spanned! {site=>
            #position => {
                if let ::core::option::Option::Some(future) =
                    ::core::option::Option::as_pin_mut(#future.as_mut())
                {
                    match #poll {
                        ::core::task::Poll::Ready(output) => {
                            #[allow(unreachable_patterns, reason = "most patterns match every output")]
                            let matches = match output { #asked => true, _ => false };
                            if matches {
                                return ::core::task::Poll::Ready(Selected::#variant(output));
                            }
                            #future.set(::core::option::Option::None);
                        }
                        ::core::task::Poll::Pending => pending = true,
                    }
                }
            }
        }
    }
}

/// `Future::poll(future, context)` as if it stood where `expression` stands in the user's file.
pub(crate) fn poll_at(expression: &Expr, future: &TokenStream, context: &TokenStream) -> TokenStream {
    quote_spanned!(expression.span()=> ::core::future::Future::poll(#future, #context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn error_of(input: TokenStream) -> String {
        match syn::parse2::<Select>(input) {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            error_of(quote!((support))),
            "`select!` needs at least one branch: `pattern = future => body`"
        );
        assert_eq!(
            error_of(quote!((support) else => 1)),
            "`select!` needs at least one branch: `pattern = future => body`"
        );
        assert_eq!(
            error_of(quote!((support) x => 1)),
            "this branch has no future; write `pattern = future => body`"
        );
        assert_eq!(
            error_of(quote!((support) x = future)),
            "unexpected end of input, expected `=> body`, or `, if condition => body`, after the branch's future"
        );
        assert_eq!(
            error_of(quote!((support) x = f() => 1 y = g() => 2)),
            "expected `,` after the branch's body"
        );
        assert_eq!(
            error_of(quote!((support) x = f() => 1, else => 2, y = g() => 3)),
            "`else` is the last branch of a `select!`"
        );
    }

    #[test]
    fn every_part_of_a_branch_is_found() {
        let select: Select = syn::parse2(quote! {
            ($crate::support)
            biased;
            Some(x) = queue.get(), if open && x < 3 => { x }
            _ = sleep(second) => return,
            else => 0
        })
        .unwrap();
        assert!(select.biased);
        assert_eq!(select.branches.len(), 2);
        assert!(select.branches[0].condition.is_some());
        assert!(select.branches[1].condition.is_none());
        assert!(select.or_else.is_some());
    }

    #[test]
    fn a_pattern_named_biased_is_no_keyword() {
        let select: Select = syn::parse2(quote!((support) biased = future => 1)).unwrap();
        assert!(!select.biased);
        assert_eq!(select.branches.len(), 1);
    }

    #[test]
    fn only_what_is_not_biased_asks_for_a_first_branch() {
        let fair = expand(quote!((support) x = f() => 1, y = g() => 2)).to_string();
        assert!(fair.contains("support :: first_branch (2u32)"), "{fair}");
        let biased = expand(quote!((support) biased; x = f() => 1, y = g() => 2)).to_string();
        assert!(!biased.contains("first_branch"), "{biased}");
    }
}
