//! The filter language of `--filter` and of `/`, sorting, and keeping the first rows of many.
//!
//! ```text
//! filter     = all { "or" all }            and binds tighter than or
//! all        = term { term }               a space means and
//! term       = [ "!" ] ( compare | find )
//! compare    = column operator operand     no spaces in between
//! operator   = "=" "!=" "~" "!~" "<" ">" "<=" ">="
//! find       = word | "~" operand          in all columns; ~ by regular expression
//! operand    = word | quoted
//! quoted     = '"' … '"'                   \" and \\ inside
//! ```
//!
//! - Columns are the JSON names; `_ns` and `_bytes` at their end may be left out. A value of a summary is `poll.p99`, or
//!   `poll_p99` as in CSV.
//! - A duration needs a unit (`10ms`, `1.5s`, `2min`); numbers take `k` and `M`, bytes `KiB` and `MB`, shares `%`.
//! - `=` on an address or a place holds also without port, line or column: `peer=10.0.0.7`, `site=src/main.rs`.
//! - On a list a comparison holds if it holds for one of its members.
//! - An unknown value equals nothing and matches nothing, so that `!=` and `!~` hold.
//! - A word is found wherever a text contains it, whatever the case of ASCII letters; one that is a number also where a
//!   number or an id is just that.
//!
//! A filter may come from another process: its length, its terms and the size of its regular expressions are bounded, and
//! the regular expressions take time linear in the text.

mod column;
mod error;
mod operand;
mod parse;
mod rows;
mod sort;

pub use column::{Column, ColumnKind, Row, Value};
pub use error::QueryError;
pub use rows::{
    IoColumn, JobColumn, LogColumn, LoopColumn, SiteColumn, SyncColumn, TaskColumn, TimerColumn,
    WarningColumn,
};
pub use sort::{Sort, Top};

use operand::Operand;
use std::fmt;

/// The longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 1_024;

/// The most terms of a filter.
pub const TERMS_MAX: usize = 64;

/// The most regular expressions of a filter.
pub const REGEXES_MAX: usize = 8;

/// The most memory of one compiled regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 32 * 1_024;

/// A filter over the rows of one table.
#[derive(Clone, Debug)]
pub struct Filter {
    columns: &'static [Column],
    /// One of these must hold, of which all must hold; with none at all everything holds.
    groups: Vec<Vec<Term>>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    /// The column and the comparison, or `None` to look in all columns.
    compare: Option<(usize, Operator)>,
    operand: Operand,
    /// The operand as it was written, without its quotation marks.
    text: String,
}

/// How a column and an operand are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

impl Operator {
    /// Longer ones before those that they begin with.
    const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::NotEqual),
        ("!~", Self::MatchesNot),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("~", Self::Matches),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|&(_, operator)| operator == self).map_or("", |(text, _)| text)
    }

    fn is_regex(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesNot)
    }

    fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::Greater | Self::AtMost | Self::AtLeast)
    }
}

impl Filter {
    /// The filter that `text` says, over the rows of type `R`. Blank text is the filter that lets everything through.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse<R: Row>(text: &str) -> Result<Self, QueryError> {
        parse::parse(text, R::COLUMNS)
    }

    /// The filter that lets everything through.
    pub fn all<R: Row>() -> Self {
        Self { columns: R::COLUMNS, groups: Vec::new() }
    }

    /// Whether it lets everything through.
    pub fn is_all(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether it may ask a row for the value of that column.
    pub fn looks_at(&self, column: usize) -> bool {
        let mut terms = self.groups.iter().flatten();
        terms.any(|term| term.compare.is_none_or(|(compared, _)| compared == column))
    }

    /// Whether it lets a row through.
    ///
    /// # Panics
    ///
    /// In debug builds if the filter was made for rows with other columns.
    pub fn matches<R: Row>(&self, row: &R) -> bool {
        debug_assert_eq!(self.columns.len(), R::COLUMNS.len(), "a filter of another table");
        self.is_all() || self.groups.iter().any(|terms| terms.iter().all(|term| term.matches(row)))
    }
}

impl Term {
    fn matches<R: Row>(&self, row: &R) -> bool {
        let holds = match self.compare {
            None => (0..R::COLUMNS.len())
                .any(|column| self.operand.is_found_in(R::COLUMNS[column].kind, &row.value(column))),
            Some((column, operator)) => {
                let value = row.value(column);
                self.operand.holds(operator, R::COLUMNS[column].kind, &value)
            }
        };
        holds != self.negated
    }
}

/// The filter in a form that [`Filter::parse`] reads as the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, terms) in self.groups.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            for (index, term) in terms.iter().enumerate() {
                if index > 0 {
                    f.write_str(" ")?;
                }
                if term.negated {
                    f.write_str("!")?;
                }
                match term.compare {
                    Some((column, operator)) => {
                        write!(f, "{}{}", self.columns[column].name, operator.as_str())?;
                        parse::write_operand(f, &term.text)?;
                    }
                    None if term.operand.is_regex() => {
                        f.write_str("~")?;
                        parse::write_operand(f, &term.text)?;
                    }
                    None => parse::write_word(f, &term.text)?,
                }
            }
        }
        Ok(())
    }
}

/// Two filters are equal if they say the same in the same order.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.groups == other.groups
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.negated == other.negated
            && self.compare == other.compare
            && self.text == other.text
            && self.operand.is_regex() == other.operand.is_regex()
    }
}

#[cfg(test)]
mod tests;
