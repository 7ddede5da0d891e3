//! The sockets in one folder: `<name>.qmp` and `<name>.qga` are the machine `<name>`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io, mem,
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::Arc,
};

use crate::endpoint::Protocol;

use super::machine::Machine;

/// Files that are looked at: whoever may write there can make any number.
const FILES: usize = 200_000;

/// Which sockets of a machine there are, by [`Protocol`].
type Sockets = [bool; 2];

/// A folder and what was seen there last.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: Arc<Path>,
    /// Machines; none without any socket.
    seen: BTreeMap<String, Sockets>,
}

impl Folder {
    pub(super) fn new(path: Arc<Path>) -> Self {
        Self { path, seen: BTreeMap::new() }
    }

    /// Looks at all files; gives the machines whose sockets changed, and whether the folder could
    /// be read. In one that is gone, there are none.
    pub(super) fn scan(&mut self) -> (BTreeSet<String>, io::Result<()>) {
        let before = mem::take(&mut self.seen);
        let read = fs::read_dir(&self.path).map(|files| {
            for file in files.take(FILES).flatten() {
                self.look(&file.file_name());
            }
        });
        let names = before.keys().chain(self.seen.keys());
        let changed = names.filter(|name| before.get(*name) != self.seen.get(*name));
        (changed.cloned().collect(), read)
    }

    /// Looks at one file; gives the machine if its sockets changed.
    pub(super) fn look(&mut self, file: &OsStr) -> Option<String> {
        let (name, protocol) = parts(file)?;
        // A link is none: what it leads to comes and goes unseen.
        let found = fs::symlink_metadata(self.path.join(file));
        let found = found.is_ok_and(|file| file.file_type().is_socket());
        let known = self.seen.get(name).is_some_and(|sockets| sockets[protocol as usize]);
        if known == found {
            return None;
        }
        let sockets = self.seen.entry(name.to_owned()).or_default();
        sockets[protocol as usize] = found;
        if *sockets == Sockets::default() {
            self.seen.remove(name);
        }
        Some(name.to_owned())
    }

    /// Every machine.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.seen.keys()
    }

    /// The machine of this name, if there are sockets of it.
    pub(super) fn machine(&self, name: &str) -> Option<Machine> {
        let sockets = self.seen.get(name)?;
        let socket = |protocol: Protocol| {
            let file = format!("{name}.{}", protocol.name());
            sockets[protocol as usize].then(|| self.path.join(file).into())
        };
        let (qmp, qga) = (socket(Protocol::Qmp), socket(Protocol::Qga));
        Some(Machine { name: name.to_owned(), qmp, qga, timeout: None })
    }
}

/// A machine's name and what the socket speaks. Names that are no UTF-8 are nobody's: a bus has no
/// way to say them.
fn parts(file: &OsStr) -> Option<(&str, Protocol)> {
    let (name, suffix) = file.to_str()?.rsplit_once('.')?;
    let protocol = [Protocol::Qmp, Protocol::Qga].into_iter().find(|it| it.name() == suffix)?;
    (!name.is_empty()).then_some((name, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn scan(folder: &mut Folder) -> Vec<String> {
        let (changed, read) = folder.scan();
        read.unwrap();
        changed.into_iter().collect()
    }

    #[test]
    fn sockets_of_a_name_are_one_machine() {
        let dir = tempfile::tempdir().unwrap();
        let bind = |name: &str| UnixListener::bind(dir.path().join(name)).unwrap();
        let mut folder = Folder::new(dir.path().into());
        let _sockets = ["a.qmp", "a.qga", "b.c.qga", ".qmp", "c.sock"].map(bind);
        fs::write(dir.path().join("d.qmp"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.qmp"), dir.path().join("e.qmp")).unwrap();
        assert_eq!(scan(&mut folder), ["a", "b.c"]);
        assert_eq!(scan(&mut folder), [""; 0], "nothing changed");
        let machine = folder.machine("a").unwrap();
        assert_eq!(machine.qmp, Some(dir.path().join("a.qmp").into()));
        assert_eq!(machine.qga, Some(dir.path().join("a.qga").into()));
        assert_eq!(folder.machine("b.c").unwrap().qmp, None);

        fs::remove_file(dir.path().join("a.qmp")).unwrap();
        assert_eq!(folder.look("a.qmp".as_ref()), Some("a".into()));
        assert_eq!(folder.look("a.qmp".as_ref()), None);
        assert_eq!(folder.machine("a").unwrap().qmp, None);
        fs::remove_file(dir.path().join("a.qga")).unwrap();
        assert_eq!(folder.look("a.qga".as_ref()), Some("a".into()));
        assert_eq!(folder.machine("a"), None);
        drop(dir);
        let (changed, read) = folder.scan();
        assert!(read.is_err() && changed.contains("b.c") && folder.machine("b.c").is_none());
    }

    #[test]
    fn names_that_nobody_can_say_are_passed_over() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(parts(OsStr::from_bytes(b"\xff.qmp")), None);
        assert_eq!(parts("a\n.qmp".as_ref()), Some(("a\n", Protocol::Qmp)));
        assert_eq!(parts("..qga".as_ref()), Some((".", Protocol::Qga)));
    }
}
