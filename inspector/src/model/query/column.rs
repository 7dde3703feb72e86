//! What a table offers to filters and sorting.

use std::borrow::Cow;
use std::cmp::Ordering;

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its JSON name without `_ns`.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds, hence how an operand is read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Free text.
    Text,
    /// One of a few names.
    OneOf(&'static [&'static str]),
    /// The id of a task or a resource, written `7` or `#7`.
    Id,
    /// A count.
    Number,
    /// A number of bytes.
    Bytes,
    /// Nanoseconds, perhaps negative.
    Duration,
    /// A part of 1.
    Share,
    /// Yes or no.
    Flag,
    /// `file:line:column`.
    Place,
    /// `address:port`.
    Address,
    /// Words of which the first can be compared with: a wait.
    Words,
    /// A point in time, for sorting only.
    Time,
}

impl ColumnKind {
    /// Whether values of it are greater or less.
    pub(super) fn has_order(self) -> bool {
        matches!(self, Self::Id | Self::Number | Self::Bytes | Self::Duration | Self::Share)
    }
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Unknown.
    Absent,
    /// Text, a name, a place, an address.
    Text(Cow<'a, str>),
    /// A count, an id, bytes, a duration, a time.
    Number(u64),
    /// A duration that may be negative.
    Signed(i64),
    /// A part of 1.
    Share(f64),
    /// Yes or no.
    Flag(bool),
    /// A list.
    Many(Vec<Self>),
}

impl<'a> Value<'a> {
    /// Text that is borrowed.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text that may be unknown.
    pub fn maybe_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }

    /// A number that may be unknown.
    pub fn maybe(number: Option<u64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }

    /// The order of sorting: unknown values last, a list by its first member.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Share(a), Self::Share(b)) => a.total_cmp(b),
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Many(a), Self::Many(b)) => {
                a.first().unwrap_or(&Self::Absent).order(b.first().unwrap_or(&Self::Absent))
            }
            (a, b) => match (a.whole(), b.whole()) {
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            },
        }
    }

    /// Whether it is unknown, also as an empty list.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Many(values) => values.first().is_none_or(Self::is_absent),
            _ => false,
        }
    }

    /// A whole number, whatever its sign.
    pub(super) fn whole(&self) -> Option<i128> {
        match *self {
            Self::Number(number) => Some(number.into()),
            Self::Signed(number) => Some(number.into()),
            _ => None,
        }
    }

    /// The same value with nothing borrowed.
    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Absent => Value::Absent,
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Number(number) => Value::Number(number),
            Self::Signed(number) => Value::Signed(number),
            Self::Share(share) => Value::Share(share),
            Self::Flag(flag) => Value::Flag(flag),
            // Sorting looks at the first only.
            Self::Many(values) => Value::Many(values.into_iter().take(1).map(Value::into_owned).collect()),
        }
    }
}

/// A row that filters and sorting can look at.
///
/// A filter asks for a value only when it needs it, so a value may be made when asked for.
pub trait Row {
    /// The columns, in the order of their numbers.
    const COLUMNS: &'static [Column];

    /// The value of the column with that number.
    fn value(&self, column: usize) -> Value<'_>;
}

impl<R: Row> Row for &R {
    const COLUMNS: &'static [Column] = R::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        (**self).value(column)
    }
}

/// The number of the column of that name, in any case, with or without its unit.
pub(super) fn find(columns: &[Column], name: &str) -> Option<usize> {
    let exact = |name: &str| columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    let short = || {
        columns.iter().position(|column| {
            column.name.strip_suffix("_bytes").is_some_and(|short| short.eq_ignore_ascii_case(name))
        })
    };
    let found = |name: &str| exact(name).or_else(|| exact(name.strip_suffix("_ns")?));
    // In CSV a summary's value is `poll_p99_ns`, in JSON it is inside of `poll`.
    let dotted = || {
        let (summary, value) = name.strip_suffix("_ns").unwrap_or(name).rsplit_once('_')?;
        exact(&format!("{summary}.{value}"))
    };
    found(name).or_else(short).or_else(dotted)
}
