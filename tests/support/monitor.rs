//! A plain QMP or QGA client: what the bridge is compared with.

use crate::{soon, until};
use serde_json::{Value, json};
use std::path::Path;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

/// An error of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// QAPI error class.
    pub class: String,
    /// Its text.
    pub desc: String,
}

impl From<&Value> for Failure {
    fn from(error: &Value) -> Self {
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        Self { class: text("class"), desc: text("desc") }
    }
}

/// A connection straight to the peer's socket.
#[derive(Debug)]
pub struct Monitor(BufReader<UnixStream>);

impl Monitor {
    /// Connects to a monitor and negotiates no capabilities. While it starts, a monitor may
    /// throw out the first who comes.
    pub async fn qmp(socket: &Path) -> Self {
        until("a monitor that greets", async || {
            let mut stream = BufReader::new(UnixStream::connect(socket).await.ok()?);
            let mut greeting = String::new();
            stream.read_line(&mut greeting).await.ok()?;
            stream.write_all(b"{\"execute\": \"qmp_capabilities\"}\n").await.ok()?;
            let mut reply = String::new();
            stream.read_line(&mut reply).await.ok()?;
            (greeting.contains("QMP") && reply.contains("return")).then(|| Self(stream))
        })
        .await
    }

    /// Runs a command.
    ///
    /// # Errors
    /// What the peer refused.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Failure> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.0.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        loop {
            let mut reply = self.read().await;
            if let Some(error) = reply.get("error") {
                return Err(Failure::from(error));
            }
            if let Some(value) = reply.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    async fn read(&mut self) -> Value {
        let mut line = Vec::new();
        soon("the monitor's answer", self.0.read_until(b'\n', &mut line)).await.unwrap();
        assert!(!line.is_empty(), "the monitor went away");
        serde_json::from_slice(&line).unwrap()
    }
}
