//! Texts that the kernel and the system keep in files.

use std::{fs, path::Path, str::FromStr};

use super::error::Error;

/// A whole file, read in one go so that it is one state of the kernel.
pub(super) fn read(path: impl AsRef<Path>) -> Result<String, Error> {
    let path = path.as_ref();
    fs::read_to_string(path).map_err(Error::system(format!("read {}", path.display())))
}

/// A file that holds one value.
pub(super) fn value<T: FromStr>(path: impl AsRef<Path>) -> Result<T, Error> {
    let path = path.as_ref();
    let text = read(path)?;
    let value = text.trim().parse();
    value.map_err(|_| Error::Unreadable(format!("{} holds '{}'", path.display(), text.trim())))
}

/// The next word of a line, as a number.
pub(super) fn number<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    words.next().and_then(|word| word.parse().ok())
}
