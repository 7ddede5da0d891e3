//! The files that make the program a service: the folder `dbus-policy`, built in.

use std::{borrow::Cow, path::PathBuf};

use super::Prefix;

/// Where `dbus-policy` says that the program is, for those who copy the files by hand.
const PROGRAM: &str = "/usr/bin/qapi-dbus";

/// Where the administrator's own settings are.
const CONFIGURATION: &str = "/etc";

/// A file of `dbus-policy` and the folders that it goes into, by who installs it: below the prefix
/// unless absolute. None where it is of no use to them.
#[derive(Debug)]
pub(crate) struct Shipped {
    path: &'static str,
    text: &'static str,
    system: Option<&'static str>,
    user: Option<&'static str>,
}

macro_rules! shipped {
    ($($path:literal: $system:expr, $user:expr;)*) => {
        &[$(Shipped {
            path: $path,
            text: include_str!(concat!("../../../dbus-policy/", $path)),
            system: $system,
            user: $user,
        }),*]
    };
}

/// All of them. The bus and polkit read their policies below /usr, whatever the prefix.
pub(crate) const SHIPPED: &[Shipped] = shipped! {
    "dbus-1/services/org.qemu.Bridge.service": Some("share"), Some("share");
    "dbus-1/system-services/org.qemu.Bridge.service": Some("share"), None;
    "dbus-1/system.d/org.qemu.Bridge.conf": Some("/usr/share"), None;
    "polkit-1/actions/org.qemu.Bridge.policy": Some("/usr/share"), None;
    "qapi-dbus/config.toml": Some(CONFIGURATION), None;
    "polkit-1/rules.d/50-qapi-dbus.rules": Some("share/doc/qapi-dbus/examples"), None;
    "systemd/system/qapi-dbus.service": Some("lib"), None;
    "systemd/user/qapi-dbus.service": Some("lib"), Some("share");
    "sysusers.d/qapi-dbus.conf": Some("lib"), None;
    "tmpfiles.d/qapi-dbus.conf": Some("lib"), None;
};

/// Where the unit for the session bus, or for the system bus, is.
pub(crate) fn unit(prefix: &Prefix, session: bool) -> Option<PathBuf> {
    let is_unit = |file: &&Shipped| file.path.starts_with("systemd/") && file.serves(session);
    SHIPPED.iter().find(is_unit)?.place(prefix)
}

impl Shipped {
    /// The file's place in the installed system; none if it is not for this kind of prefix.
    pub(crate) fn place(&self, prefix: &Prefix) -> Option<PathBuf> {
        let folder = if prefix.user { self.user } else { self.system };
        Some(prefix.path.join(folder?).join(self.path))
    }

    /// Whether it is the administrator's once it is there.
    pub(crate) fn is_configuration(&self) -> bool {
        self.system == Some(CONFIGURATION)
    }

    /// Whether the session bus, or the system bus, needs it as it is.
    pub(crate) fn serves(&self, session: bool) -> bool {
        let optional = |folder: &str| folder.starts_with("share/doc") || self.is_configuration();
        self.user.is_some() == session && !self.system.is_some_and(optional)
    }

    /// Its text, with the program where the prefix puts it.
    pub(crate) fn text(&self, prefix: &Prefix) -> Cow<'static, str> {
        let program = prefix.program();
        match program.to_str() {
            Some(program) if program != PROGRAM && self.text.contains(PROGRAM) => {
                self.text.replace(PROGRAM, program).into()
            }
            _ => self.text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dbus-policy");
        let (mut folders, mut found) = (vec![root.clone()], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => _ = found.insert(path.strip_prefix(&root).unwrap().to_path_buf()),
                }
            }
        }
        let shipped: BTreeSet<_> = SHIPPED.iter().map(|file| PathBuf::from(file.path)).collect();
        assert_eq!(found, shipped);
    }

    #[test]
    fn places_follow_the_prefix_but_for_policies() {
        let prefix = Prefix::system(Path::new("/opt/q")).unwrap();
        let places: Vec<_> = SHIPPED.iter().filter_map(|file| file.place(&prefix)).collect();
        assert!(places.contains(&"/opt/q/lib/systemd/system/qapi-dbus.service".into()));
        assert!(places.contains(&"/usr/share/dbus-1/system.d/org.qemu.Bridge.conf".into()));
        assert_eq!(places.len(), SHIPPED.len());
    }

    #[test]
    fn units_start_the_program_that_was_installed() {
        let prefix = Prefix::system(Path::new("/opt/q")).unwrap();
        for file in SHIPPED {
            assert!(!file.text(&prefix).contains(PROGRAM), "{}", file.path);
        }
        let started = |file: &&Shipped| file.text(&prefix).contains("/opt/q/bin/qapi-dbus serve ");
        assert_eq!(SHIPPED.iter().filter(started).count(), 3);
    }
}
