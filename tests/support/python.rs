//! QEMU's own client library, in Python: an oracle that shares nothing with the bridge.

use crate::{
    monitor::Failure,
    process::{self, Process},
    scratch::Scratch,
    target_dir,
};
use serde_json::Value;
use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

/// A monitor's client that is written with the library which tests/run fetches.
#[derive(Debug)]
pub struct Library {
    process: Process,
    _scratch: Scratch,
}

impl Library {
    /// Starts one for this monitor.
    pub fn connect(socket: &Path) -> Self {
        let scratch = Scratch::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/qemu_qmp.py");
        let mut command = process::program("python3");
        command.env("PYTHONPATH", target_dir().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(script).arg(socket).stdin(Stdio::piped());
        Self { process: Process::start(&scratch, &mut command), _scratch: scratch }
    }

    /// Runs a command without arguments.
    ///
    /// # Errors
    /// What the peer refused.
    pub async fn execute(&mut self, command: &str) -> Result<Value, Failure> {
        self.process.say(command).await;
        let line = self.process.line().await.expect("the library answers");
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get_mut("return") {
            Some(value) => Ok(value.take()),
            None => Err(Failure::from(&answer["error"])),
        }
    }

    /// Ends it; how it ended.
    pub async fn end(mut self) -> ExitStatus {
        self.process.say("").await;
        self.process.exit().await
    }
}
