//! A terminal, and somebody who types at it.

use crate::{PATIENCE, process, until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tokio::process::{Child, Command};

/// A program at a terminal of its own, killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Terminal {
    /// Starts a program, which has this environment beside its own.
    pub fn start(words: &[&OsStr], environment: &[(&str, &OsStr)]) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()));
        let slave = slave.unwrap();
        let mut command: Command = process::program("setsid");
        command.args(["--ctty", "--wait"]).args(words).envs(environment.iter().copied());
        command.env("TERM", "xterm").env("LANG", "C.UTF-8").kill_on_drop(true);
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap());
        let child = command.stderr(Stdio::from(slave)).spawn().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, seen) = (File::from(master.try_clone().unwrap()), Arc::clone(&shown));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal without a program is an error to read.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { keyboard: File::from(master), shown, child }
    }

    /// Types.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// What was shown so far, without what a terminal obeys.
    pub fn text(&self) -> String {
        plain(&String::from_utf8_lossy(&self.shown.lock().unwrap()))
    }

    /// Forgets what was shown.
    pub fn clear(&self) {
        self.shown.lock().unwrap().clear();
    }

    /// Waits until this is shown.
    pub async fn shows(&self, part: &str) {
        self.shown(part, |text| text.contains(part)).await;
    }

    /// Waits until this is shown last: what is typed before a prompt may go to nobody.
    pub async fn prompts(&self, prompt: &str) {
        self.shown(prompt, |text| text.ends_with(prompt)).await;
    }

    async fn shown(&self, part: &str, is_shown: impl Fn(&str) -> bool) {
        let seen = async || is_shown(&self.text()).then_some(());
        let waited = tokio::time::timeout(PATIENCE / 2, until(part, seen)).await;
        assert!(waited.is_ok(), "`{part}` is not shown: {}", self.text());
    }

    /// Waits for the end of the program.
    pub async fn exit(&mut self) -> ExitStatus {
        crate::soon("the end of a program at a terminal", self.child.wait()).await.unwrap()
    }
}

/// The text without escape sequences and carriage returns.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => match chars.next() {
                Some('[') => drop(chars.find(|it| ('@'..='~').contains(it))),
                Some(']') => drop(chars.find(|it| matches!(it, '\u{7}' | '\\'))),
                Some('(') => drop(chars.next()),
                _ => {}
            },
            '\r' | '\u{7}' => {}
            char => plain.push(char),
        }
    }
    plain
}
