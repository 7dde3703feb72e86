//! Where something is in the source.

use std::fmt;

/// A place in a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file as the compiler named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 where the source has none (a stack frame).
    pub column: u32,
}

impl Place {
    /// A place.
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }

    /// Whether the two are one line: without their columns, as people are shown places, they look the same.
    pub fn same_line(&self, other: &Self) -> bool {
        self.file == other.file && self.line == other.line
    }
}

/// `file:line:column` with the file as it came, for data. For people there is `words::place`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function's name, demangled.
    pub function: String,
    /// Where it is.
    pub at: Option<Place>,
}
