//! A machine: its name, its sockets, its object.

use std::{fmt::Write, path::Path, str::FromStr, sync::Arc, time::Duration};

use crate::endpoint::Protocol;

/// Bytes of a name: what a file may be called.
const NAME: usize = 255;

/// Bytes of a socket's path, of which one is the end: what the kernel takes.
const SOCKET: usize = 108;

/// A machine with a monitor, an agent, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Any text; the object path holds it escaped.
    pub name: String,
    /// Socket of its monitor.
    pub qmp: Option<Arc<Path>>,
    /// Socket of its agent.
    pub qga: Option<Arc<Path>>,
    /// Deadline of its calls in the place of everybody's; zero means none.
    pub timeout: Option<Duration>,
}

impl Machine {
    /// Its object (mapping, section 8). The name is escaped as by sd_bus_path_encode(3), which
    /// gives clients the way back.
    pub fn path(&self) -> String {
        let mut path = "/org/qemu/vm/".to_owned();
        for (at, byte) in self.name.bytes().enumerate() {
            let plain =
                if at == 0 { byte.is_ascii_alphabetic() } else { byte.is_ascii_alphanumeric() };
            if plain {
                path.push(byte.into());
            } else {
                // Writing to a string cannot fail.
                _ = write!(path, "_{byte:02x}");
            }
        }
        path
    }

    /// Checks what anybody may have written.
    ///
    /// # Errors
    ///
    /// What is wrong, by the name of the setting: it is empty or too long, or no socket is there.
    pub fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.len() > NAME {
            return Err(format!("`name` has {} bytes; write 1 to {NAME}", self.name.len()));
        }
        if self.sockets().next().is_none() {
            return Err("`qmp` and `qga` are missing; give one socket at least".into());
        }
        self.sockets().try_for_each(|(protocol, path)| {
            let (key, path) = (protocol.name(), path.as_os_str());
            match path.len() {
                0 => Err(format!("`{key}` is empty; write the path of a socket")),
                SOCKET.. => Err(format!(
                    "`{key}` has {} bytes; a socket's path has less than {SOCKET}",
                    path.len()
                )),
                _ if path.as_encoded_bytes().contains(&0) => Err(format!("`{key}` holds U+0000")),
                _ => Ok(()),
            }
        })
    }

    /// Its sockets.
    pub fn sockets(&self) -> impl Iterator<Item = (Protocol, &Arc<Path>)> {
        let sockets = [(Protocol::Qmp, &self.qmp), (Protocol::Qga, &self.qga)];
        sockets.into_iter().filter_map(|(protocol, socket)| Some((protocol, socket.as_ref()?)))
    }
}

/// As on the command line: `NAME=qmp:SOCKET,qga:SOCKET`, either socket optional.
impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write NAME=qmp:SOCKET,qga:SOCKET, or one of the two sockets";
        let (name, sockets) = text.split_once('=').unwrap_or_default();
        if name.is_empty() {
            return Err(format!("the name is missing; {FORM}"));
        }
        let mut machine = Self { name: name.to_owned(), ..Self::default() };
        for socket in sockets.split(',') {
            let (place, path) = match socket.split_once(':') {
                Some(("qmp", path)) => (&mut machine.qmp, path),
                Some(("qga", path)) => (&mut machine.qga, path),
                _ => return Err(format!("`{socket}` is no socket; {FORM}")),
            };
            if path.is_empty() || place.replace(Path::new(path).into()).is_some() {
                return Err(format!("`{socket}` is empty or the second of its kind; {FORM}"));
            }
        }
        machine.check().map(|()| machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_form_is_read_and_checked() {
        let machine: Machine = "web-1=qmp:/run/a:b,qga:/run/c".parse().unwrap();
        let sockets = (machine.qmp.as_deref(), machine.qga.as_deref());
        assert_eq!(sockets, (Some("/run/a:b".as_ref()), Some("/run/c".as_ref())));
        for wrong in ["", "a", "=qmp:/x", "a=", "a=/x", "a=qmp:", "a=qmp:/x,qmp:/y", "a=vnc:/x"] {
            assert!(wrong.parse::<Machine>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_named() {
        let refused = |name: &str, qmp: &str| {
            let (name, qmp) = (name.into(), Some(Path::new(qmp).into()));
            Machine { name, qmp, ..Machine::default() }.check().unwrap_err()
        };
        assert!(refused("", "/x").contains("`name` has 0 bytes"));
        assert!(refused(&"x".repeat(256), "/x").contains("`name` has 256 bytes"));
        assert!(refused("a", "").contains("`qmp` is empty"));
        assert!(refused("a", &"x".repeat(108)).contains("`qmp` has 108 bytes"));
        assert!(refused("a", "/x\0").contains("`qmp` holds U+0000"));
        let none = Machine { name: "a".into(), ..Machine::default() };
        assert!(none.check().unwrap_err().contains("`qmp` and `qga` are missing"));
    }

    #[test]
    fn any_name_makes_an_object_path_of_its_own() {
        let path = |name: &str| Machine { name: name.into(), ..Machine::default() }.path();
        assert_eq!(path("web1"), "/org/qemu/vm/web1");
        assert_eq!(path("1-b_é"), "/org/qemu/vm/_31_2db_5f_c3_a9");
    }
}
