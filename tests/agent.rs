//! Commands of a real guest agent.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, Client},
    json::dictionary,
    on_each_bus, until,
};
use serde_json::{Value, json};
use std::fs;

on_each_bus!(
    a_file_is_written_and_read,
    a_file_opens_with_and_without_options,
    a_program_runs_and_tells_its_status,
    an_error_keeps_class_and_text,
    a_command_without_arguments_answers,
);

async fn a_file_is_written_and_read(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let path = agent.path("file");
    let path = path.to_str().unwrap();
    let handle = open(&client, path, json!({ "mode": "w+" })).await;
    let text = "aGVsbG8gd29ybGQ=";
    let written = client.call(AGENT, "GuestFileWrite", &(handle, text)).await.unwrap();
    assert_eq!(written, json!({ "count": 11, "eof": false }));
    assert_eq!(client.call(AGENT, "GuestFileFlush", &handle).await.unwrap(), Value::Null);
    assert_eq!(fs::read_to_string(path).unwrap(), "hello world");
    let whence = zbus::Variant::from("set");
    let place = client.call(AGENT, "GuestFileSeek", &(handle, 6_i64, whence)).await.unwrap();
    assert_eq!(place, json!({ "position": 6, "eof": false }));
    let options = dictionary(json!({ "count": 100 }));
    let read = client.call(AGENT, "GuestFileRead", &(handle, options)).await.unwrap();
    assert_eq!(read, json!({ "count": 5, "buf-b64": "d29ybGQ=", "eof": true }));
    assert_eq!(client.call(AGENT, "GuestFileClose", &handle).await.unwrap(), Value::Null);
    let closed = client.call(AGENT, "GuestFileClose", &handle).await.unwrap_err();
    assert_eq!(closed.name, "org.qemu.QapiError.GenericError");
}

async fn a_file_opens_with_and_without_options(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let path = agent.path("file");
    fs::write(&path, "x").unwrap();
    let path = path.to_str().unwrap();
    let bare = client.call(AGENT, "GuestFileOpen", &path).await.unwrap().as_i64().unwrap();
    let empty = open(&client, path, json!({})).await;
    let reading = open(&client, path, json!({ "mode": "r" })).await;
    assert!(bare < empty && empty < reading, "handles count up: {bare} {empty} {reading}");
}

async fn a_program_runs_and_tells_its_status(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let arguments = json!({ "arg": ["-c", "echo out; exit 3"], "capture-output": true });
    let body = ("/bin/sh", dictionary(arguments));
    let started = client.call(AGENT, "GuestExec", &body).await.unwrap();
    let pid = started["pid"].as_i64().unwrap();
    let exited = async || {
        let status = client.call(AGENT, "GuestExecStatus", &pid).await.unwrap();
        (status["exited"] == true).then_some(status)
    };
    let status = until("the program's end", exited).await;
    assert_eq!((&status["exitcode"], &status["out-data"]), (&json!(3), &json!("b3V0Cg==")));
}

async fn an_error_keeps_class_and_text(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let path = agent.path("missing/file");
    let path = path.to_str().unwrap();
    let refused = client.call(AGENT, "GuestFileOpen", &path).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    assert!(refused.text.contains(path), "{}", refused.text);
    assert!(refused.text.ends_with("No such file or directory"), "{}", refused.text);
}

async fn a_command_without_arguments_answers(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    assert_eq!(client.call(AGENT, "GuestPing", &()).await.unwrap(), Value::Null);
    let info = client.call(AGENT, "GuestInfo", &()).await.unwrap();
    let commands = info["supported_commands"].as_array().unwrap();
    assert!(commands.iter().any(|command| command["name"] == "guest-ping"), "{info}");
    assert_eq!(client.call(AGENT, "GuestSync", &17_i64).await.unwrap(), 17);
    assert_eq!(client.call(AGENT, "GuestSyncDelimited", &18_i64).await.unwrap(), 18);
}

async fn started(bus: &Bus) -> (Agent, Bridge, Client) {
    let agent = Agent::start().await;
    let (bridge, client) = Bridge::with_agent(bus, &agent.socket()).await;
    (agent, bridge, client)
}

async fn open(client: &Client, path: &str, options: Value) -> i64 {
    let body = (path, dictionary(options));
    client.call(AGENT, "GuestFileOpen", &body).await.unwrap().as_i64().unwrap()
}
