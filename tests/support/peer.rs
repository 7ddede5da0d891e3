//! Peers that follow a script, for what no real one can be made to say.

use crate::{scratch::Scratch, until};
use serde_json::{Value, json};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinHandle,
};

/// What a script says to a command.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It succeeded.
    Return(Value),
    /// It failed: class and text.
    Error(&'static str, &'static str),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// Nothing.
    Silence,
    /// The connection ends.
    Close,
}

/// A server on a socket of its own that serves one client at a time, as QEMU and qemu-ga do.
#[derive(Debug)]
pub struct Peer {
    scratch: Scratch,
    lines: Arc<Mutex<Vec<String>>>,
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    server: JoinHandle<()>,
}

impl Peer {
    /// A monitor. `script` answers a command with its arguments; what it leaves is answered as a
    /// QEMU without machine would, as far as a bridge has to ask.
    pub fn monitor(script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static) -> Self {
        let capabilities = json!({ "version": VERSION.version(), "capabilities": ["oob"] });
        Self::start(json!({ "QMP": capabilities }).to_string() + "\r\n", script)
    }

    /// A guest agent.
    pub fn agent(script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static) -> Self {
        Self::start(String::new(), script)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(SOCKET)
    }

    /// The lines that arrived so far.
    pub fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Those with this command.
    pub fn lines(&self, command: &str) -> Vec<String> {
        let quoted = format!("\"{command}\"");
        self.all().into_iter().filter(|line| line.contains(&quoted)).collect()
    }

    /// Waits for `count` lines with this command.
    pub async fn received(&self, command: &str, count: usize) {
        let what = format!("{count} times {command}");
        until(&what, async || (self.lines(command).len() >= count).then_some(())).await;
    }

    /// Sends bytes unasked to the client.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        self.outbox.send(bytes.into()).unwrap();
    }

    /// Answers the last request with this command, which the script left without an answer.
    pub fn reply(&self, command: &str, value: Value) {
        let line = self.lines(command).pop().unwrap();
        let request: Value = serde_json::from_str(&line).unwrap();
        let bytes = encode(Answer::Return(value), command, request.get("id"));
        self.send(bytes.unwrap());
    }

    /// Sends an event to the client.
    pub fn event(&self, name: &str, data: Value) {
        let timestamp = json!({ "seconds": 1_700_000_000, "microseconds": 250_000 });
        let event = json!({ "timestamp": timestamp, "event": name, "data": data });
        self.send(event.to_string() + "\r\n");
    }

    fn start(
        greeting: String,
        script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let scratch = Scratch::new();
        let listener = UnixListener::bind(scratch.path(SOCKET)).unwrap();
        let lines = Arc::default();
        let (outbox, unasked) = mpsc::unbounded_channel();
        let mut session = Session { greeting, script, lines: Arc::clone(&lines), unasked };
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Its end, expected or not, is the client's business; the next one is served.
                let _ = session.serve(client).await;
            }
        });
        Self { scratch, lines, outbox, server }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const SOCKET: &str = "peer.sock";

/// A release that the bridge cannot know: nothing may depend on it.
const VERSION: Version = Version { major: 99 };

struct Version {
    major: u32,
}

impl Version {
    fn version(&self) -> Value {
        json!({ "qemu": { "major": self.major, "minor": 1, "micro": 2 }, "package": "" })
    }
}

struct Session<S> {
    greeting: String,
    script: S,
    lines: Arc<Mutex<Vec<String>>>,
    unasked: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl<S: Fn(&str, &Value) -> Option<Answer>> Session<S> {
    async fn serve(&mut self, client: UnixStream) -> io::Result<()> {
        let (read, mut write) = client.into_split();
        let mut read = BufReader::new(read);
        write.write_all(self.greeting.as_bytes()).await?;
        let mut line = Vec::new();
        loop {
            tokio::select! {
                count = read.read_until(b'\n', &mut line) => {
                    if count? == 0 {
                        return Ok(());
                    }
                    let Some(answer) = self.answer(&line) else { return Ok(()) };
                    line.clear();
                    write.write_all(&answer).await?;
                }
                Some(bytes) = self.unasked.recv() => write.write_all(&bytes).await?,
            }
        }
    }

    /// The bytes to answer with; `None` ends the connection.
    fn answer(&self, line: &[u8]) -> Option<Vec<u8>> {
        // QGA clients begin with 0xFF, which flushes the parser of the real agent.
        let text: Vec<u8> = line.iter().copied().filter(|&byte| byte != 0xFF).collect();
        let text = String::from_utf8(text).unwrap();
        self.lines.lock().unwrap().push(text.trim().to_owned());
        let Ok(request) = serde_json::from_str::<Value>(&text) else { return Some(Vec::new()) };
        let command = request.get("execute").or(request.get("exec-oob"))?.as_str()?;
        let arguments = request.get("arguments").cloned().unwrap_or(json!({}));
        let answer = (self.script)(command, &arguments);
        encode(answer.unwrap_or_else(|| usual(command, &arguments)), command, request.get("id"))
    }
}

fn encode(answer: Answer, command: &str, id: Option<&Value>) -> Option<Vec<u8>> {
    let mut reply = match answer {
        Answer::Return(value) => json!({ "return": value }),
        Answer::Error(class, desc) => json!({ "error": { "class": class, "desc": desc } }),
        Answer::Raw(bytes) => return Some(bytes),
        Answer::Silence => return Some(Vec::new()),
        Answer::Close => return None,
    };
    if let Some(id) = id {
        reply["id"] = id.clone();
    }
    let sentinel: &[u8] = if command == "guest-sync-delimited" { &[0xFF] } else { &[] };
    Some([sentinel, reply.to_string().as_bytes(), b"\n"].concat())
}

/// What any peer answers to the commands with which a bridge gets to know it.
fn usual(command: &str, arguments: &Value) -> Answer {
    Answer::Return(match command {
        "qmp_capabilities" => json!({}),
        "query-version" => VERSION.version(),
        "query-commands" => json!([{ "name": "query-commands" }, { "name": "query-version" }]),
        "query-status" => json!({ "status": "running", "running": true }),
        "guest-sync" | "guest-sync-delimited" => arguments["id"].clone(),
        "guest-ping" => json!({}),
        "guest-info" => {
            let ping = json!({ "name": "guest-ping", "enabled": true, "success-response": true });
            json!({ "version": "99.1.2", "supported_commands": [ping] })
        }
        _ => return Answer::Error("CommandNotFound", "The command is not in the script"),
    })
}
