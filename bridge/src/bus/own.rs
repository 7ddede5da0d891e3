//! The endpoints' own interfaces: `Call`, `CallAndWait`, `Execute` and others.

use std::sync::Arc;

use zbus::message;

use crate::{
    endpoint::Completion,
    transcode::{
        Json, Timeout,
        shape::{Method, Shape},
    },
};

use super::{
    bulk::{self, Order},
    endpoint::{Choice, Endpoint},
    errors::Failure,
    gate::{Deed, Entrance},
    qapi,
    reply::Reply,
    seen::Filter,
    subscribe,
};

/// Answers a method of an endpoint's own interface.
pub(super) fn answer(
    entrance: Entrance<'_>,
    endpoint: &Arc<Endpoint>,
    method: &'static Method,
    body: &message::Body,
    reply: Reply,
) {
    let (work, choice) = match understand(method, body) {
        Ok(understood) => understood,
        Err(failure) => return reply.fail(&failure),
    };
    let deed = match &work {
        Work::Run { command, arguments } | Work::RunAndWait { command, arguments, .. } => {
            Deed::command(endpoint, command, choice, arguments.len())
        }
        Work::Execute { command, arguments, .. } => {
            Deed::command(endpoint, command, choice, arguments.len()).raw()
        }
        Work::Order(order) => {
            let (first, second) = order.commands();
            Deed::command(endpoint, first, choice, order.size()).and(second)
        }
        Work::EventsSince(_) | Work::Subscribe(_) | Work::Unsubscribe(_) => {
            Deed::method(Some(endpoint), method)
        }
    };
    let (passage, endpoint) = (entrance.declare(deed), Arc::clone(endpoint));
    passage.pass(reply, move |reply| work.perform(&endpoint, choice, reply));
}

/// What a call asks for.
enum Work {
    Run { command: String, arguments: Vec<u8> },
    RunAndWait { command: String, arguments: Vec<u8>, filter: Filter },
    Execute { command: String, arguments: Vec<u8>, id: Option<Vec<u8>> },
    Order(Order),
    EventsSince(u64),
    Subscribe(Filter),
    Unsubscribe(u64),
}

fn understand(method: &'static Method, body: &message::Body) -> Result<(Work, Choice), Failure> {
    let call = qapi::decode(method, body)?;
    let given = Json::parse(&call.arguments);
    let given = given.map_err(|error| Failure::invalid_args(&error.to_string()))?;
    let choice = Choice { timeout: call.timeout, oob: call.oob.unwrap_or(false) };
    if let Some(order) = Order::understand(method, &given, call.fd) {
        return Ok((Work::Order(order?), choice));
    }
    let work = match method.name {
        "Call" => {
            let (command, arguments) = command(&given)?;
            Work::Run { command, arguments }
        }
        "CallAndWait" => {
            let (command, arguments) = command(&given)?;
            let filter = filter(&given)?;
            if filter.events.is_empty() {
                return Err(Failure::invalid_args("argument `events` (as) names no event"));
            }
            Work::RunAndWait { command, arguments, filter }
        }
        "EventsSince" => Work::EventsSince(number(&given, "sequence")?),
        "Subscribe" => Work::Subscribe(filter(&given)?),
        "Unsubscribe" => Work::Unsubscribe(number(&given, "handle")?),
        _ => return execute(&given),
    };
    Ok((work, choice))
}

impl Work {
    fn perform(self, endpoint: &Arc<Endpoint>, choice: Choice, reply: Reply) {
        match self {
            Self::Run { command, arguments } => {
                let shape = Some(variant(endpoint, &command));
                endpoint.submit(command, arguments, None, choice, qapi::completion(reply, shape));
            }
            Self::RunAndWait { command, arguments, filter } => {
                let timeout = endpoint.deadline(&command, arguments.len(), choice);
                let shape = variant(endpoint, &command);
                let completion = endpoint.waiters().add(reply, filter, shape, timeout);
                endpoint.submit(command, arguments, None, choice, completion);
            }
            Self::Execute { command, arguments, id } => {
                endpoint.submit(command, arguments, None, choice, as_text(reply, id));
            }
            Self::Order(order) => bulk::start(endpoint, order, choice.timeout, reply),
            Self::EventsSince(sequence) => subscribe::events_since(endpoint, sequence, reply),
            Self::Subscribe(filter) => subscribe::subscribe(endpoint, filter, reply),
            Self::Unsubscribe(handle) => subscribe::unsubscribe(endpoint, handle, reply),
        }
    }
}

/// Completes with the text of the whole answer.
fn as_text(reply: Reply, id: Option<Vec<u8>>) -> Completion {
    reply.complete(move |reply, value| {
        let mut text = b"{\"return\": ".to_vec();
        text.extend_from_slice(value);
        if let Some(id) = &id {
            text.extend_from_slice(b", \"id\": ");
            text.extend_from_slice(id);
        }
        text.push(b'}');
        let text = String::from_utf8_lossy(&text).replace('\0', "\u{fffd}");
        reply.send(&text);
    })
}

/// Reads a request as a client of the socket would write it.
fn execute(given: &Json<'_>) -> Result<(Work, Choice), Failure> {
    let bad = |text: &str| Failure::invalid_args(&format!("argument `json`: {text}"));
    let Some(Json::Str(text)) = given.get("json") else {
        return Err(Failure::invalid_args("argument `json` (s) is missing"));
    };
    let json = Json::parse(text.as_bytes()).map_err(|error| bad(&error.to_string()))?;
    let Json::Object(members) = &json else {
        return Err(bad("a request is an object with `execute`"));
    };
    let (mut name, mut arguments, mut id) = (None, Vec::new(), None);
    for (key, value) in members {
        match (key.as_ref(), value) {
            ("execute" | "exec-oob", Json::Str(command)) if name.is_none() => {
                name = Some((offered(command)?.to_owned(), key == "exec-oob"));
            }
            ("arguments", Json::Object(_)) => arguments = written(value)?,
            ("id", _) => id = Some(written(value)?),
            _ => return Err(bad(&format!("member `{key}` is not allowed or of a wrong type"))),
        }
    }
    let (command, oob) = name.ok_or_else(|| bad("`execute` is missing"))?;
    Ok((Work::Execute { command, arguments, id }, Choice { timeout: Timeout::Default, oob }))
}

/// The command and its arguments, as text for the peer.
fn command(given: &Json<'_>) -> Result<(String, Vec<u8>), Failure> {
    let Some(Json::Str(command)) = given.get("command") else {
        return Err(Failure::invalid_args("argument `command` (s) is missing"));
    };
    let arguments = match given.get("arguments") {
        Some(arguments @ Json::Object(members)) if !members.is_empty() => written(arguments)?,
        _ => Vec::new(),
    };
    Ok((offered(command)?.to_owned(), arguments))
}

/// Commands that would change the bridge's own session with the peer are its own.
fn offered(command: &str) -> Result<&str, Failure> {
    match command {
        "qmp_capabilities" | "guest-sync" | "guest-sync-delimited" => {
            let text = format!("`{command}` belongs to the bridge, which has done it");
            Err(Failure::invalid_args(&text))
        }
        _ => Ok(command),
    }
}

fn number(given: &Json<'_>, name: &str) -> Result<u64, Failure> {
    let number = given.get(name).and_then(Json::as_integer);
    let number = number.and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Failure::invalid_args(&format!("argument `{name}` (t) is missing")))
}

fn filter(given: &Json<'_>) -> Result<Filter, Failure> {
    let Some(Json::List(list)) = given.get("events") else {
        return Err(Failure::invalid_args("argument `events` (as) is missing"));
    };
    let events: Vec<_> = list
        .iter()
        .filter_map(|event| match event {
            Json::Str(name) => Some(name.to_string()),
            _ => None,
        })
        .collect();
    let data = given.get("match").map_or(Ok(b"{}".to_vec()), written)?;
    Ok(Filter { events, data })
}

fn written(json: &Json<'_>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    json.write(&mut text).map_err(|error| Failure::invalid_args(&error.to_string()))?;
    Ok(text)
}

/// `v` that holds the result of a command, typed if the command is known.
fn variant(endpoint: &Endpoint, command: &str) -> Shape {
    match endpoint.qapi().command(command) {
        Some(Method { result: Some(shape), .. }) => Shape::Alternate(std::slice::from_ref(shape)),
        _ => Shape::Any,
    }
}
