//! Programs that the tests run.

use crate::{scratch::Scratch, soon};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsStr,
    fs::{self, File},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// The command that runs a program for the length of the test's thread: not even a test run that
/// is killed leaves it behind.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(DEATH_SIGNAL).arg(name);
    command
}

const DEATH_SIGNAL: [&str; 2] = ["--pdeathsig", "KILL"];

/// A running program, killed when dropped. What it says on standard error is shown if the test
/// fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory in KiB.
    pub memory: u64,
    /// The most resident memory so far, in KiB.
    pub peak: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Time of the processor so far.
    pub time: Duration,
}

impl Process {
    /// Starts `command`, made by [`program`]; `scratch` keeps what it says on standard error and
    /// must live longer.
    pub fn start(scratch: &Scratch, command: &mut Command) -> Self {
        let program = command.as_std().get_args().nth(DEATH_SIGNAL.len()).unwrap();
        let name = program.to_string_lossy().rsplit('/').next().unwrap_or_default().to_owned();
        let log = scratch.path(&format!("{name}.log"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("setpriv: {error}; tests/run installs what is needed"));
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, stdout, log }
    }

    /// The next line of standard output; `None` at its end.
    pub async fn line(&mut self) -> Option<String> {
        let line = soon(&format!("a line of {}", self.name), self.stdout.next_line()).await;
        line.unwrap()
    }

    /// Writes a line to standard input, which its command must have piped.
    pub async fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Process id.
    ///
    /// # Panics
    /// If it was waited for already.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// What it uses now.
    pub fn usage(&self) -> Usage {
        let proc = PathBuf::from(format!("/proc/{}", self.id()));
        let status = fs::read_to_string(proc.join("status")).unwrap();
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap()
        };
        let descriptors = fs::read_dir(proc.join("fd")).unwrap().count();
        let time = processor_time(&fs::read_to_string(proc.join("stat")).unwrap());
        Usage { memory: kibibytes("VmRSS:"), peak: kibibytes("VmHWM:"), descriptors, time }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub async fn exit(&mut self) -> ExitStatus {
        soon(&format!("the end of {}", self.name), self.child.wait()).await.unwrap()
    }

    /// What it said on standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// Of the program itself and of the kernel for it, in hundredths of a second: the 14th and the
/// 15th value, where the second is a name in parentheses that may hold spaces.
fn processor_time(stat: &str) -> Duration {
    let values = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u64 = values.skip(11).take(2).map(|value| value.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}, standard error:\n{}", self.name, self.stderr());
        }
    }
}
