//! The dialogue before the first message (D-Bus specification, "Authentication Protocol"). The
//! kernel says who is there, so it is EXTERNAL or nothing.

use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
};

use crate::bus::stream::Stream;

/// Bytes that may be said before the first message.
const LONGEST: usize = 4 << 10;

/// What was read beyond the dialogue.
#[derive(Debug, Default)]
pub(super) struct Early {
    pub(super) bytes: Vec<u8>,
    pub(super) fds: Vec<OwnedFd>,
}

/// The server's part, without input or output.
#[derive(Debug)]
struct Dialogue<'a> {
    uid: u32,
    guid: &'a str,
    authenticated: bool,
    /// `AUTH EXTERNAL` came without a name, which is to follow.
    asked: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Say(String),
    Begin,
}

/// Has a client say who it is, which must be this user.
///
/// # Errors
///
/// It said too much, hung up, or reads nothing.
///
/// # Cancel safety
///
/// Not cancel safe: to be begun once, on a new connection.
pub(super) async fn welcome(stream: &Stream, uid: u32, guid: &str) -> io::Result<Early> {
    let mut dialogue = Dialogue { uid, guid, authenticated: false, asked: false };
    let mut early = Early::default();
    let (mut began, mut said) = (false, 0);
    loop {
        let mut buffer = [0; 1024];
        let (count, fds, _) = stream.receive(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        early.bytes.extend_from_slice(&buffer[..count]);
        early.fds.extend(fds);
        if !began {
            if early.bytes.remove(0) != 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            began = true;
        }
        while let Some(line) = line(&mut early.bytes) {
            said += line.len();
            match dialogue.answer(&line) {
                Step::Begin => return Ok(early),
                Step::Say(text) => {
                    let text = format!("{text}\r\n");
                    // A socket that has no room for so little is not read.
                    if stream.send(&[IoSlice::new(text.as_bytes())], &[])? < text.len() {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
            }
        }
        if said + early.bytes.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Takes the first line, if all of it is there.
fn line(bytes: &mut Vec<u8>) -> Option<String> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    bytes.drain(..end + 2);
    Some(line)
}

impl Dialogue<'_> {
    fn answer(&mut self, line: &str) -> Step {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "AUTH" if !self.authenticated => match rest.split_once(' ') {
                Some(("EXTERNAL", name)) => self.judge(name),
                None if rest == "EXTERNAL" => {
                    self.asked = true;
                    Step::Say("DATA".to_owned())
                }
                _ => self.reject(),
            },
            "DATA" if self.asked => self.judge(rest),
            "CANCEL" | "ERROR" if !self.authenticated => self.reject(),
            "NEGOTIATE_UNIX_FD" if self.authenticated => Step::Say("AGREE_UNIX_FD".to_owned()),
            "BEGIN" if self.authenticated => Step::Begin,
            _ => Step::Say("ERROR".to_owned()),
        }
    }

    /// A name is the number of the user, each digit as the hexadecimal code of its character; none
    /// leaves it to the kernel.
    fn judge(&mut self, name: &str) -> Step {
        let own: String =
            self.uid.to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        if !name.is_empty() && name != own {
            return self.reject();
        }
        (self.authenticated, self.asked) = (true, false);
        Step::Say(format!("OK {}", self.guid))
    }

    fn reject(&mut self) -> Step {
        self.asked = false;
        Step::Say("REJECTED EXTERNAL".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Vec<String> {
        let mut dialogue = Dialogue { uid: 1000, guid: "0123", authenticated: false, asked: false };
        let steps = lines.iter().map(|line| match dialogue.answer(line) {
            Step::Say(text) => text,
            Step::Begin => "begin".to_owned(),
        });
        steps.collect()
    }

    #[test]
    fn who_the_kernel_says_may_begin() {
        let with_name = ["AUTH EXTERNAL 31303030", "NEGOTIATE_UNIX_FD", "BEGIN"];
        assert_eq!(said(&with_name), ["OK 0123", "AGREE_UNIX_FD", "begin"]);
        assert_eq!(said(&["AUTH EXTERNAL", "DATA", "BEGIN"]), ["DATA", "OK 0123", "begin"]);
        let named_later = ["AUTH", "AUTH EXTERNAL", "DATA 31303030", "BEGIN"];
        assert_eq!(said(&named_later), ["REJECTED EXTERNAL", "DATA", "OK 0123", "begin"]);
    }

    #[test]
    fn nobody_else_may() {
        for lines in [
            &["AUTH EXTERNAL 30", "BEGIN"][..],
            &["AUTH ANONYMOUS", "BEGIN"],
            &["AUTH DBUS_COOKIE_SHA1 31303030", "DATA", "BEGIN"],
            &["AUTH EXTERNAL", "DATA 30", "BEGIN"],
            &["AUTH EXTERNAL", "CANCEL", "DATA", "BEGIN"],
            &["BEGIN"],
            &["DATA", "NEGOTIATE_UNIX_FD", "BEGIN"],
            &["", "BEGIN"],
        ] {
            let said = said(lines);
            assert_eq!(said.last().unwrap(), "ERROR", "{lines:?}");
            assert!(said.iter().all(|text| !text.starts_with("OK")), "{lines:?}");
        }
    }
}
