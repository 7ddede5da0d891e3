//! Directories that go when the test does.

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use std::{
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// An empty directory of which nothing stays.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one. Its path is short, since a socket's path must fit into 108 bytes.
    pub fn new() -> Self {
        let serial = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("qapi-dbus-{}-{serial}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A path inside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.0
    }
}

/// A socket at this path of which nobody would think that its QEMU is still starting.
pub fn listener(path: &Path) -> UnixListener {
    let listener = UnixListener::bind(path).unwrap();
    let long_ago = Timespec { tv_sec: 1, tv_nsec: 0 };
    let times = Timestamps { last_access: long_ago, last_modification: long_ago };
    utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
    listener
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
