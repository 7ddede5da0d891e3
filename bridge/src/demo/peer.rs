//! The programs that the demonstration serves: `qemu-ga` and QEMU, where they are installed.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};

use crate::heap;

/// How long a program may take until its socket is there.
const START: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(10);

/// Where system programs are that a user's PATH leaves out.
const SYSTEM_DIRECTORIES: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A program that serves a socket; it is killed when dropped.
#[derive(Debug)]
pub(super) struct Peer {
    child: Child,
    program: PathBuf,
    socket: PathBuf,
}

impl Peer {
    /// Starts the installed guest agent with all its files in `directory`; `None` if there is none.
    pub(super) async fn agent(directory: &Path) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("qemu-ga") else { return Ok(None) };
        let socket = directory.join("qga.sock");
        let configuration = directory.join("qemu-ga.conf");
        File::create(&configuration)?;
        let mut command = Command::new(&program);
        command
            .args(["--method", "unix-listen", "--path"])
            .arg(&socket)
            .arg("--statedir")
            .arg(directory)
            // The machine's own settings may name another socket or disable commands.
            .env("QGA_CONF", configuration);
        Self::start(command, program, socket).await.map(Some)
    }

    /// Starts the installed QEMU as a machine without parts; `None` if there is none.
    pub(super) async fn qemu(directory: &Path) -> anyhow::Result<Option<Self>> {
        let own = format!("qemu-system-{}", env::consts::ARCH);
        let names = [own.as_str(), "qemu-system-x86_64", "qemu-system-aarch64"];
        let Some(program) = names.into_iter().find_map(installed) else { return Ok(None) };
        let socket = directory.join("qmp.sock");
        let mut command = Command::new(&program);
        command
            .args(["-machine", "none", "-nodefaults", "-no-user-config", "-display", "none"])
            // `-qmp` would take a comma in the path for the end of it.
            .arg("-chardev")
            .arg(format!("socket,id=qmp,server=on,wait=off,path={}", escape(&socket)))
            .args(["-mon", "chardev=qmp,mode=control"]);
        Self::start(command, program, socket).await.map(Some)
    }

    /// The program's file.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The socket that it serves.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    async fn start(
        mut command: Command,
        program: PathBuf,
        socket: PathBuf,
    ) -> anyhow::Result<Self> {
        let log = socket.with_extension("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // Ctrl-C is for the demonstration alone: it ends its peers in good order.
        command.process_group(0);
        heap::spare(&mut command);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut peer = Self { child, program, socket };
        peer.listening(&log).await?;
        Ok(peer)
    }

    async fn listening(&mut self, log: &Path) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while !self.socket.exists() {
            let program = self.program.display();
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("{program} ended with {status}: {}", said.trim());
            }
            if Instant::now() > deadline {
                bail!("{program} made no socket within {} s", START.as_secs());
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Neither fails but for a program that ended before.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// QEMU's way to have a comma in a value.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn installed(name: &str) -> Option<PathBuf> {
    find(name, env::var_os("PATH").as_deref())
        .or_else(|| find(name, Some(SYSTEM_DIRECTORIES.as_ref())))
}

fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?).map(|directory| directory.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_program_that_ends_is_reported_with_its_words() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s.sock");
        let started =
            Peer::start(shell("echo no such luck >&2; exit 7"), "sh".into(), socket).await;
        let text = format!("{:#}", started.unwrap_err());
        assert!(text.contains("no such luck") && text.contains('7'), "{text}");
    }

    #[tokio::test]
    async fn a_dropped_program_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s.sock");
        let command = shell(&format!("touch '{}'; exec sleep 60", socket.display()));
        let peer = Peer::start(command, "sh".into(), socket).await.unwrap();
        let process = PathBuf::from(format!("/proc/{}", peer.child.id()));
        assert!(process.exists());
        drop(peer);
        assert!(!process.exists());
    }

    #[test]
    fn programs_are_found_along_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tool");
        File::create(&file).unwrap();
        let path = env::join_paths([Path::new("/nonexistent"), directory.path()]).unwrap();
        assert_eq!(find("tool", Some(&path)), Some(file));
        assert_eq!(find("other", Some(&path)), None);
    }
}
