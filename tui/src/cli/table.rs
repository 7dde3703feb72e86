//! Tables: the same columns as aligned text for people and as CSV for programs.

use super::cells::{Ink, cut, width};
use super::flags::Look;
use loopscope_inspector::model::words;
use std::io::{self, Write};

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column of a table.
#[derive(Debug)]
pub(crate) struct Column<R> {
    /// Its name in CSV: the JSON's.
    pub(crate) name: &'static str,
    /// Its heading for people.
    pub(crate) heading: &'static str,
    /// How it is set.
    pub(crate) align: Align,
    /// The cell in words, escaped; empty where unknown. Absent for a column that only programs get.
    pub(crate) words: Option<fn(&R) -> String>,
    /// The exact value; empty where unknown.
    pub(crate) exact: fn(&R) -> String,
}

impl<R> Column<R> {
    /// A column of words.
    pub(crate) const fn left(
        name: &'static str,
        heading: &'static str,
        words: fn(&R) -> String,
        exact: fn(&R) -> String,
    ) -> Self {
        Self { name, heading, align: Align::Left, words: Some(words), exact }
    }

    /// A column of numbers.
    pub(crate) const fn right(
        name: &'static str,
        heading: &'static str,
        words: fn(&R) -> String,
        exact: fn(&R) -> String,
    ) -> Self {
        Self { name, heading, align: Align::Right, words: Some(words), exact }
    }

    /// A column that only programs get.
    pub(crate) const fn hidden(name: &'static str, exact: fn(&R) -> String) -> Self {
        Self { name, heading: "", align: Align::Left, words: None, exact }
    }
}

/// What a table says around its rows.
#[derive(Debug)]
pub(crate) struct Caption {
    /// What the rows are, as in "tasks".
    pub(crate) what: &'static str,
    /// Rows there are, shown or not.
    pub(crate) total: u64,
    /// Records that could not be read.
    pub(crate) dropped: u64,
}

/// Space between two columns.
const GAP: usize = 2;

/// Stands between the cells of a [`Packed`] row: no cell has a control character.
const BETWEEN: char = '\u{1f}';

/// The cells of one row in words, in as little memory as a row can do with: there may be a million of them.
#[derive(Debug)]
pub(crate) struct Packed {
    ink: Ink,
    cells: Box<str>,
}

impl Packed {
    /// The cells of a row, coloured by `ink`.
    pub(crate) fn new<R>(columns: &[Column<R>], row: &R, ink: fn(&R) -> Ink, look: Look) -> Self {
        let mut cells = String::new();
        for (index, words) in columns.iter().filter_map(|column| column.words).enumerate() {
            if index > 0 {
                cells.push(BETWEEN);
            }
            let cell = plain(words(row), look);
            debug_assert!(!cell.contains(BETWEEN), "a cell that was not escaped: {cell:?}");
            cells.push_str(&cell);
        }
        Self { ink: ink(row), cells: cells.into() }
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        self.cells.split(BETWEEN)
    }
}

/// Writes an aligned table. `ink` says how a row is to be coloured.
pub(crate) fn write_words<R>(
    out: &mut dyn Write,
    columns: &[Column<R>],
    rows: &[R],
    caption: &Caption,
    ink: fn(&R) -> Ink,
    look: Look,
) -> io::Result<()> {
    let shown = look.limit.map_or(rows, |limit| rows.get(..limit).unwrap_or(rows));
    let packed: Vec<Packed> = shown.iter().map(|row| Packed::new(columns, row, ink, look)).collect();
    write_packed(out, columns, &packed, caption, look)
}

/// Writes an aligned table of rows that are put in words already.
pub(crate) fn write_packed<R>(
    out: &mut dyn Write,
    columns: &[Column<R>],
    rows: &[Packed],
    caption: &Caption,
    look: Look,
) -> io::Result<()> {
    if rows.is_empty() && caption.total == 0 {
        writeln!(out, "no {}", caption.what)?;
        return write_dropped(out, caption, look);
    }
    let said: Vec<&Column<R>> = columns.iter().filter(|column| column.words.is_some()).collect();
    let mut widest = vec![0; said.len()];
    for row in rows {
        for (widest, cell) in widest.iter_mut().zip(row.cells()) {
            *widest = width(cell).max(*widest);
        }
    }
    // A column with nothing in it only pushes the others off the screen.
    let set: Vec<Option<(Align, usize)>> = said
        .iter()
        .zip(&widest)
        .map(|(column, &widest)| {
            let has_any = widest > 0 || rows.is_empty();
            has_any.then(|| (column.align, widest.max(width(column.heading))))
        })
        .collect();
    write_line(out, said.iter().map(|column| column.heading), &set, Ink::Heading, look)?;
    for row in rows {
        write_line(out, row.cells(), &set, row.ink, look)?;
    }
    write_rest(out, caption.total, rows.len(), look)?;
    write_dropped(out, caption, look)
}

/// A cell in the characters that are wanted.
fn plain(cell: String, look: Look) -> String {
    if look.ascii { words::ascii(&cell).into_owned() } else { cell }
}

/// Says how many rows were left out, if any.
pub(crate) fn write_rest(out: &mut dyn Write, total: u64, shown: usize, look: Look) -> io::Result<()> {
    let rest = total.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    if rest > 0 {
        let dots = if look.ascii { "..." } else { "…" };
        writeln!(out, "{dots} {} more", words::count(rest))?;
    }
    Ok(())
}

fn write_dropped(out: &mut dyn Write, caption: &Caption, look: Look) -> io::Result<()> {
    if caption.dropped > 0 {
        let note = format!("dropped: {} records could not be read", words::count(caption.dropped));
        writeln!(out, "{}", Ink::Error.paint(&note, look.color))?;
    }
    Ok(())
}

fn write_line<'a>(
    out: &mut dyn Write,
    cells: impl Iterator<Item = &'a str>,
    set: &[Option<(Align, usize)>],
    ink: Ink,
    look: Look,
) -> io::Result<()> {
    let mut line = String::new();
    let mut is_first = true;
    for (cell, set) in cells.zip(set) {
        let &Some((align, columns)) = set else { continue };
        if !std::mem::replace(&mut is_first, false) {
            line.extend(std::iter::repeat_n(' ', GAP));
        }
        let fill = std::iter::repeat_n(' ', columns.saturating_sub(width(cell)));
        match align {
            Align::Left => {
                line.push_str(cell);
                line.extend(fill);
            }
            Align::Right => {
                line.extend(fill);
                line.push_str(cell);
            }
        }
    }
    let line = line.trim_end();
    let line = look.width.map_or_else(|| line.to_owned(), |columns| cut(line, columns, look.ascii));
    writeln!(out, "{}", ink.paint(&line, look.color))
}

/// Writes CSV as RFC 4180 has it, but with plain line feeds, as every Unix tool expects; control characters are spelt out.
pub(crate) fn write_csv<R>(
    out: &mut dyn Write,
    columns: &[Column<R>],
    rows: &[R],
    look: Look,
) -> io::Result<()> {
    let rows = look.limit.map_or(rows, |limit| rows.get(..limit).unwrap_or(rows));
    write_csv_heading(out, columns)?;
    write_csv_rows(out, columns, rows)
}

/// Writes the names of the columns.
pub(crate) fn write_csv_heading<R>(out: &mut dyn Write, columns: &[Column<R>]) -> io::Result<()> {
    write_record(out, columns.iter().map(|column| column.name.to_owned()))
}

/// Writes some rows.
pub(crate) fn write_csv_rows<R>(out: &mut dyn Write, columns: &[Column<R>], rows: &[R]) -> io::Result<()> {
    rows.iter().try_for_each(|row| write_record(out, columns.iter().map(|column| (column.exact)(row))))
}

fn write_record(out: &mut dyn Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        // A line break or a terminal escape in a name is data that nobody needs as it is.
        let field = words::escape(&field, usize::MAX);
        if field.contains([',', '"']) {
            write!(out, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            out.write_all(field.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row(u64, &'static str);

    const COLUMNS: &[Column<Row>] = &[
        Column {
            name: "id",
            heading: "ID",
            align: Align::Right,
            words: Some(|row| format!("#{}", row.0)),
            exact: |row| row.0.to_string(),
        },
        Column {
            name: "secret",
            heading: "",
            align: Align::Left,
            words: None,
            exact: |_| "for programs".into(),
        },
        Column {
            name: "name",
            heading: "NAME",
            align: Align::Left,
            words: Some(|row| row.1.into()),
            exact: |row| row.1.into(),
        },
    ];

    fn words(rows: &[Row], total: u64, dropped: u64, look: Look) -> String {
        let mut out = Vec::new();
        let caption = Caption { what: "tasks", total, dropped };
        write_words(&mut out, COLUMNS, rows, &caption, |_| Ink::Plain, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_end_without_blanks() {
        let text = words(&[Row(7, "worker"), Row(1_000, "日本語")], 2, 0, Look::default());
        assert_eq!(text, "   ID  NAME\n   #7  worker\n#1000  日本語\n");
    }

    #[test]
    fn no_rows_say_so() {
        assert_eq!(words(&[], 0, 0, Look::default()), "no tasks\n");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let rows = [Row(1, "a"), Row(2, "b")];
        let look = Look { limit: Some(1), ..Look::default() };
        assert_eq!(words(&rows, 9_951, 0, look), "ID  NAME\n#1  a\n… 9,950 more\n");
        let look = Look { ascii: true, ..look };
        assert_eq!(
            words(&rows, 2, 3, look),
            "ID  NAME\n#1  a\n... 1 more\ndropped: 3 records could not be read\n"
        );
    }

    #[test]
    fn a_column_with_nothing_in_it_is_left_out() {
        assert_eq!(words(&[Row(7, ""), Row(8, "")], 2, 0, Look::default()), "ID\n#7\n#8\n");
    }

    #[test]
    fn lines_are_cut_to_the_terminal() {
        let look = Look { width: Some(6), ..Look::default() };
        assert_eq!(words(&[Row(7, "worker")], 1, 0, look), "ID  N…\n#7  w…\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let mut out = Vec::new();
        let rows = [Row(7, "worker"), Row(8, "a,b"), Row(9, "say \"hi\"\nthere")];
        write_csv(&mut out, COLUMNS, &rows, Look::default()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id,secret,name\n7,for programs,worker\n8,for programs,\"a,b\"\n9,for programs,\"say \"\"hi\"\"\\nthere\"\n"
        );
    }
}
