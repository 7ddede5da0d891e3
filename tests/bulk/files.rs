//! Files of a real agent.

use super::{INVALID_ARGS, IO_ERROR, SIZE, bytes, read_file, transfer, write_file};
use qapi_dbus_tests::{
    agent::Agent,
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client},
    on_each_bus, until,
};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{Read, Write, pipe},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    thread,
};

on_each_bus!(
    a_file_is_read_through_each_kind_of_descriptor,
    a_file_is_written_through_each_kind_of_descriptor,
    a_part_of_a_file_is_read_and_written,
    progress_is_told_to_the_caller_alone,
    what_is_wrong_with_a_call_is_named,
    a_descriptor_that_fails_ends_the_call_and_the_file_is_closed,
    memory_does_not_grow_with_the_file,
);

async fn a_file_is_read_through_each_kind_of_descriptor(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let (path, copy) = (agent.path("file"), agent.path("copy"));
    let whole = bytes(SIZE);
    fs::write(&path, &whole).unwrap();
    for (to, mut from) in channels() {
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            from.read_to_end(&mut read).unwrap();
            read
        });
        // Nobody but the bridge holds the other end, so that its end is the end of the file.
        let call = read_file(&client, &path, to, json!({})).await;
        assert_eq!(call.unwrap(), SIZE);
        assert!(reading.join().unwrap() == whole);
    }
    let call = read_file(&client, &path, File::create(&copy).unwrap(), json!({})).await;
    assert_eq!(call.unwrap(), SIZE);
    assert!(fs::read(&copy).unwrap() == whole);
    closed(&agent, &client).await;
}

async fn a_file_is_written_through_each_kind_of_descriptor(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let (path, original) = (agent.path("file"), agent.path("original"));
    let whole = bytes(SIZE);
    for (mut to, from) in channels() {
        let written = whole.clone();
        let writing = thread::spawn(move || to.write_all(&written).unwrap());
        let from = OwnedFd::from(from);
        assert_eq!(write_file(&client, &path, from, json!({})).await.unwrap(), SIZE);
        writing.join().unwrap();
        assert!(fs::read(&path).unwrap() == whole);
    }
    fs::write(&original, &whole[1..]).unwrap();
    let from = File::open(&original).unwrap();
    assert_eq!(write_file(&client, &path, from, json!({})).await.unwrap(), SIZE - 1);
    assert!(fs::read(&path).unwrap() == whole[1..]);
    closed(&agent, &client).await;
}

async fn a_part_of_a_file_is_read_and_written(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let (path, copy) = (agent.path("file"), agent.path("copy"));
    fs::write(&path, "0123456789").unwrap();
    let parts = [
        (json!({ "offset": 3, "length": 4 }), "3456"),
        (json!({ "offset": 8 }), "89"),
        (json!({ "offset": 20 }), ""),
        (json!({ "length": 0 }), ""),
    ];
    for (options, part) in parts {
        let to = File::create(&copy).unwrap();
        assert_eq!(read_file(&client, &path, to, options).await.unwrap(), part.len());
        assert_eq!(fs::read_to_string(&copy).unwrap(), part);
    }
    fs::write(&copy, "abc").unwrap();
    let from = || File::open(&copy).unwrap();
    write_file(&client, &path, from(), json!({ "mode": "a" })).await.unwrap();
    let options = json!({ "mode": "r+", "offset": 1, "length": 2 });
    assert_eq!(write_file(&client, &path, from(), options).await.unwrap(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), "0ab3456789abc");
}

async fn progress_is_told_to_the_caller_alone(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let other = Client::new(&bus).await;
    let (mut told, mut others) =
        (client.signals(AGENT_ENDPOINT).await, other.signals(AGENT_ENDPOINT).await);
    let null = File::create("/dev/null").unwrap();
    let options = json!({ "progress": 7, "@timeout": 3000 });
    let call = read_file(&client, Path::new("/dev/zero"), null, options).await;
    assert_eq!(call.unwrap_err().name, super::TIMEOUT);
    let [first, second] = [told.named("Progress").await, told.named("Progress").await];
    assert_eq!(first.interface, AGENT_ENDPOINT.interface);
    assert_eq!((&first.arguments[0], &second.arguments[0]), (&json!(7), &json!(7)));
    let done = [first, second].map(|signal| signal.arguments[1].as_u64().unwrap());
    assert!(0 < done[0] && done[0] < done[1], "{done:?}");
    other.call(AGENT, "GuestPing", &()).await.unwrap();
    assert!(others.is_silent());
}

async fn what_is_wrong_with_a_call_is_named(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let path = agent.path("file");
    fs::write(&path, "x").unwrap();
    let (reader, writer) = pipe().unwrap();
    let refused = async |method, fd: &OwnedFd, options| {
        transfer(&client, method, &path, fd, options).await.unwrap_err()
    };
    let [reader, writer] = [OwnedFd::from(reader), OwnedFd::from(writer)];
    for (method, fd, options, part) in [
        ("ReadFile", &reader, json!({}), "`to` (h) is not open for writing"),
        ("WriteFile", &writer, json!({}), "`source` (h) is not open for reading"),
        ("ReadFile", &writer, json!({ "lenght": 1 }), "`lenght`; there are `length`"),
        ("ReadFile", &writer, json!({ "offset": u64::MAX }), "`offset` (t)"),
        ("ReadFile", &writer, json!({ "length": "1" }), "length"),
        ("ReadFile", &writer, json!({ "@oob": true }), "@oob"),
    ] {
        let refusal = refused(method, fd, options).await;
        assert_eq!(refusal.name, INVALID_ARGS, "{refusal}");
        assert!(refusal.text.contains(part), "{refusal}");
    }
    let missing = agent.path("missing/file");
    let refusal = read_file(&client, &missing, &writer, json!({})).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.GenericError");
    assert!(refusal.text.ends_with("No such file or directory"), "{refusal}");
}

async fn a_descriptor_that_fails_ends_the_call_and_the_file_is_closed(bus: Bus) {
    let (agent, _bridge, client) = started(&bus).await;
    let path = agent.path("file");
    fs::write(&path, bytes(SIZE)).unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let refusal = read_file(&client, &path, writer, json!({})).await.unwrap_err();
    assert_eq!(refusal.name, IO_ERROR, "{refusal}");
    assert!(refusal.text.contains("`to`: Broken pipe"), "{refusal}");
    let full = File::create("/dev/full").unwrap();
    let refusal = read_file(&client, &path, full, json!({})).await.unwrap_err();
    assert!(refusal.text.contains("`to`: No space left on device"), "{refusal}");
    let directory = File::open(agent.path("")).unwrap();
    let refusal = write_file(&client, &path, directory, json!({})).await.unwrap_err();
    assert!(refusal.text.contains("`source`: Is a directory"), "{refusal}");
    closed(&agent, &client).await;
}

async fn memory_does_not_grow_with_the_file(bus: Bus) {
    const LENGTH: u64 = 64 << 20;
    let (_agent, bridge, client) = started(&bus).await;
    let before = bridge.usage().memory;
    let null = File::create("/dev/null").unwrap();
    let zero = Path::new("/dev/zero");
    let read = read_file(&client, zero, null, json!({ "length": LENGTH })).await.unwrap();
    assert_eq!(read, LENGTH);
    let from = File::open(zero).unwrap();
    let null = Path::new("/dev/null");
    let written = write_file(&client, null, from, json!({ "length": LENGTH })).await.unwrap();
    assert_eq!(written, LENGTH);
    let grown = bridge.usage().peak.saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more were resident");
}

/// A pipe and a pair of sockets: where to write, and where that can be read.
fn channels() -> [(File, File); 2] {
    let (reader, writer) = pipe().unwrap();
    let (socket, other) = UnixStream::pair().unwrap();
    let fds: [(OwnedFd, OwnedFd); 2] =
        [(writer.into(), reader.into()), (socket.into(), other.into())];
    fds.map(|(to, from)| (to.into(), from.into()))
}

async fn started(bus: &Bus) -> (Agent, Bridge, Client) {
    let agent = Agent::start().await;
    let (bridge, client) = Bridge::with_agent(bus, &agent.socket()).await;
    (agent, bridge, client)
}

/// Waits until the agent has no file of the test open.
async fn closed(agent: &Agent, client: &Client) {
    let open = || fs::read_dir(format!("/proc/{}/fd", agent.process().id())).unwrap();
    let dir = agent.path("");
    let is_ours = |fd: &Path| fs::read_link(fd).is_ok_and(|to| to.starts_with(&dir));
    until("an agent without open files", async || {
        client.call(AGENT, "GuestPing", &()).await.unwrap();
        let files = open().filter(|fd| is_ours(&fd.as_ref().unwrap().path()));
        // The file of its process id stays open.
        (files.count() <= 1).then_some(())
    })
    .await;
}
