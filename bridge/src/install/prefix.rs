//! Where things go.

use std::{
    env,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};

/// Where the bridge is installed by hand, as the file hierarchy standard has it.
pub(crate) const BY_HAND: &str = "/usr/local";

/// The folder that everything is below, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) path: PathBuf,
    /// For one user, on the session bus only.
    pub(crate) user: bool,
}

impl Prefix {
    /// The folder that was asked for, or the usual one.
    pub(crate) fn chosen(path: Option<&Path>, user: bool) -> anyhow::Result<Self> {
        match (path, user) {
            (path, false) => Self::system(path.unwrap_or(Path::new(BY_HAND))),
            (Some(path), true) => Self::checked(path, true),
            (None, true) => {
                let home = env::var_os("HOME").context("HOME is not set; --prefix names where")?;
                Self::checked(&Path::new(&home).join(".local"), true)
            }
        }
    }

    /// A folder for everybody.
    pub(crate) fn system(path: &Path) -> anyhow::Result<Self> {
        Self::checked(path, false)
    }

    /// The path goes into unit files and shell commands, each with characters of its own that mean
    /// something.
    fn checked(path: &Path, user: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        let plain = |c: char| c.is_alphanumeric() || "/._+-".contains(c);
        if !path.to_str().is_some_and(|path| path.starts_with('/') && path.chars().all(plain))
            || path.components().any(|part| part == Component::ParentDir)
        {
            bail!("--prefix `{shown}` must be an absolute path of letters, digits and `/._+-`");
        }
        Ok(Self { path: path.components().collect(), user })
    }

    /// Where the program is.
    pub(crate) fn program(&self) -> PathBuf {
        self.path.join("bin/qapi-dbus")
    }

    /// What makes the user and the groups.
    pub(crate) fn sysusers(&self) -> PathBuf {
        self.path.join("lib/sysusers.d/qapi-dbus.conf")
    }

    /// The command that installs, or mends, what is here.
    pub(crate) fn install_command(&self) -> String {
        match (self.user, self.path == Path::new(BY_HAND)) {
            (true, _) => "qapi-dbus install --user".into(),
            (false, true) => "sudo qapi-dbus install".into(),
            (false, false) => format!("sudo qapi-dbus install --prefix {}", self.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_units_would_misread_are_refused() {
        for path in ["usr", "", "/a b", "/a%i", "/a$b", "/a/../b", "/a'b", "/a\nb"] {
            assert!(Prefix::system(Path::new(path)).is_err(), "{path:?}");
        }
        let prefix = Prefix::system(Path::new("/opt//é/")).unwrap();
        assert_eq!(prefix.path, Path::new("/opt/é"));
    }
}
