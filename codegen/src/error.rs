//! What is wrong with a schema, where, and what to do about it.

use std::{
    fmt::{self, Display, Write},
    io,
    path::PathBuf,
};

/// Why a schema was not accepted. Its first line names the place, the definition, the mistake and
/// the remedy; one line for each include directive on the way to that file follows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    Read(Box<Diagnostic>, io::Error),
    /// The text is not in the language's syntax.
    Syntax(Box<Diagnostic>),
    /// The definitions break a rule of the language.
    Rule(Box<Diagnostic>),
    /// The schema is larger than [`Limits`](crate::limits::Limits) allow.
    Limit(Box<Diagnostic>),
}

/// One mistake.
#[derive(Debug)]
pub struct Diagnostic {
    /// Where it is.
    pub location: Location,
    /// The include directives that led there, innermost first.
    pub included_from: Vec<Location>,
    /// The definition it is in.
    pub definition: Option<String>,
    /// What is wrong.
    pub mistake: String,
    /// What to do.
    pub remedy: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As the schema was named, includes relative to it.
    pub file: PathBuf,
    /// Line and column, both from 1, a tab reaching to the next multiple of 8; none for the file
    /// as a whole.
    pub position: Option<(usize, usize)>,
}

impl Error {
    /// The mistake.
    pub fn diagnostic(&self) -> &Diagnostic {
        match self {
            Self::Read(diagnostic, _)
            | Self::Syntax(diagnostic)
            | Self::Rule(diagnostic)
            | Self::Limit(diagnostic) => diagnostic,
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic().fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) => Some(error),
            _ => None,
        }
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if let Some(definition) = &self.definition {
            write!(f, "in {}: ", Shortened(definition))?;
        }
        write!(f, "{}; {}", self.mistake, self.remedy)?;
        self.included_from.iter().try_for_each(|from| write!(f, "\n{from}: included from here"))
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.position {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// A text from a schema as messages show it: cut, since it may be as long as the file, and without
/// what terminals obey.
#[derive(Debug)]
pub(crate) struct Shortened<'s>(pub(crate) &'s str);

impl Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        for (at, char) in self.0.chars().enumerate() {
            if at == SHOWN {
                return f.write_str("...");
            }
            f.write_char(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char })?;
        }
        Ok(())
    }
}
