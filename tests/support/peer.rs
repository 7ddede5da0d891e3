//! Peers that follow a script, for what no real one can be made to say.

use crate::{
    scratch::{self, Scratch},
    until,
};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
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
    /// The same some time later; nothing else is read meanwhile.
    Late(Duration, Box<Answer>),
    /// The same, a byte each so often; nothing else is read meanwhile.
    Drip(Duration, Box<Answer>),
    /// The same with this id in the place of the request's.
    Forged(Value, Box<Answer>),
    /// These bytes, and then the connection ends.
    Last(Vec<u8>),
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
    outbox: mpsc::UnboundedSender<Order>,
    restarts: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Peer {
    /// A monitor. `script` answers a command with its arguments; what it leaves is answered as a
    /// QEMU without machine would, as far as a bridge has to ask.
    pub fn monitor(script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static) -> Self {
        Self::greeting(Answer::Raw(greeting("").into_bytes()), script)
    }

    /// A monitor that greets like this.
    pub fn greeting(
        greeting: Answer,
        script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        Self::start(Turn::new(greeting, "", None), script)
    }

    /// A guest agent.
    pub fn agent(script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static) -> Self {
        Self::start(Turn::default(), script)
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

    /// Forgets the lines that arrived so far.
    pub fn forget(&self) {
        self.lines.lock().unwrap().clear();
    }

    /// Sends bytes unasked to the client, or to the next one if there is none.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        self.order(Order::Send(bytes.into().into()));
    }

    /// Sends a block many times, as fast as it is read; requests are answered in between.
    pub fn flood(&self, block: impl Into<Vec<u8>>, count: usize) {
        let block = Arc::<[u8]>::from(block.into());
        (0..count).for_each(|_| self.order(Order::Send(Arc::clone(&block))));
    }

    /// Waits, for as long as it takes, until everything unasked is sent.
    pub async fn drained(&self) {
        let (tell, told) = oneshot::channel();
        self.order(Order::Tell(tell));
        told.await.unwrap();
    }

    /// Neither reads nor writes for some time.
    pub fn stall(&self, time: Duration) {
        self.order(Order::Stall(time));
    }

    /// Ends the connection and stops listening, as a process that ends does; listens again after
    /// some time.
    pub fn restart(&self, after: Duration) {
        self.order(Order::Restart(after));
    }

    /// Answers the last request with this command, which the script left without an answer.
    pub fn reply(&self, command: &str, value: Value) {
        let line = self.lines(command).pop().unwrap();
        let request: Value = serde_json::from_str(&line).unwrap();
        self.send(Turn::new(Answer::Return(value), command, request.get("id")).bytes);
    }

    /// Counts the restarts, each before the connection ends.
    pub fn restarts(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.restarts)
    }

    /// Sends an event to the client.
    pub fn event(&self, name: &str, data: Value) {
        self.send(event(name, data));
    }

    fn order(&self, order: Order) {
        self.outbox.send(order).unwrap();
    }

    fn start(
        greeting: Turn,
        script: impl Fn(&str, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path(SOCKET);
        let mut listener = listen(&socket);
        let lines = Arc::default();
        let (outbox, unasked) = mpsc::unbounded_channel();
        let restarts = Arc::<AtomicUsize>::default();
        let mut session = Session {
            greeting,
            script,
            lines: Arc::clone(&lines),
            unasked,
            restarts: Arc::clone(&restarts),
        };
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Its end, expected or not, is the client's business; the next one is served.
                let Ok(End::Restart(after)) = session.serve(client).await else { continue };
                drop(listener);
                sleep(after).await;
                fs::remove_file(&socket).unwrap();
                listener = listen(&socket);
            }
        });
        Self { scratch, lines, outbox, restarts, server }
    }
}

fn listen(socket: &Path) -> UnixListener {
    let listener = scratch::listener(socket);
    listener.set_nonblocking(true).unwrap();
    UnixListener::from_std(listener).unwrap()
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The line with which a monitor greets; `package` is a part of its version.
pub fn greeting(package: &str) -> String {
    let version = json!({ "qemu": VERSION.version()["qemu"], "package": package });
    let greeting = json!({ "QMP": { "version": version, "capabilities": ["oob"] } });
    greeting.to_string() + "\r\n"
}

/// The line of an event.
pub fn event(name: &str, data: Value) -> String {
    let timestamp = json!({ "seconds": 1_700_000_000, "microseconds": 250_000 });
    json!({ "timestamp": timestamp, "event": name, "data": data }).to_string() + "\r\n"
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

/// What a peer does unasked.
enum Order {
    Send(Arc<[u8]>),
    Tell(oneshot::Sender<()>),
    Stall(Duration),
    Restart(Duration),
}

/// How a connection ended.
enum End {
    Closed,
    Restart(Duration),
}

struct Session<S> {
    greeting: Turn,
    script: S,
    lines: Arc<Mutex<Vec<String>>>,
    unasked: mpsc::UnboundedReceiver<Order>,
    restarts: Arc<AtomicUsize>,
}

impl<S: Fn(&str, &Value) -> Option<Answer>> Session<S> {
    async fn serve(&mut self, client: UnixStream) -> io::Result<End> {
        let (read, mut write) = client.into_split();
        let mut read = BufReader::new(read);
        self.greeting.take(&mut write).await;
        if self.greeting.ends {
            return Ok(End::Closed);
        }
        // What waited for a client comes before anything that it says is heard.
        while let Ok(order) = self.unasked.try_recv() {
            if let Some(end) = self.obey(order, &mut write).await {
                return Ok(end);
            }
        }
        let mut line = Vec::new();
        loop {
            tokio::select! {
                count = read.read_until(b'\n', &mut line) => {
                    if count? == 0 {
                        return Ok(End::Closed);
                    }
                    let turn = self.answer(&line);
                    line.clear();
                    turn.take(&mut write).await;
                    if turn.ends {
                        return Ok(End::Closed);
                    }
                }
                Some(order) = self.unasked.recv() => {
                    if let Some(end) = self.obey(order, &mut write).await {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Does what is to be done unasked, which may end the connection.
    async fn obey(&mut self, order: Order, write: &mut OwnedWriteHalf) -> Option<End> {
        match order {
            Order::Send(bytes) => drop(write.write_all(&bytes).await),
            Order::Tell(tell) => drop(tell.send(())),
            Order::Stall(time) => sleep(time).await,
            Order::Restart(after) => {
                self.restarts.fetch_add(1, Ordering::Relaxed);
                return Some(End::Restart(after));
            }
        }
        None
    }

    fn answer(&self, line: &[u8]) -> Turn {
        // QGA clients begin anew with 0xFF, which flushes the parser of the real agent.
        for text in line.split(|&byte| byte == 0xFF).filter(|text| !text.is_empty()) {
            let text = String::from_utf8(text.to_vec()).unwrap();
            self.lines.lock().unwrap().push(text.trim().to_owned());
        }
        let text = line.rsplit(|&byte| byte == 0xFF).next().unwrap_or_default();
        let Ok(request) = serde_json::from_slice::<Value>(text) else { return Turn::default() };
        let command = request.get("execute").or(request.get("exec-oob"));
        let command = command.and_then(Value::as_str).unwrap_or_default();
        let arguments = request.get("arguments").cloned().unwrap_or(json!({}));
        let answer = (self.script)(command, &arguments);
        let answer = answer.unwrap_or_else(|| usual(command, &arguments));
        Turn::new(answer, command, request.get("id"))
    }
}

/// What a peer does after a request.
#[derive(Default)]
struct Turn {
    after: Duration,
    /// Between two bytes.
    drip: Option<Duration>,
    bytes: Vec<u8>,
    ends: bool,
}

impl Turn {
    fn new(answer: Answer, command: &str, id: Option<&Value>) -> Self {
        let reply = match answer {
            Answer::Return(value) => json!({ "return": value }),
            Answer::Error(class, desc) => json!({ "error": { "class": class, "desc": desc } }),
            Answer::Raw(bytes) => return Self { bytes, ..Self::default() },
            Answer::Last(bytes) => return Self { bytes, ends: true, ..Self::default() },
            Answer::Late(after, answer) => {
                return Self { after, ..Self::new(*answer, command, id) };
            }
            Answer::Drip(pause, answer) => {
                return Self { drip: Some(pause), ..Self::new(*answer, command, id) };
            }
            Answer::Forged(id, answer) => return Self::new(*answer, command, Some(&id)),
            Answer::Silence => return Self::default(),
            Answer::Close => return Self { ends: true, ..Self::default() },
        };
        Self { bytes: encode(reply, command, id), ..Self::default() }
    }

    /// To write to a client that has gone fails; what it said before is still to be read.
    async fn take(&self, write: &mut OwnedWriteHalf) {
        if !self.after.is_zero() {
            sleep(self.after).await;
        }
        let size = if self.drip.is_some() { 1 } else { self.bytes.len().max(1) };
        for piece in self.bytes.chunks(size) {
            if write.write_all(piece).await.is_err() {
                return;
            }
            if let Some(pause) = self.drip {
                sleep(pause).await;
            }
        }
    }
}

fn encode(mut reply: Value, command: &str, id: Option<&Value>) -> Vec<u8> {
    if let Some(id) = id {
        reply["id"] = id.clone();
    }
    let sentinel: &[u8] = if command == "guest-sync-delimited" { &[0xFF] } else { &[] };
    [sentinel, reply.to_string().as_bytes(), b"\n"].concat()
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
