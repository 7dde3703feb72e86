//! A branch's pattern, asked without binding anything.
//!
//! `select!` must know inside `poll` whether an output matches, and bind only later, in the branch. Every binding
//! is therefore replaced by `_`, which moves nothing and borrows nothing.

use syn::{Pat, PatWild, Token};

/// The same pattern without its bindings.
pub(crate) fn without_bindings(pat: &Pat) -> Pat {
    let mut pat = pat.clone();
    strip(&mut pat);
    pat
}

fn strip(pat: &mut Pat) {
    match pat {
        Pat::Ident(binding) => {
            if let Some((_, inner)) = binding.subpat.take() {
                *pat = *inner;
                strip(pat);
            } else if binding.by_ref.is_some() || binding.mutability.is_some() || is_variable(&binding.ident)
            {
                let underscore_token = Token![_](binding.ident.span());
                *pat = Pat::Wild(PatWild { attrs: Vec::new(), underscore_token });
            }
        }
        Pat::Or(or) => or.cases.iter_mut().for_each(strip),
        Pat::Paren(paren) => strip(&mut paren.pat),
        Pat::Reference(reference) => strip(&mut reference.pat),
        Pat::Slice(slice) => slice.elems.iter_mut().for_each(strip),
        Pat::Struct(fields) => {
            for field in &mut fields.fields {
                // `Point { x }` must become `Point { x: _ }`.
                field.colon_token.get_or_insert_with(Default::default);
                strip(&mut field.pat);
            }
        }
        Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(strip),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().for_each(strip),
        Pat::Type(typed) => strip(&mut typed.pat),
        // What is left binds nothing, or (a macro) shows nothing to strip.
        _ => {}
    }
}

/// A name alone may also be a constant or a unit variant such as `None`; those begin with a capital.
fn is_variable(ident: &syn::Ident) -> bool {
    let text = ident.to_string();
    let name = text.strip_prefix("r#").unwrap_or(&text);
    !name.starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;
    use syn::parse::Parser;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let parse = |text: &str| Pat::parse_multi_with_leading_vert.parse_str(text).unwrap();
        assert_eq!(
            without_bindings(&parse(pattern)).to_token_stream().to_string(),
            parse(expected).to_token_stream().to_string()
        );
    }

    #[test]
    fn bindings_become_wildcards() {
        check("x", "_");
        check("mut x", "_");
        check("ref mut x", "_");
        check("r#type", "_");
        check("Some(mut x)", "Some(_)");
        check("(a, [b, .., c])", "(_, [_, .., _])");
        check("Some(&x)", "Some(&_)");
        check("Ok(n @ 1..=5)", "Ok(1..=5)");
        check("Err(e) | Ok(e)", "Err(_) | Ok(_)");
        check("Ok(inner @ Some(mut x))", "Ok(Some(_))");
    }

    #[test]
    fn short_fields_keep_their_names() {
        check("Point { x, ref y, mut z, w: Some(v), .. }", "Point { x: _, y: _, z: _, w: Some(_), .. }");
    }

    #[test]
    fn constants_variants_and_literals_stay() {
        check("None", "None");
        check("MAX", "MAX");
        check("Some(3)", "Some(3)");
        check("Err(Kind::Closed)", "Err(Kind::Closed)");
        check("_", "_");
    }
}
