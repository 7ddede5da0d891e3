//! Files written and taken away, below the root or a folder in its place.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::Builder;

/// The root of the file system, or what stands for it.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(super) fn new(root: Option<&Path>) -> Self {
        Self { root: root.unwrap_or(Path::new("/")).to_owned() }
    }

    /// Makes the file what it is to be, and says whether it was not. A reader sees the old file or
    /// the new one, whole; a program that runs from the old one goes on.
    pub(super) fn write(&self, place: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<bool> {
        let path = self.within(place);
        self.replace(&path, bytes, mode).with_context(|| format!("writing {}", path.display()))
    }

    fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
        if is(path, bytes, mode) {
            return Ok(false);
        }
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        let mut file = Builder::new()
            .prefix(".qapi-dbus-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        // Whatever umask is set: others read these files too.
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(true)
    }

    /// Whether there is something at this place.
    pub(super) fn has(&self, place: &Path) -> bool {
        fs::symlink_metadata(self.within(place)).is_ok()
    }

    /// Takes a file away, and says whether it was there.
    pub(super) fn remove(&self, place: &Path) -> anyhow::Result<bool> {
        let path = self.within(place);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("removing {}", path.display())),
        }
    }

    /// Takes folders away that are empty, from this one up to one that is not.
    pub(super) fn prune(&self, folder: &Path, up_to: &Path) {
        let mut folder = folder;
        while folder.starts_with(up_to) && fs::remove_dir(self.within(folder)).is_ok() {
            let Some(parent) = folder.parent() else { return };
            folder = parent;
        }
    }

    fn within(&self, place: &Path) -> PathBuf {
        self.root.join(place.strip_prefix("/").unwrap_or(place))
    }
}

fn is(path: &Path, bytes: &[u8], mode: u32) -> bool {
    let same_mode = |found: fs::Metadata| {
        found.is_file()
            && found.len() == bytes.len() as u64
            && found.permissions().mode() & 0o7777 == mode
    };
    fs::symlink_metadata(path).is_ok_and(same_mode) && fs::read(path).is_ok_and(|it| it == bytes)
}

/// With those above it, for everybody to read: whatever umask is set.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_mended_when_it_changed() {
        let root = tempfile::tempdir().unwrap();
        let (tree, place) = (Tree::new(Some(root.path())), Path::new("/usr/lib/x/file"));
        assert!(tree.write(place, b"text", 0o644).unwrap());
        assert!(!tree.write(place, b"text", 0o644).unwrap());
        let path = root.path().join("usr/lib/x/file");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(tree.write(place, b"text", 0o644).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(tree.remove(place).unwrap());
        assert!(!tree.remove(place).unwrap());
        tree.prune(Path::new("/usr/lib/x"), Path::new("/usr/lib"));
        assert!(root.path().join("usr").exists() && !root.path().join("usr/lib").exists());
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        fs::write(&target, "text").unwrap();
        std::os::unix::fs::symlink(&target, root.path().join("file")).unwrap();
        let tree = Tree::new(Some(root.path()));
        assert!(tree.write(Path::new("/file"), b"other", 0o644).unwrap());
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
    }
}
