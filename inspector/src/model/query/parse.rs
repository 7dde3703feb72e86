//! From text to a filter and back.

use super::column::find;
use super::{Column, FILTER_BYTES_MAX, Filter, Operand, Operator, QueryError, REGEXES_MAX, TERMS_MAX, Term};
use std::fmt;

pub(super) fn parse(text: &str, columns: &'static [Column]) -> Result<Filter, QueryError> {
    if text.len() > FILTER_BYTES_MAX {
        let end = (0..=FILTER_BYTES_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        return Err(QueryError::new(end, format!("a filter has at most {FILTER_BYTES_MAX} bytes")));
    }
    Parser { text, at: 0, columns, terms: 0, regexes: 0 }.filter()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    columns: &'static [Column],
    terms: usize,
    regexes: usize,
}

impl<'a> Parser<'a> {
    fn filter(mut self) -> Result<Filter, QueryError> {
        let mut groups = Vec::new();
        let mut terms = Vec::new();
        let mut last_or = 0;
        loop {
            self.skip_blanks();
            let start = self.at;
            match self.peek_word() {
                "" => break,
                "or" if terms.is_empty() => {
                    return Err(QueryError::new(start, "`or` needs something before it"));
                }
                "or" => {
                    groups.push(std::mem::take(&mut terms));
                    last_or = start;
                    self.at += "or".len();
                }
                "and" => {
                    let message = "a space means and; to find the word, write \"and\"";
                    return Err(QueryError::new(start, message));
                }
                _ => {
                    self.terms += 1;
                    if self.terms > TERMS_MAX {
                        return Err(QueryError::new(
                            start,
                            format!("a filter has at most {TERMS_MAX} terms"),
                        ));
                    }
                    terms.push(self.term()?);
                }
            }
        }
        if !terms.is_empty() {
            groups.push(terms);
        } else if !groups.is_empty() {
            return Err(QueryError::new(last_or, "`or` needs something after it"));
        }
        Ok(Filter { columns: self.columns, groups })
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let negated = self.eat("!");
        let start = self.at;
        if self.eat("~") {
            let (text, at) = self.operand()?;
            return Ok(Term { negated, compare: None, operand: self.regex(&text, at)?, text });
        }
        if self.rest().starts_with('"') {
            let text = self.quoted()?;
            return Ok(Term { negated, compare: None, operand: Operand::word(&text), text });
        }
        let name_len = self.rest().find(|c: char| !is_name(c)).unwrap_or(self.rest().len());
        let name = &self.rest()[..name_len];
        let after = &self.rest()[name_len..];
        let operator = Operator::ALL.into_iter().find(|(text, _)| after.starts_with(text));
        let Some((symbol, operator)) = operator else {
            let text = self.peek_word().to_owned();
            if text.is_empty() {
                return Err(QueryError::new(start, "`!` needs something to exclude"));
            }
            if text.starts_with('!') {
                return Err(QueryError::new(start, "one `!` is enough"));
            }
            self.at += text.len();
            return Ok(Term { negated, compare: None, operand: Operand::word(&text), text });
        };
        if name.is_empty() {
            return Err(QueryError::new(start, format!("`{symbol}` needs a column before it")));
        }
        let column =
            find(self.columns, name).ok_or_else(|| QueryError::no_column(start, name, self.columns))?;
        let kind = self.columns[column].kind;
        if operator.is_order() && !kind.has_order() {
            let message = format!("`{}` is not greater or less than anything", self.columns[column].name);
            return Err(QueryError::new(start + name_len, message));
        }
        self.at += name_len + symbol.len();
        let (text, at) = self.operand()?;
        let operand = if operator.is_regex() {
            self.regex(&text, at)?
        } else {
            Operand::read(kind, operator, &text, at)?
        };
        Ok(Term { negated, compare: Some((column, operator)), operand, text })
    }

    fn regex(&mut self, text: &str, position: usize) -> Result<Operand, QueryError> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            let message = format!("a filter has at most {REGEXES_MAX} regular expressions");
            return Err(QueryError::new(position, message));
        }
        Operand::regex(text, position)
    }

    /// What follows an operator, and where it stands.
    fn operand(&mut self) -> Result<(String, usize), QueryError> {
        let start = self.at;
        if self.rest().starts_with('"') {
            return Ok((self.quoted()?, start));
        }
        let word = self.peek_word();
        if word.is_empty() {
            return Err(QueryError::new(start, "something to compare with is missing here"));
        }
        self.at += word.len();
        Ok((word.to_owned(), start))
    }

    /// Text in quotation marks, without them.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + offset + 1;
                    let next = self.rest().chars().next();
                    return match next.filter(|next| !next.is_whitespace()) {
                        Some(_) => {
                            Err(QueryError::new(self.at, "a space is missing after the quotation mark"))
                        }
                        None => Ok(text),
                    };
                }
                '\\' => match chars.next_if(|&(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        Err(QueryError::new(start, "this quotation mark is not closed"))
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

/// Whether a column's name may contain it.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Writes what follows an operator, in quotation marks if it would be misread without.
pub(super) fn write_operand(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_plain =
        !text.is_empty() && !text.starts_with(['"', '=', '~']) && !text.contains(char::is_whitespace);
    if is_plain { f.write_str(text) } else { write_quoted(f, text) }
}

/// Writes a word that is looked for in all columns, in quotation marks if it would be misread without.
pub(super) fn write_word(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_plain = !text.is_empty()
        && !matches!(text, "or" | "and")
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '=' | '~' | '<' | '>' | '!'));
    if is_plain { f.write_str(text) } else { write_quoted(f, text) }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
