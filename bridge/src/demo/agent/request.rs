//! One request: what it must look like, and the line that answers it.

use qapi_dbus_types::{Members, Refusal, Request, qga};
use serde::Serialize;
use serde_json::Value;

use super::{commands::Machine, error::Error, frame::FrameError};

/// The bytes that answer one frame of a client, line feed included.
pub(super) async fn answer(frame: Result<Value, FrameError>, machine: &Machine) -> Vec<u8> {
    let mut id = None;
    let request = frame
        .map_err(|error| Error::Malformed(error.to_string()))
        .and_then(|value| read(value, &mut id));
    let (delimited, result) = match request {
        Ok(request) => {
            let delimited = request.command == "guest-sync-delimited";
            (delimited, qga::dispatch(machine, request).await)
        }
        Err(error) => (false, Err(error.into())),
    };
    let mut line = if delimited && result.is_ok() { vec![0xFF] } else { Vec::new() };
    line.extend(Reply::new(result, id).to_line());
    line
}

/// Stores the id outside of the result: a request that is refused has one too.
fn read(value: Value, id: &mut Option<Value>) -> Result<Request, Error> {
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
        None => Members::new(),
    };
    match members.keys().next() {
        Some(name) => Err(Error::Malformed(format!("a request has no member '{name}'"))),
        None => Ok(Request::new(command, arguments)),
    }
}

#[derive(Serialize)]
struct Reply {
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
}

#[derive(Serialize)]
struct Failure {
    class: String,
    desc: String,
}

impl Reply {
    fn new(result: Result<Value, Refusal>, id: Option<Value>) -> Self {
        match result {
            Ok(value) => Self { value: Some(value), error: None, id },
            Err(Refusal { class, desc }) => {
                Self { value: None, error: Some(Failure { class, desc }), id }
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

    async fn ask(request: Value) -> Value {
        let line = answer(Ok(request), &Machine::default()).await;
        serde_json::from_slice(&line).unwrap()
    }

    #[tokio::test]
    async fn id_comes_back_with_answers_and_errors() {
        assert_eq!(
            ask(json!({"execute": "guest-ping", "id": null})).await,
            json!({"return": {}, "id": null})
        );
        let refused = ask(json!({"execute": "guest-ping", "id": [1], "x": 0})).await;
        assert_eq!(refused["id"], json!([1]));
        assert_eq!(refused["error"]["class"], "GenericError");
    }

    #[tokio::test]
    async fn malformed_requests_say_what_is_wrong() {
        let cases = [
            (json!([]), "object"),
            (json!({}), "'execute'"),
            (json!({"execute": 1}), "'execute'"),
            (json!({"execute": "guest-ping", "arguments": null}), "'arguments'"),
            (json!({"execute": "guest-ping", "arguments": {"a": 1}}), "'a'"),
            (json!({"execute": "guest-ping", "colour": 1}), "'colour'"),
        ];
        for (request, word) in cases {
            let reply = ask(request.clone()).await;
            let desc = reply["error"]["desc"].as_str().unwrap();
            assert!(desc.contains(word), "{request}: {desc}");
        }
    }

    #[tokio::test]
    async fn unknown_command_has_its_class() {
        let reply = ask(json!({"execute": "guest-nope"})).await;
        assert_eq!(reply["error"]["class"], "CommandNotFound");
    }

    #[tokio::test]
    async fn only_a_delimited_sync_that_worked_is_delimited() {
        let machine = Machine::default();
        let first = async |command: &str, id: Value| {
            let request = json!({"execute": command, "arguments": {"id": id}});
            answer(Ok(request), &machine).await[0]
        };
        assert_eq!(first("guest-sync-delimited", json!(7)).await, 0xFF);
        assert_eq!(first("guest-sync-delimited", json!("7")).await, b'{');
        assert_eq!(first("guest-sync", json!(7)).await, b'{');
    }
}
