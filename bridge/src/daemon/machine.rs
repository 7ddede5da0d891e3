//! A machine: its name, its sockets, its object.

use std::{fmt::Write, path::PathBuf, str::FromStr};

use crate::endpoint::Protocol;

/// A machine with a monitor, an agent, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Any text; the object path holds it escaped.
    pub name: String,
    /// Socket of its monitor.
    pub qmp: Option<PathBuf>,
    /// Socket of its agent.
    pub qga: Option<PathBuf>,
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

    /// Its sockets.
    pub fn sockets(&self) -> impl Iterator<Item = (Protocol, &PathBuf)> {
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
        let mut machine = Self { name: name.to_owned(), qmp: None, qga: None };
        for socket in sockets.split(',') {
            let (place, path) = match socket.split_once(':') {
                Some(("qmp", path)) => (&mut machine.qmp, path),
                Some(("qga", path)) => (&mut machine.qga, path),
                _ => return Err(format!("`{socket}` is no socket; {FORM}")),
            };
            if path.is_empty() || place.replace(path.into()).is_some() {
                return Err(format!("`{socket}` is empty or the second of its kind; {FORM}"));
            }
        }
        Ok(machine)
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
    fn any_name_makes_an_object_path_of_its_own() {
        let path = |name: &str| Machine { name: name.into(), qmp: None, qga: None }.path();
        assert_eq!(path("web1"), "/org/qemu/vm/web1");
        assert_eq!(path("1-b_é"), "/org/qemu/vm/_31_2db_5f_c3_a9");
    }
}
