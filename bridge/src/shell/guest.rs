//! Files and programs of a guest, by the commands of its agent.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    Members,
    fault::Fault,
    machine::{Endpoint, Manner},
};

/// Bytes that are moved at once: beyond it a call takes longer, and all together no less.
pub(super) const PIECE: usize = 1 << 20;

/// Between two looks at a program: at first, and at most.
const SOON: Duration = Duration::from_millis(5);
const LATER: Duration = Duration::from_millis(500);

/// How long an agent may be busy or away while its program is waited for.
const AWAY: Duration = Duration::from_secs(30);

/// Bytes of each stream that an agent keeps.
const KEPT: usize = 16 << 20;

/// An open file. It stays open in the guest until [`close`](Self::close).
#[derive(Debug)]
pub(super) struct File<'a> {
    agent: &'a Endpoint,
    handle: Value,
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Running<'a> {
    agent: &'a Endpoint,
    pub(super) pid: Value,
}

/// A program that has ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Its exit code, or 128 and the signal.
    pub(super) code: u8,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    /// There was more output than the agent keeps.
    pub(super) cut: bool,
}

impl<'a> File<'a> {
    /// Opens it; `mode` is that of fopen(3).
    pub(super) async fn open(agent: &'a Endpoint, path: &str, mode: &str) -> Result<Self, Fault> {
        let handle = run(agent, "guest-file-open", json!({ "path": path, "mode": mode })).await?;
        Ok(Self { agent, handle })
    }

    /// Bytes of it, where it has an end that can be found.
    pub(super) async fn size(&self) -> Option<u64> {
        let end = self.seek("end").await.ok()?;
        self.seek("set").await.ok()?;
        end["position"].as_u64()
    }

    async fn seek(&self, whence: &str) -> Result<Value, Fault> {
        let arguments = json!({ "handle": self.handle, "offset": 0, "whence": whence });
        run(self.agent, "guest-file-seek", arguments).await
    }

    /// The next bytes; none at the end.
    pub(super) async fn read(&self) -> Result<Vec<u8>, Fault> {
        let arguments = json!({ "handle": self.handle, "count": PIECE });
        let read = run(self.agent, "guest-file-read", arguments).await?;
        decoded(&read["buf-b64"])
    }

    /// Writes all of them.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let arguments = json!({ "handle": self.handle, "buf-b64": STANDARD.encode(bytes) });
            let written = run(self.agent, "guest-file-write", arguments).await?;
            let count = written["count"].as_u64().and_then(|it| usize::try_from(it).ok());
            match count {
                Some(count @ 1..) if count <= bytes.len() => bytes = &bytes[count..],
                _ => return Err(Fault::odd("the agent does not say how much it wrote")),
            }
        }
        Ok(())
    }

    /// Lets go of it; what was written is there then.
    pub(super) async fn close(self) -> Result<(), Fault> {
        run(self.agent, "guest-file-close", json!({ "handle": self.handle })).await.map(drop)
    }
}

impl<'a> Running<'a> {
    /// Starts a program.
    pub(super) async fn start(
        agent: &'a Endpoint,
        words: &[String],
        environment: &[String],
        input: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let (path, arguments) = words.split_first().ok_or_else(|| Fault::usage("no program"))?;
        let mut exec = json!({ "path": path, "arg": arguments, "capture-output": true });
        if !environment.is_empty() {
            exec["env"] = environment.into();
        }
        if let Some(input) = input {
            exec["input-data"] = STANDARD.encode(input).into();
        }
        let mut started = run(agent, "guest-exec", exec).await?;
        Ok(Self { agent, pid: started["pid"].take() })
    }

    /// Waits for its end.
    pub(super) async fn end(&self) -> Result<Ended, Fault> {
        let mut pause = SOON;
        let mut heard = Instant::now();
        loop {
            let status = run(self.agent, "guest-exec-status", json!({ "pid": self.pid })).await;
            match status {
                Ok(status) if status["exited"] == true => return Ended::read(&status),
                Ok(_) => heard = Instant::now(),
                // Nothing was sent, so the status is still there to be asked for.
                Err(fault) if fault.code == 4 && heard.elapsed() < AWAY => {}
                Err(fault) => return Err(fault),
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LATER);
        }
    }
}

impl Ended {
    fn read(status: &Value) -> Result<Self, Fault> {
        let (out, err) = (decoded(&status["out-data"])?, decoded(&status["err-data"])?);
        let least =
            |number: i64, more: i64| u8::try_from(number.saturating_add(more)).unwrap_or(u8::MAX);
        let code = match (status["exitcode"].as_i64(), status["signal"].as_i64()) {
            (_, Some(signal)) => least(signal, 128),
            (Some(code), None) => least(code, 0),
            (None, None) => u8::MAX,
        };
        // Agents before 10.1 say false of what they cut.
        let cut = |key: &str, bytes: &[u8]| {
            status.get(key).is_some_and(|it| it == true || bytes.len() >= KEPT)
        };
        let cut = cut("out-truncated", &out) || cut("err-truncated", &err);
        Ok(Self { code, out, err, cut })
    }
}

async fn run(agent: &Endpoint, command: &str, arguments: Value) -> Result<Value, Fault> {
    let arguments = match arguments {
        Value::Object(members) => members,
        _ => Members::new(),
    };
    agent.run(command, &arguments, Manner::default()).await
}

fn decoded(text: &Value) -> Result<Vec<u8>, Fault> {
    let text = text.as_str().unwrap_or_default();
    STANDARD
        .decode(text)
        .map_err(|error| Fault::odd(format!("the agent's data are no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_with_its_code_or_its_signal() {
        let code = |status: Value| Ended::read(&status).unwrap().code;
        assert_eq!(code(json!({"exited": true, "exitcode": 7})), 7);
        assert_eq!(code(json!({"exited": true, "signal": 9})), 137);
        assert_eq!(code(json!({"exited": true, "exitcode": 0xC000_0005_u32})), 255);
        assert_eq!(code(json!({"exited": true, "exitcode": -1})), 255);
        let ended = Ended::read(&json!({"out-data": "aGk=", "out-truncated": true})).unwrap();
        assert!(ended.cut && ended.out == b"hi" && ended.err.is_empty());
        assert!(Ended::read(&json!({"out-data": "?"})).is_err());
    }
}
