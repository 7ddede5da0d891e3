//! The endpoints' own interfaces: `Call`, `CallAndWait`, `Execute`.

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
    endpoint::{Choice, Endpoint},
    errors::{Failure, standard},
    qapi,
    reply::Reply,
    seen::Filter,
    subscribe,
};

/// Answers a method of an endpoint's own interface.
pub(super) fn answer(
    endpoint: &Arc<Endpoint>,
    method: &'static Method,
    body: &message::Body,
    reply: Reply,
) {
    let call = match qapi::decode(method, body) {
        Ok(call) => call,
        Err(failure) => return reply.fail(&failure),
    };
    let choice = Choice { timeout: call.timeout, oob: call.oob.unwrap_or(false) };
    let arguments = match Json::parse(&call.arguments) {
        Ok(arguments) => arguments,
        Err(error) => return reply.fail(&Failure::invalid_args(&error.to_string())),
    };
    match method.name {
        "Call" => run(endpoint, &arguments, choice, reply),
        "CallAndWait" => run_and_wait(endpoint, &arguments, choice, reply),
        "EventsSince" => match number(&arguments, "sequence") {
            Ok(sequence) => subscribe::events_since(endpoint, sequence, reply),
            Err(failure) => reply.fail(&failure),
        },
        "Subscribe" => match filter(&arguments) {
            Ok(filter) => subscribe::subscribe(endpoint, filter, reply),
            Err(failure) => reply.fail(&failure),
        },
        "Unsubscribe" => match number(&arguments, "handle") {
            Ok(handle) => subscribe::unsubscribe(endpoint, handle, reply),
            Err(failure) => reply.fail(&failure),
        },
        _ => execute(endpoint, &arguments, reply),
    }
}

fn run(endpoint: &Arc<Endpoint>, given: &Json<'_>, choice: Choice, reply: Reply) {
    match command(given) {
        Ok((command, arguments)) => {
            let shape = Some(variant(endpoint, command));
            endpoint.submit(command, arguments, None, choice, qapi::completion(reply, shape));
        }
        Err(failure) => reply.fail(&failure),
    }
}

fn run_and_wait(endpoint: &Arc<Endpoint>, given: &Json<'_>, choice: Choice, reply: Reply) {
    let (command, arguments) = match command(given) {
        Ok(found) => found,
        Err(failure) => return reply.fail(&failure),
    };
    let filter = match filter(given) {
        Ok(filter) if filter.events.is_empty() => {
            let text = "argument `events` (as) names no event";
            return reply.fail(&Failure::invalid_args(text));
        }
        Ok(filter) => filter,
        Err(failure) => return reply.fail(&failure),
    };
    let timeout = endpoint.deadline(command, arguments.len(), choice);
    let completion = endpoint.waiters().add(reply, filter, variant(endpoint, command), timeout);
    endpoint.submit(command, arguments, None, choice, completion);
}

fn execute(endpoint: &Arc<Endpoint>, given: &Json<'_>, reply: Reply) {
    if !endpoint.executes() {
        let text = "Execute is off on the system bus; use the typed methods or Call";
        return reply.fail(&Failure::new(standard::ACCESS_DENIED, text));
    }
    let Some(Json::Str(text)) = given.get("json") else {
        return reply.fail(&Failure::invalid_args("argument `json` (s) is missing"));
    };
    match request(text) {
        Ok((command, arguments, id, oob)) => {
            let choice = Choice { timeout: Timeout::Default, oob };
            endpoint.submit(&command, arguments, None, choice, as_text(reply, id));
        }
        Err(failure) => reply.fail(&failure),
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

type Request = (String, Vec<u8>, Option<Vec<u8>>, bool);

/// Reads a request as a client of the socket would write it.
fn request(text: &str) -> Result<Request, Failure> {
    let bad = |text: &str| Failure::invalid_args(&format!("argument `json`: {text}"));
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
    Ok((command, arguments, id, oob))
}

/// The command and its arguments, as text for the peer.
fn command<'a>(given: &'a Json<'_>) -> Result<(&'a str, Vec<u8>), Failure> {
    let Some(Json::Str(command)) = given.get("command") else {
        return Err(Failure::invalid_args("argument `command` (s) is missing"));
    };
    let arguments = match given.get("arguments") {
        Some(arguments @ Json::Object(members)) if !members.is_empty() => written(arguments)?,
        _ => Vec::new(),
    };
    Ok((offered(command)?, arguments))
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
