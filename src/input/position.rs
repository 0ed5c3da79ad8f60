//! Where things stand in the files that were read.

use std::fmt;
use std::sync::Arc;

/// A place in an input file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The path as the user gave it (or found below a folder that the user gave); `-` for standard input.
    pub file: Arc<str>,
    /// The line, from 1; 0 means the file as a whole.
    pub line: u32,
    /// The column in characters, from 1; 0 when only the line is meant.
    pub column: u32,
}

impl Source {
    /// The file as a whole.
    pub fn file(file: &Arc<str>) -> Self {
        Self::line(file, 0)
    }

    /// A line of it.
    pub fn line(file: &Arc<str>, line: u32) -> Self {
        Self { file: Arc::clone(file), line, column: 0 }
    }
}

/// `file:line:column`, without the parts that are not known. Control characters in the name are escaped.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", super::problem::printable(&self.file))?;
        for part in [self.line, self.column].into_iter().take_while(|part| *part > 0) {
            write!(f, ":{part}")?;
        }
        Ok(())
    }
}

/// Something read, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// What was read.
    pub value: T,
    /// Where it begins.
    pub source: Source,
}
