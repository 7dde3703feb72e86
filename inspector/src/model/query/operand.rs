//! What a column is compared with.

use super::{ColumnKind, Operator, QueryError, REGEX_BYTES_MAX, Value};
use crate::model::spelling::closest;
use crate::model::words::{NAME_CHARS_MAX, duration, escape};
use regex_lite::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::cmp::Ordering;

/// How deep the brackets of a regular expression may be nested.
const REGEX_NEST_MAX: u32 = 50;

const NONE: &[(&str, i128)] = &[("", 1)];
const COUNTS: &[(&str, i128)] = &[("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
const BYTES: &[(&str, i128)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const DURATIONS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];
/// In millionths, so that a share is compared as exactly as it is written.
const SHARES: &[(&str, i128)] = &[("", 1_000_000), ("%", 10_000)];

/// An operand, read for its column.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Text(String),
    Number(i128),
    Share(f64),
    Flag(bool),
    Regex(Regex),
    /// A word that is looked for in all columns: in lower case, and as the number that it may be.
    Word(String, Option<i128>),
}

impl Operand {
    /// Reads `text` as what a column of that kind is compared with; `position` is where it stands.
    pub(super) fn read(
        kind: ColumnKind,
        operator: Operator,
        text: &str,
        position: usize,
    ) -> Result<Self, QueryError> {
        if operator.is_regex() {
            return Self::regex(text, position);
        }
        let number = |units, what| {
            quantity(text, units).map(Self::Number).ok_or_else(|| no_number(text, what, position))
        };
        match kind {
            ColumnKind::Number => number(COUNTS, "a number, as in `10` or `2k`"),
            ColumnKind::Bytes => number(BYTES, "a number of bytes, as in `512` or `2KiB`"),
            ColumnKind::Duration => number(DURATIONS, "a duration with its unit").map_err(|error| {
                let bare = text.parse::<u64>().ok();
                error.suggest(bare.map(|bare| format!("{bare}ms")))
            }),
            ColumnKind::Id => quantity(text.strip_prefix('#').unwrap_or(text), NONE)
                .map(Self::Number)
                .ok_or_else(|| no_number(text, "an id, as in `7` or `#7`", position)),
            ColumnKind::Share => {
                #[expect(clippy::cast_precision_loss, reason = "millionths of a share are far below 2^52")]
                let share = quantity(text, SHARES).map(|millionths| Self::Share(millionths as f64 / 1e6));
                share.ok_or_else(|| no_number(text, "a share, as in `90%` or `0.9`", position))
            }
            ColumnKind::Flag => match text {
                "true" | "yes" | "on" => Ok(Self::Flag(true)),
                "false" | "no" | "off" => Ok(Self::Flag(false)),
                _ => Err(no_number(text, "`true` or `false`", position)),
            },
            ColumnKind::OneOf(names) if !names.contains(&text) => {
                let message = format!("`{}` is none of {}", escape(text, NAME_CHARS_MAX), names.join(" "));
                Err(QueryError::new(position, message).suggest(closest(text, names.iter().copied())))
            }
            ColumnKind::Time => Err(QueryError::new(position, "a time can be sorted by, not compared")),
            ColumnKind::Text
            | ColumnKind::OneOf(_)
            | ColumnKind::Place
            | ColumnKind::Address
            | ColumnKind::Words => Ok(Self::Text(text.to_owned())),
        }
    }

    /// A regular expression.
    pub(super) fn regex(text: &str, position: usize) -> Result<Self, QueryError> {
        RegexBuilder::new(text)
            .size_limit(REGEX_BYTES_MAX)
            .nest_limit(REGEX_NEST_MAX)
            .build()
            .map(Self::Regex)
            .map_err(|error| {
                let reason = error.to_string();
                let reason = escape(&reason, 2 * NAME_CHARS_MAX);
                QueryError::new(position, format!("this regular expression is no good: {reason}"))
            })
    }

    /// A word to look for in all columns.
    pub(super) fn word(text: &str) -> Self {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let number =
            quantity(digits, NONE).or_else(|| quantity(text, DURATIONS)).or_else(|| quantity(text, BYTES));
        Self::Word(text.to_ascii_lowercase(), number)
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self, Self::Regex(_))
    }

    /// Whether the comparison holds of a value.
    pub(super) fn holds(&self, operator: Operator, kind: ColumnKind, value: &Value<'_>) -> bool {
        match operator {
            Operator::NotEqual => !self.holds(Operator::Equal, kind, value),
            Operator::MatchesNot => !self.holds(Operator::Matches, kind, value),
            _ => match value {
                Value::Many(values) => values.iter().any(|value| self.holds(operator, kind, value)),
                Value::Absent => false,
                Value::Text(text) if operator == Operator::Equal => self.equals_text(kind, text),
                value if operator == Operator::Matches => self.is_found_in(kind, value),
                value => self.order(value).is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::Greater => order.is_gt(),
                    Operator::AtMost => order.is_le(),
                    Operator::AtLeast => order.is_ge(),
                    _ => order.is_eq(),
                }),
            },
        }
    }

    /// Whether the word or the regular expression is found in a value.
    pub(super) fn is_found_in(&self, kind: ColumnKind, value: &Value<'_>) -> bool {
        if let Value::Many(values) = value {
            return values.iter().any(|value| self.is_found_in(kind, value));
        }
        match self {
            Self::Regex(regex) => shown(kind, value).is_some_and(|text| regex.is_match(&text)),
            Self::Word(word, number) => match value {
                Value::Text(text) => contains(text, word),
                // Times are not shown as the number that they are.
                value => kind != ColumnKind::Time && number.is_some() && value.whole() == *number,
            },
            _ => false,
        }
    }

    fn equals_text(&self, kind: ColumnKind, text: &str) -> bool {
        let Self::Text(operand) = self else { return false };
        let rest = match kind {
            ColumnKind::Place | ColumnKind::Address | ColumnKind::Words => {
                text.strip_prefix(operand.as_str())
            }
            _ => return text == operand,
        };
        // The address of `[::1]:80` may be written without its brackets.
        let in_brackets = || text.strip_prefix('[')?.strip_prefix(operand.as_str())?.strip_prefix(']');
        let Some(rest) = rest.or_else(in_brackets) else { return false };
        match rest.chars().next() {
            None => true,
            Some(next) if kind == ColumnKind::Words => matches!(next, ' ' | ','),
            Some(next) => next == ':' && !operand.is_empty(),
        }
    }

    /// How a value stands to the operand.
    fn order(&self, value: &Value<'_>) -> Option<Ordering> {
        match (value, self) {
            (Value::Share(value), Self::Share(operand)) => value.partial_cmp(operand),
            (Value::Flag(value), Self::Flag(operand)) => Some(value.cmp(operand)),
            (value, Self::Number(operand)) => Some(value.whole()?.cmp(operand)),
            _ => None,
        }
    }
}

/// The text of a value that regular expressions look at.
fn shown<'a>(kind: ColumnKind, value: &'a Value<'_>) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) if kind == ColumnKind::Time => None,
        Value::Number(ns) if kind == ColumnKind::Duration => Some(Cow::Owned(duration(*ns))),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Signed(ns) => {
            let sign = if *ns < 0 { "-" } else { "" };
            Some(Cow::Owned(format!("{sign}{}", duration(ns.unsigned_abs()))))
        }
        Value::Share(share) => Some(Cow::Owned(crate::model::words::percent(*share))),
        Value::Flag(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Absent | Value::Many(_) => None,
    }
}

/// Whether `text` contains `word`, which is in lower case, whatever the case of ASCII letters.
fn contains(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// The number that `text` is in one of the units, in the smallest of them; rounded towards zero.
fn quantity(text: &str, units: &[(&str, i128)]) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (digits, unit) = digits.split_at(end);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    // 20 digits hold every 64-bit number, and leave room for every unit in 128 bits.
    if whole.is_empty() || whole.len() > 20 || part.len() > 9 || (digits.contains('.') && part.is_empty()) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    // Nothing is nothing in every unit.
    let scale = match units.iter().find(|(name, _)| *name == unit.trim_start()) {
        Some(&(_, scale)) => scale,
        None if whole == 0 && part.is_empty() && unit.is_empty() => 1,
        None => return None,
    };
    let tenths: i128 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let number = whole * scale + tenths * scale / 10_i128.pow(u32::try_from(part.len()).ok()?);
    Some(if negative { -number } else { number })
}

fn no_number(text: &str, what: &str, position: usize) -> QueryError {
    QueryError::new(position, format!("`{}` is not {what}", escape(text, NAME_CHARS_MAX)))
}
