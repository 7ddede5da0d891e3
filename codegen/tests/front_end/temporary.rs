//! A folder that goes away with the test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// An empty folder; `name` is unique among the tests of one file.
    pub(crate) fn new(name: &str) -> Self {
        let folder = format!("qapi-codegen-{}-{name}", process::id());
        let path = env::temp_dir().join(folder);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Whatever is left is the system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
