//! The generated interfaces: a call becomes a request, the answer a reply.

use std::sync::Arc;

use zbus::message;

use crate::{
    endpoint::{Completion, NotSent, Protocol, Unknown},
    transcode::{
        self, Json, Part, Refused,
        shape::{Method, Shape},
    },
};

use super::{
    endpoint::{Choice, Endpoint},
    errors::Failure,
    gate::{Deed, Entrance},
    planted::planted,
    reply::Reply,
};

/// Answers a method of a generated interface.
pub(super) fn answer(
    entrance: Entrance<'_>,
    endpoint: &Arc<Endpoint>,
    method: &'static Method,
    body: &message::Body,
    reply: Reply,
) {
    let call = match decode(method, body) {
        Ok(call) => call,
        Err(failure) => return reply.fail(&failure),
    };
    let choice = Choice { timeout: call.timeout, oob: call.oob.unwrap_or(false) };
    let command = method.command;
    if endpoint.protocol() == Protocol::Qga {
        let arguments = Json::parse(&call.arguments).unwrap_or(Json::Null);
        if let "guest-sync" | "guest-sync-delimited" = command {
            let Some(Json::Int(id)) = arguments.get("id") else {
                return reply.fail(&Failure::invalid_args("argument `id` (x) is missing"));
            };
            let (id, deed) = (*id, Deed::command(endpoint, command, choice, 0));
            let endpoint = Arc::clone(endpoint);
            return entrance.declare(deed).pass(reply, move |reply| {
                endpoint.sync(id, choice, completion(reply, method.result));
            });
        }
        if command == "guest-file-read"
            && let Some(Json::Int(count)) = arguments.get("count")
            && let Err(failure) = fits_a_line(*count, endpoint.settings().limits.message)
        {
            return reply.fail(&failure);
        }
    }
    let deed = Deed::command(endpoint, command, choice, call.arguments.len());
    let endpoint = Arc::clone(endpoint);
    entrance.declare(deed).pass(reply, move |reply| {
        let completion = completion(reply, method.result);
        endpoint.submit(command, call.arguments, call.fd, choice, completion);
    });
}

/// Decodes the arguments that arrived.
pub(super) fn decode(
    method: &'static Method,
    body: &message::Body,
) -> Result<transcode::Call, Failure> {
    transcode::call(method, body).map_err(|refused| match refused {
        Refused::InvalidArgs(text) => Failure::invalid_args(&text),
        Refused::TooLarge(text) => Failure::not_sent(NotSent::TooLarge, &text),
    })
}

/// Completes a call with what the peer returns, as a value of this type; no type, no value.
pub(super) fn completion(reply: Reply, shape: Option<Shape>) -> Completion {
    reply.complete(move |reply, value| match shape {
        Some(shape) => respond(reply, shape, value),
        None => reply.send(&()),
    })
}

fn respond(reply: Reply, shape: Shape, value: &[u8]) {
    planted(value);
    match Json::parse(value) {
        Ok(value) => reply.value(&[Part { name: "result", shape, value }]),
        Err(error) => {
            let text = format!("the answer is not understood: {error}");
            reply.fail(&Failure::unknown(Unknown::BadReply, &text));
        }
    }
}

/// Bytes that an answer of `guest-file-read` can hold, which is base64 and has to fit one line of
/// the agent.
pub(super) fn longest_read(line: usize) -> usize {
    const MARGIN: usize = 1 << 10;
    (line - MARGIN) / 4 * 3
}

fn fits_a_line(count: i64, line: usize) -> Result<(), Failure> {
    let most = longest_read(line) as i64;
    if count <= most {
        return Ok(());
    }
    let text = format!(
        "`count` {count} makes an answer above the limit; read {most} or less, or call ReadFile of \
         org.qemu.QgaEndpoint, which gives any number of bytes through a descriptor"
    );
    Err(Failure::not_sent(NotSent::TooLarge, &text))
}
