//! Where text came from: the files of a schema, places in them, and how each was included.
//!
//! The first stage: reads files for the parser, and turns the place of a [`Fault`] back into
//! file, line and column.

use crate::{
    error::{Diagnostic, Error, Location},
    limits::Limits,
};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

/// Index into the files of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u32);

/// An offset into a file, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) offset: u32,
}

/// A mistake, not yet explained to people.
#[derive(Debug)]
pub(crate) struct Fault {
    class: Class,
    at: Option<Place>,
    definition: Option<String>,
    mistake: String,
    remedy: String,
}

/// Result of every stage of the front end.
pub(crate) type Result<T> = std::result::Result<T, Fault>;

#[derive(Debug)]
enum Class {
    Read(io::Error),
    Syntax,
    Rule,
    Limit,
}

/// The files of a schema.
#[derive(Debug)]
pub(crate) struct Sources {
    files: Vec<Source>,
    by_identity: HashMap<PathBuf, FileId>,
    limits: Limits,
    bytes: u64,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: Rc<str>,
    included_at: Option<Place>,
}

impl Sources {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { files: Vec::new(), by_identity: HashMap::new(), limits, bytes: 0 }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads a file that the directive at `included_at` names, or the first file.
    pub(crate) fn open(&mut self, path: PathBuf, included_at: Option<Place>) -> Result<FileId> {
        if self.files.len() >= self.limits.files {
            let mistake = format!("the schema has more than {} files", self.limits.files);
            return Err(Fault::limit(included_at, mistake, "merge some of them"));
        }
        let (identity, bytes) = self.read(&path, included_at)?;
        let id = FileId(self.files.len() as u32);
        self.by_identity.insert(identity, id);
        let (text, valid) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned(), Some(valid))
            }
        };
        self.files.push(Source { path, text: text.into(), included_at });
        match valid {
            None => Ok(id),
            Some(valid) => {
                let at = Place { file: id, offset: valid as u32 };
                Err(Fault::syntax(at, "the file is not UTF-8", "convert it"))
            }
        }
    }

    fn read(&mut self, path: &Path, at: Option<Place>) -> Result<(PathBuf, Vec<u8>)> {
        let failed = |error| Fault::read(at, path, error);
        let identity = fs::canonicalize(path).map_err(failed)?;
        // Opening a pipe or a device could wait for ever.
        if !fs::metadata(&identity).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("not a regular file")));
        }
        let left = self.limits.bytes.min(u64::from(u32::MAX)) - self.bytes;
        let mut bytes = Vec::new();
        let file = File::open(&identity).map_err(failed)?;
        file.take(left + 1).read_to_end(&mut bytes).map_err(failed)?;
        let read = bytes.len() as u64;
        if read > left {
            let mistake = format!("the schema has more than {} bytes", self.limits.bytes);
            return Err(Fault::limit(at, mistake, "split it into several schemas"));
        }
        self.bytes += read;
        Ok((identity, bytes))
    }

    pub(crate) fn text(&self, file: FileId) -> Rc<str> {
        Rc::clone(&self.files[file.0 as usize].text)
    }

    pub(crate) fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize].path
    }

    /// The file at `path` if it was opened before, under whatever name.
    pub(crate) fn find(&self, path: &Path) -> Option<FileId> {
        self.by_identity.get(&fs::canonicalize(path).ok()?).copied()
    }

    /// The files whose include directives led to `file`, itself first.
    pub(crate) fn chain(&self, file: FileId) -> impl Iterator<Item = FileId> {
        std::iter::successors(Some(file), |file| {
            self.files[file.0 as usize].included_at.map(|place| place.file)
        })
    }

    /// The fault as people read it; `path` is the schema, where the fault has no place.
    pub(crate) fn explain(&self, fault: Fault, path: &Path) -> Error {
        let diagnostic = Box::new(Diagnostic {
            location: match fault.at {
                Some(place) => self.location(place),
                None => Location { file: path.to_owned(), position: None },
            },
            included_from: fault.at.map(|place| self.included_from(place)).unwrap_or_default(),
            definition: fault.definition,
            mistake: fault.mistake,
            remedy: fault.remedy,
        });
        match fault.class {
            Class::Read(error) => Error::Read(diagnostic, error),
            Class::Syntax => Error::Syntax(diagnostic),
            Class::Rule => Error::Rule(diagnostic),
            Class::Limit => Error::Limit(diagnostic),
        }
    }

    /// The place by file name, line and column.
    pub(crate) fn location(&self, place: Place) -> Location {
        let source = &self.files[place.file.0 as usize];
        let before = source.text.get(..place.offset as usize).unwrap_or(&source.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[start..].chars().fold(0, |column, char| match char {
            '\t' => (column / TAB + 1) * TAB,
            _ => column + 1,
        });
        Location { file: source.path.clone(), position: Some((line, column + 1)) }
    }

    fn included_from(&self, place: Place) -> Vec<Location> {
        let includes = self.chain(place.file).filter_map(|file| self.included_at(file));
        includes.map(|place| self.location(place)).collect()
    }

    fn included_at(&self, file: FileId) -> Option<Place> {
        self.files[file.0 as usize].included_at
    }
}

/// Columns from one tab stop to the next.
const TAB: usize = 8;

impl Fault {
    pub(crate) fn syntax(at: Place, mistake: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Class::Syntax, Some(at), mistake.into(), remedy.into())
    }

    pub(crate) fn rule(at: Place, mistake: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Class::Rule, Some(at), mistake.into(), remedy.into())
    }

    pub(crate) fn limit(
        at: Option<Place>,
        mistake: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Class::Limit, at, mistake.into(), remedy.into())
    }

    fn read(at: Option<Place>, path: &Path, error: io::Error) -> Self {
        let mistake = format!("cannot read '{}': {error}", path.display());
        Self::new(Class::Read(error), at, mistake, "check the path".into())
    }

    fn new(class: Class, at: Option<Place>, mistake: String, remedy: String) -> Self {
        Self { class, at, definition: None, mistake, remedy }
    }

    /// The same, in the definition of this name.
    pub(crate) fn within(mut self, definition: &str) -> Self {
        if !definition.is_empty() {
            self.definition.get_or_insert_with(|| definition.to_owned());
        }
        self
    }
}
