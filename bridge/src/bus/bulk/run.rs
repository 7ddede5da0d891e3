//! `Run`: a program of the guest, from its start to its end.

use std::{
    borrow::Cow,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    select,
    time::{Instant, sleep},
};

use crate::{
    bus::{errors::Failure, reply::Reply},
    endpoint::Unknown,
    transcode::{Json, Part, shape::Shape},
};

use super::{
    agent::{Agent, Trouble},
    owned::Kind,
};

/// Between two questions whether the program has ended: a quarter of the time that it runs, within
/// these bounds. So an end is seen after a quarter more at most, and a long wait costs the agent
/// next to nothing.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// For how long an agent may be out of reach before its answer is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// A program to be run: the arguments of its command.
#[derive(Debug)]
pub(in crate::bus) struct Run {
    arguments: Vec<u8>,
}

impl Run {
    /// Understands a call.
    ///
    /// # Errors
    ///
    /// Which argument is wrong.
    pub(super) fn understand(given: &Json<'_>) -> Result<Self, Failure> {
        let Some(Json::List(argv)) = given.get("argv") else {
            return Err(Failure::invalid_args("argument `argv` (as) is missing"));
        };
        let [path, arguments @ ..] = &argv[..] else {
            return Err(Failure::invalid_args("argument `argv` (as) is empty; name a program"));
        };
        let mut members = vec![
            ("path", path.clone()),
            ("arg", Json::List(arguments.to_vec())),
            ("capture-output", Json::Bool(true)),
        ];
        let optional = [("env", "env"), ("input", "input-data")];
        members.extend(
            optional.iter().filter_map(|(key, name)| Some((*name, given.get(key)?.clone()))),
        );
        let members = members.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let mut arguments = Vec::new();
        let written = Json::Object(members).write(&mut arguments);
        written.map_err(|why| Failure::invalid_args(&why.to_string()))?;
        Ok(Self { arguments })
    }

    /// Bytes of what the agent is sent.
    pub(in crate::bus) fn size(&self) -> usize {
        self.arguments.len()
    }

    /// Runs it, and answers how it ended and what it said.
    pub(super) async fn perform(self, agent: Agent, reply: Reply) {
        let read = |value: &[u8]| {
            let told: Result<Started, _> = serde_json::from_slice(value);
            told.map(|started| started.pid).map_err(|error| error.to_string())
        };
        let mut starting = pin!(agent.begin("guest-exec", self.arguments, read));
        let pid = select! {
            biased;
            started = &mut starting => match started {
                Ok(pid) => pid,
                Err(trouble) => return reply.fail(&trouble.first()),
            },
            failure = agent.ended() => return reply.fail(&failure),
        };
        let _owned = agent.own(Kind::Program, pid);
        let asker = Asker(Arc::new(Mutex::new(Some(reply))));
        let failure = select! {
            biased;
            ended = wait(&agent, pid, &asker) => match ended {
                Ok(()) => return,
                Err(failure) => failure,
            },
            failure = agent.ended() => {
                let text = format!("{}; the program runs on as pid {pid}", failure.text);
                Failure::new(failure.name, &text)
            }
        };
        if let Some(reply) = asker.take() {
            reply.fail(&failure);
        }
    }
}

/// Who waits for the end. The answer is given where the endpoint read it: it may take megabytes.
#[derive(Clone, Debug)]
struct Asker(Arc<Mutex<Option<Reply>>>);

impl Asker {
    fn take(&self) -> Option<Reply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Waits for the end of a program, and answers. An agent tells it once, so an answer that was lost is not asked
/// for again for ever; one that is only out of reach is.
async fn wait(agent: &Agent, pid: i64, asker: &Asker) -> Result<(), Failure> {
    let (start, done) = (Instant::now(), format!("the program was started as pid {pid}"));
    let mut lost: Option<(Instant, Trouble)> = None;
    loop {
        sleep((start.elapsed() / 4).clamp(PAUSE.0, PAUSE.1)).await;
        let arguments = format!("{{\"pid\":{pid}}}").into_bytes();
        let asker = asker.clone();
        let told = agent.run("guest-exec-status", arguments, move |value| tell(value, &asker));
        match (told.await, lost.take()) {
            (Ok(true), _) => return Ok(()),
            (Ok(false), _) => {}
            // It knows nothing of the program any more: the answer before was the one.
            (Err(Trouble::Peer { .. }), Some((_, trouble))) => return Err(trouble.later(&done)),
            (Err(trouble @ Trouble::Peer { .. }), None) => return Err(trouble.later(&done)),
            (Err(trouble), before) => {
                let since = before.map_or_else(Instant::now, |(since, _)| since);
                if since.elapsed() > PATIENCE {
                    return Err(trouble.later(&done));
                }
                lost = Some((since, trouble));
            }
        }
    }
}

#[derive(Deserialize)]
struct Started {
    pid: i64,
}

/// A program as the agent tells of it; the output is base64.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status<'a> {
    exited: bool,
    exitcode: Option<i64>,
    signal: Option<i64>,
    #[serde(borrow, default)]
    out_data: Cow<'a, str>,
    #[serde(borrow, default)]
    err_data: Cow<'a, str>,
    #[serde(default)]
    out_truncated: bool,
    #[serde(default)]
    err_truncated: bool,
}

/// Answers if the program has ended; whether it has.
fn tell(value: &[u8], asker: &Asker) -> Result<bool, String> {
    let status: Status<'_> = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    if !status.exited {
        return Ok(false);
    }
    let code = status.exitcode.or(status.signal.map(i64::saturating_neg));
    let code = code.ok_or("neither exit code nor signal")?;
    let Some(reply) = asker.take() else { return Ok(true) };
    if status.out_truncated || status.err_truncated {
        let text = format!("the program ended with {code}; the agent kept a part of its output");
        reply.fail(&Failure::unknown(Unknown::ReplyTooLarge, &text));
    } else {
        reply.value(&[
            Part { name: "exitcode", shape: Shape::Int32, value: Json::Int(code) },
            Part { name: "out", shape: Shape::Bytes, value: Json::Str(status.out_data) },
            Part { name: "err", shape: Shape::Bytes, value: Json::Str(status.err_data) },
        ]);
    }
    Ok(true)
}
