//! Whose sockets are believed to be a machine's: by the user behind them, and by where they stand.

use std::{
    ffi::OsString,
    fmt::Display,
    fs::{Metadata, read_link, symlink_metadata},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use rustix::{fd::AsFd, net::sockopt::socket_peercred, process::geteuid};

/// Symbolic links on the way to a socket, as the kernel counts them.
const MAX_LINKS: usize = 40;

const ROOT: u32 = 0;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Who may serve sockets: root and the bridge's own user always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Further users, by number.
    pub uids: Vec<u32>,
    /// Whether a socket that others could have put where it is, is refused unopened.
    pub closed_directories: bool,
}

impl Trust {
    /// Whether the process that listens belongs to one of the users. The kernel tells who it was
    /// when it began to.
    ///
    /// # Errors
    ///
    /// The text says who it is and what to do.
    pub(super) fn server(&self, socket: impl AsFd, path: impl Display) -> Result<(), String> {
        match socket_peercred(socket) {
            Ok(server) => self.users().check(server.uid.as_raw(), &format!("{path} is served by")),
            Err(error) => Err(format!("who serves {path} is not told: {error}")),
        }
    }

    /// Whether nobody but the users can have put the socket there: they own every directory and
    /// link on the way, and others can write to none. Where others can, the sticky bit protects
    /// what stands there already, a directory, but not the place of a socket.
    ///
    /// What does not exist, or is hidden from the bridge, is left to the one who connects.
    ///
    /// # Errors
    ///
    /// The text says which is in the way and what to do.
    pub(super) fn place(&self, path: &Path) -> Result<(), String> {
        if self.closed_directories { self.users().check_place(path) } else { Ok(()) }
    }

    fn users(&self) -> Users {
        let mut uids = vec![ROOT, geteuid().as_raw()];
        uids.extend(&self.uids);
        uids.sort_unstable();
        uids.dedup();
        Users(uids)
    }
}

/// Every user who is trusted.
struct Users(Vec<u32>);

impl Users {
    fn check_place(&self, path: &Path) -> Result<(), String> {
        let Ok(path) = std::path::absolute(path) else { return Ok(()) };
        let (mut at, mut shared, mut links) = (PathBuf::from("/"), None, 0);
        let mut ahead = parts(&path);
        while let Some(part) = ahead.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(part);
            let Ok(found) = symlink_metadata(&next) else { return Ok(()) };
            if found.is_symlink() {
                self.check_owner(&next, &found)?;
                links += 1;
                let Ok(target) = read_link(&next) else { return Ok(()) };
                if links > MAX_LINKS {
                    return Err(format!("{} is one symbolic link too many", next.display()));
                }
                if target.is_absolute() {
                    at = "/".into();
                }
                ahead.extend(parts(&target));
            } else if found.is_dir() {
                self.check_owner(&next, &found)?;
                shared = writable(&next, &found)?;
                at = next;
            }
        }
        shared.map_or(Ok(()), |mode| Err(open_to_others(&at, mode)))
    }

    fn check_owner(&self, path: &Path, found: &Metadata) -> Result<(), String> {
        self.check(
            found.uid(),
            &format!("{} decides which socket it is, and belongs to", path.display()),
        )
    }

    /// `who` reads on with the user.
    fn check(&self, uid: u32, who: &str) -> Result<(), String> {
        let Self(users) = self;
        if users.contains(&uid) {
            return Ok(());
        }
        let users: Vec<_> = users.iter().map(u32::to_string).collect();
        Err(format!(
            "{who} uid {uid}, and the bridge trusts uid {}; if it is QEMU's user, start the bridge \
             with `--peer-user {uid}` or name it in `uids` of [authorization]",
            users.join(", ")
        ))
    }
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut named: Vec<_> = named.collect();
    named.reverse();
    named
}

/// The mode of a directory that others may add to, and change nothing in.
fn writable(path: &Path, found: &Metadata) -> Result<Option<u32>, String> {
    let mode = found.mode() & 0o7777;
    match (mode & OTHERS_WRITE, mode & STICKY) {
        (0, _) => Ok(None),
        (_, 0) => Err(open_to_others(path, mode)),
        _ => Ok(Some(mode)),
    }
}

fn open_to_others(path: &Path, mode: u32) -> String {
    let path = path.display();
    format!(
        "others can write to {path} (mode {mode:o}) and put a socket of their own there; run \
         `chmod o-w {path}`, or move the socket into a directory of its own"
    )
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, create_dir, set_permissions},
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::{UnixListener, UnixStream},
        },
    };

    use super::*;

    const STRICT: Trust = Trust { uids: Vec::new(), closed_directories: true };

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn own_and_chosen_users_may_serve_and_no_others() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        STRICT.server(&ours, "/x").unwrap();
        let Users(uids) = Trust { uids: vec![107], ..STRICT }.users();
        assert!(uids.contains(&0) && uids.contains(&107));
        let text = Users(uids).check(4_000_000, "/x is served by").unwrap_err();
        assert!(text.contains("by uid 4000000") && text.contains("--peer-user"), "{text}");
    }

    #[test]
    fn a_directory_open_to_others_is_no_place_for_a_socket() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("sockets");
        create_dir(&directory).unwrap();
        let socket = directory.join("qmp");
        let _listener = UnixListener::bind(&socket).unwrap();
        for (bits, closed) in [(0o755, true), (0o2770, true), (0o777, false), (0o1777, false)] {
            mode(&directory, bits);
            assert_eq!(STRICT.place(&socket).is_ok(), closed, "{bits:o}");
        }
        let text = STRICT.place(&socket).unwrap_err();
        assert!(text.contains("1777") && text.contains("chmod o-w"), "{text}");
        assert!(Trust::default().place(&socket).is_ok());
    }

    #[test]
    fn a_sticky_ancestor_protects_and_one_without_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("own");
        create_dir(&directory).unwrap();
        let socket = directory.join("qmp");
        let _listener = UnixListener::bind(&socket).unwrap();
        mode(scratch.path(), 0o1777);
        STRICT.place(&socket).unwrap();
        mode(scratch.path(), 0o777);
        assert!(STRICT.place(&socket).unwrap_err().contains("777"));
    }

    #[test]
    fn links_are_followed_and_judged_where_they_stand() {
        let scratch = tempfile::tempdir().unwrap();
        let [closed, open] = ["closed", "open"].map(|name| scratch.path().join(name));
        create_dir(&closed).unwrap();
        create_dir(&open).unwrap();
        let _listeners = [&closed, &open].map(|at| UnixListener::bind(at.join("qmp")).unwrap());
        mode(&open, 0o777);
        let link = closed.join("link");
        symlink("../open/qmp", &link).unwrap();
        assert!(STRICT.place(&link).unwrap_err().contains("open"));
        let link = open.join("link");
        symlink(closed.join("qmp"), &link).unwrap();
        assert!(STRICT.place(&link).unwrap_err().contains("open"));
        let (one, two) = (closed.join("one"), closed.join("two"));
        symlink(&two, &one).unwrap();
        symlink(&one, &two).unwrap();
        assert!(STRICT.place(&one).unwrap_err().contains("too many"));
        let straight = closed.join("straight");
        symlink(closed.join("qmp"), &straight).unwrap();
        STRICT.place(&straight).unwrap();
    }

    #[test]
    fn a_directory_of_another_user_is_refused_by_name() {
        let text = Users(vec![4_000_000]).check_place(Path::new("/tmp/qmp")).unwrap_err();
        assert!(text.contains("/tmp") && text.contains("uid 0"), "{text}");
    }

    #[test]
    fn what_is_not_there_is_left_to_the_one_who_connects() {
        STRICT.place(Path::new("/nonexistent/qmp")).unwrap();
    }
}
