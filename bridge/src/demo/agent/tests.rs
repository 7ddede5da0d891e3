//! The agent as a client sees it: bytes in, bytes out.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use serde_json::{Value, json};

use super::*;

struct Guest {
    path: PathBuf,
    _agent: Agent,
    _directory: tempfile::TempDir,
}

impl Guest {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent");
        let agent = Agent::start(&path).unwrap();
        Self { path, _agent: agent, _directory: directory }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

fn line(stream: &mut UnixStream) -> Vec<u8> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") {
        stream.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    line
}

fn ask(stream: &mut UnixStream, command: &str, arguments: Value) -> Value {
    let request = json!({"execute": command, "arguments": arguments});
    stream.write_all(request.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&line(stream)).unwrap()
}

#[test]
fn delimited_sync_cleans_the_channel() {
    let guest = Guest::start();
    let mut stream = guest.connect();
    stream.write_all(b"{\"execute\":\"guest-pi").unwrap();
    stream
        .write_all(b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":-7}}\n")
        .unwrap();
    assert!(line(&mut stream).starts_with(b"{\"error\""));
    assert_eq!(line(&mut stream), b"\xFF{\"return\":-7}\n");
}

#[test]
fn the_second_client_waits_for_the_first() {
    let guest = Guest::start();
    let mut first = guest.connect();
    ask(&mut first, "guest-ping", json!({}));
    let mut second = guest.connect();
    second.write_all(b"{\"execute\":\"guest-ping\"}\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read(&mut [0]).is_err());
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(line(&mut second), b"{\"return\":{}}\n");
}

#[test]
fn handles_outlive_the_client() {
    let guest = Guest::start();
    let path = guest.path.with_file_name("data");
    std::fs::write(&path, "x").unwrap();
    let opened = ask(&mut guest.connect(), "guest-file-open", json!({"path": path}));
    let read = ask(&mut guest.connect(), "guest-file-read", json!({"handle": opened["return"]}));
    assert_eq!(read["return"], json!({"count": 1, "buf-b64": "eA==", "eof": true}));
}

#[test]
fn info_lists_what_the_agent_really_has() {
    let guest = Guest::start();
    let mut stream = guest.connect();
    let info = ask(&mut stream, "guest-info", json!({}));
    let commands = info["return"]["supported_commands"].as_array().unwrap();
    assert_eq!(commands.len(), 22);
    for command in commands {
        assert_eq!(command["enabled"], true);
        let reply = ask(&mut stream, command["name"].as_str().unwrap(), json!({}));
        assert_ne!(reply["error"]["class"], "CommandNotFound", "{command}");
    }
}

#[test]
fn every_query_answers_for_this_machine() {
    let guest = Guest::start();
    let mut stream = guest.connect();
    let mut answer = |command: &str| ask(&mut stream, command, json!({}))["return"].take();
    assert!(answer("guest-get-time").as_i64().unwrap() > 1_600_000_000_000_000_000);
    assert!(answer("guest-get-osinfo")["kernel-release"].is_string());
    assert!(answer("guest-get-host-name")["host-name"].is_string());
    assert!(answer("guest-get-timezone")["offset"].is_i64());
    assert_eq!(answer("guest-get-cpustats")[0]["type"], "linux");
    assert!(answer("guest-get-load")["load1m"].is_f64());
    assert!(answer("guest-get-diskstats").is_array());
    assert!(answer("guest-get-users").is_array());
    let processors = answer("guest-get-vcpus");
    assert_eq!(processors[0]["logical-id"], 0);
    let interfaces = answer("guest-network-get-interfaces");
    assert!(interfaces.as_array().unwrap().iter().any(|interface| interface["name"] == "lo"));
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let guest = Guest::start();
    let mut stream = guest.connect();
    let cases = [
        ("guest-exec", json!({}), "'path'"),
        ("guest-exec", json!({"path": "true", "env": [1]}), "'env[0]'"),
        ("guest-exec", json!({"path": "true", "colour": 1}), "'colour'"),
        ("guest-exec", json!({"path": "true", "capture-output": 3}), "'capture-output'"),
        ("guest-file-read", json!({}), "'handle'"),
        ("guest-file-read", json!({"handle": "1"}), "'handle'"),
        ("guest-file-read", json!({"handle": 1, "count": null}), "'count'"),
        ("guest-file-seek", json!({"handle": 1, "offset": 0, "whence": []}), "'whence'"),
    ];
    for (command, arguments, word) in cases {
        let desc = ask(&mut stream, command, arguments)["error"]["desc"].take();
        assert!(desc.as_str().unwrap().contains(word), "{command}: {desc}");
    }
}
