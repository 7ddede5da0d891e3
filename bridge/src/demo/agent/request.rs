//! One request: what it must look like, and the line that answers it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{arguments::Arguments, commands::Machine, error::Error, frame::FrameError};

/// The bytes that answer one frame of a client, line feed included.
pub(super) fn answer(frame: Result<Value, FrameError>, machine: &mut Machine) -> Vec<u8> {
    let mut id = None;
    let mut delimited = false;
    let result = frame
        .map_err(|error| Error::Malformed(error.to_string()))
        .and_then(|value| Request::take(value, &mut id))
        .and_then(|request| {
            let result = machine.execute(&request.command, request.arguments);
            delimited = result.is_ok() && request.command == "guest-sync-delimited";
            result
        });
    let mut line = if delimited { vec![0xFF] } else { Vec::new() };
    line.extend(Reply::new(result, id).to_line());
    line
}

struct Request {
    command: String,
    arguments: Arguments,
}

impl Request {
    /// Stores the id outside of the result: a request that is refused has one too.
    fn take(value: Value, id: &mut Option<Value>) -> Result<Self, Error> {
        let Value::Object(mut members) = value else {
            return Err(Error::Malformed("a request is a JSON object".into()));
        };
        *id = members.remove("id");
        let command = match members.remove("execute") {
            Some(Value::String(command)) => command,
            Some(_) => return Err(Error::Malformed("'execute' must be a string".into())),
            None => return Err(Error::Malformed("the request has no 'execute'".into())),
        };
        let arguments = match members.remove("arguments") {
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(Error::Malformed("'arguments' must be an object".into())),
            None => Map::new(),
        };
        match members.keys().next() {
            Some(name) => Err(Error::Malformed(format!("a request has no member '{name}'"))),
            None => Ok(Self { command, arguments: Arguments::new(arguments) }),
        }
    }
}

#[derive(Serialize)]
struct Reply {
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
}

#[derive(Serialize)]
struct Refusal {
    class: &'static str,
    desc: String,
}

impl Reply {
    fn new(result: Result<Value, Error>, id: Option<Value>) -> Self {
        match result {
            Ok(value) => Self { value: Some(value), error: None, id },
            Err(error) => {
                let refusal = Refusal { class: error.class(), desc: error.to_string() };
                Self { value: None, error: Some(refusal), id }
            }
        }
    }

    fn to_line(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys always serialise; an empty line is no reply,
        // so a client would time out rather than take a wrong answer.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(request: Value) -> Value {
        let line = answer(Ok(request), &mut Machine::default());
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn id_comes_back_with_answers_and_errors() {
        assert_eq!(
            ask(json!({"execute": "guest-ping", "id": null})),
            json!({"return": {}, "id": null})
        );
        let refused = ask(json!({"execute": "guest-ping", "id": [1], "x": 0}));
        assert_eq!(refused["id"], json!([1]));
        assert_eq!(refused["error"]["class"], "GenericError");
    }

    #[test]
    fn malformed_requests_say_what_is_wrong() {
        let cases = [
            (json!([]), "object"),
            (json!({}), "'execute'"),
            (json!({"execute": 1}), "'execute'"),
            (json!({"execute": "guest-ping", "arguments": null}), "'arguments'"),
            (json!({"execute": "guest-ping", "arguments": {"a": 1}}), "'a'"),
            (json!({"execute": "guest-ping", "colour": 1}), "'colour'"),
        ];
        for (request, word) in cases {
            let reply = ask(request.clone());
            let desc = reply["error"]["desc"].as_str().unwrap();
            assert!(desc.contains(word), "{request}: {desc}");
        }
    }

    #[test]
    fn unknown_command_has_its_class() {
        assert_eq!(ask(json!({"execute": "guest-nope"}))["error"]["class"], "CommandNotFound");
    }

    #[test]
    fn only_a_delimited_sync_that_worked_is_delimited() {
        let mut machine = Machine::default();
        let mut first = |command: &str, id: Value| {
            let request = json!({"execute": command, "arguments": {"id": id}});
            answer(Ok(request), &mut machine)[0]
        };
        assert_eq!(first("guest-sync-delimited", json!(7)), 0xFF);
        assert_eq!(first("guest-sync-delimited", json!("7")), b'{');
        assert_eq!(first("guest-sync", json!(7)), b'{');
    }
}
