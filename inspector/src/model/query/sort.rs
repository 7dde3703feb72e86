//! Sorting, and keeping the first rows of many.

use super::column::find;
use super::{Column, QueryError, Row, Value};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;

/// By which column rows are sorted, and which way.
///
/// Rows of which the value is unknown come last either way, and equal ones stay in the order they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    column: usize,
    name: &'static str,
    descending: bool,
}

impl Sort {
    /// The sort that `text` says: a column, with a `-` before it for the greatest first.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub fn parse<R: Row>(text: &str) -> Result<Self, QueryError> {
        let trimmed = text.trim();
        let (descending, name) = trimmed.strip_prefix('-').map_or((false, trimmed), |name| (true, name));
        let position = name.as_ptr() as usize - text.as_ptr() as usize;
        find(R::COLUMNS, name)
            .map(|column| Self::by(R::COLUMNS, column, descending))
            .ok_or_else(|| QueryError::no_column(position, name, R::COLUMNS))
    }

    fn by(columns: &'static [Column], column: usize, descending: bool) -> Self {
        Self { column, name: columns[column].name, descending }
    }

    /// The number of the column.
    pub fn column(self) -> usize {
        self.column
    }

    /// The name of the column.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether the greatest comes first.
    pub fn is_descending(self) -> bool {
        self.descending
    }

    /// The same column the other way.
    #[must_use]
    pub fn inverted(self) -> Self {
        Self { descending: !self.descending, ..self }
    }

    /// How two rows stand to each other.
    pub fn compare<R: Row>(self, a: &R, b: &R) -> Ordering {
        self.order(&a.value(self.column), &b.value(self.column))
    }

    fn order(self, a: &Value<'_>, b: &Value<'_>) -> Ordering {
        match (a.is_absent(), b.is_absent()) {
            (false, false) if self.descending => b.order(a),
            (false, false) => a.order(b),
            (a, b) => a.cmp(&b),
        }
    }
}

/// As [`Sort::parse`] reads it.
impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.name)
    }
}

/// The first `limit` of any number of rows, in memory for `limit` rows.
#[derive(Debug)]
pub struct Top<T> {
    sort: Option<Sort>,
    limit: usize,
    offered: u64,
    /// The last of the rows kept is on top.
    kept: BinaryHeap<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    sort: Option<Sort>,
    key: Value<'static>,
    number: u64,
    item: T,
}

impl<T> Top<T> {
    /// Keeps the first `limit` rows by `sort`, or as they come.
    pub fn new(sort: Option<Sort>, limit: usize) -> Self {
        Self { sort, limit, offered: 0, kept: BinaryHeap::new() }
    }

    /// Offers a row; `make` is called only if it is kept for now.
    pub fn offer<R: Row>(&mut self, row: &R, make: impl FnOnce() -> T) {
        let number = self.offered;
        self.offered += 1;
        let key = self.sort.map_or(Value::Absent, |sort| row.value(sort.column));
        if self.kept.len() >= self.limit {
            let Some(last) = self.kept.peek() else { return };
            // It came later, so it must be better, not as good.
            let Some(sort) = self.sort else { return };
            if sort.order(&key, &last.key).is_ge() {
                return;
            }
            self.kept.pop();
        }
        self.kept.push(Kept { sort: self.sort, key: key.into_owned(), number, item: make() });
    }

    /// How many rows were offered.
    pub fn total(&self) -> u64 {
        self.offered
    }

    /// The rows, the first first.
    pub fn into_rows(self) -> Vec<T> {
        self.kept.into_sorted_vec().into_iter().map(|kept| kept.item).collect()
    }
}

impl<T> Ord for Kept<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = self.sort.map_or(Ordering::Equal, |sort| sort.order(&self.key, &other.key));
        by_key.then(self.number.cmp(&other.number))
    }
}

impl<T> PartialOrd for Kept<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Kept<T> {}
