//! `call`, `list`, `show`.

use super::{World, command, finish, must, run, serve};
use qapi_dbus_tests::{
    bridge::program,
    bus::Bus,
    on_each_bus,
    peer::{Answer, Peer},
    process, until,
};
use serde_json::{Value, json};
use std::{fs, process::Stdio};
use tokio::io::AsyncWriteExt;

on_each_bus!(
    a_person_calls_commands,
    arguments_come_from_files_and_standard_input,
    descriptors_are_passed,
    machines_and_their_commands_are_listed,
    commands_are_explained,
    the_exit_code_says_whether_it_ran,
    a_hostile_answer_does_not_move_the_cursor,
);

async fn a_person_calls_commands(bus: Bus) {
    let world = World::new(&bus).await;
    let status = must(&bus, "call query-status").await;
    assert_eq!(status, "running  false\nstatus   prelaunch\n");
    let status: Value = serde_json::from_str(&must(&bus, "call --json QueryStatus").await).unwrap();
    assert_eq!(status, json!({"running": false, "status": "prelaunch"}));

    let path = world.agent.path("read");
    fs::write(&path, "hello").unwrap();
    let open = format!("call guest-file-open path={} mode=r", path.display());
    let handle = must(&bus, &open).await;
    let read = must(&bus, &format!("call guest-file-read handle={} count=4K", handle.trim())).await;
    assert_eq!(read, "buf-b64  aGVsbG8=\ncount    5\neof      true\n");

    must(&bus, "call blockdev-add node-name=d driver=null-co size=1M read-zeroes=on").await;
    let nodes = must(&bus, "call --json query-named-block-nodes flat=true").await;
    let nodes: Value = serde_json::from_str(&nodes).unwrap();
    assert_eq!(nodes[0]["image"]["virtual-size"], 1 << 20);
    let chardev = "call chardev-add id=c backend.type=ringbuf backend.data.size=4096";
    must(&bus, chardev).await;
    assert!(must(&bus, "call query-chardev").await.contains("ringbuf"));
}

async fn arguments_come_from_files_and_standard_input(bus: Bus) {
    let world = World::new(&bus).await;
    let file = world.agent.path("arguments");
    fs::write(&file, "{\"id\": \"x\", \"qom-type\": \"secret\", \"data\": \"s\"}\n").unwrap();
    must(&bus, &format!("call object-add @{}", file.display())).await;
    fs::write(&file, "y\n").unwrap();
    let add = format!("call object-add qom-type=secret data=s id=@{}", file.display());
    must(&bus, &add).await;
    let mut command = command(&bus, "call qom-get path=/objects/y property=-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"type\n").await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "secret\n");
    must(&bus, "call qom-get path:=\"/objects/x\" property=type").await;
}

async fn descriptors_are_passed(bus: Bus) {
    let world = World::new(&bus).await;
    let file = world.agent.path("disk");
    fs::write(&file, [7; 4096]).unwrap();
    let file = file.display();
    let add = format!("call --json add-fd fdset-id=3 opaque=typed fd=@{file}");
    let added: Value = serde_json::from_str(&must(&bus, &add).await).unwrap();
    assert_eq!(added["fdset-id"], 3);
    let sets = must(&bus, "call --json query-fdsets").await;
    let sets: Value = serde_json::from_str(&sets).unwrap();
    assert_eq!(sets, json!([{"fdset-id": 3, "fds": [{"fd": added["fd"], "opaque": "typed"}]}]));
    // It may be written to; the one that the shell opens next may not, as an image that is read only needs.
    let open = "call blockdev-add driver=file filename=/dev/fdset/";
    must(&bus, &format!("{open}3 node-name=written")).await;
    for call in ["AddFd fdset-id=4 fd=3", "getfd fdname=named fd=3"] {
        let script = format!("exec {} call {call} 3<{file}", program().display());
        let mut shell = process::program("sh");
        shell.args(["-c", &script]).env("QAPI_DBUS_BUS", bus.address());
        let passed = finish(shell).await;
        assert_eq!(passed.code, 0, "{call}: {passed:?}");
    }
    must(&bus, &format!("{open}4 node-name=read read-only=on")).await;
    must(&bus, "call closefd fdname=named").await;
    assert!(must(&bus, "show getfd").await.starts_with("getfd fd=… fdname=…\n"));
    for (line, said) in [
        ("call add-fd fdset-id=3", "`fd` is missing"),
        ("call add-fd fd=9", "no such descriptor"),
        ("call getfd fd=@/dev/null", "`fdname` is missing"),
        ("call --host nobody@localhost:1 add-fd fd=0", "ssh HOST qapi-dbus call add-fd"),
    ] {
        let mut command = command(&bus, line);
        if line.contains("--host") {
            command.env_remove("QAPI_DBUS_BUS");
        }
        let refused = finish(command).await;
        assert!(refused.code == 2 && refused.stderr.contains(said), "{line}: {refused:?}");
    }
}

async fn machines_and_their_commands_are_listed(bus: Bus) {
    let world = World::new(&bus).await;
    let single = Peer::agent(|_, _| None);
    let _other = qapi_dbus_tests::bridge::Bridge::with_agent(&bus, &single.socket()).await;
    let list = must(&bus, "list").await;
    let rows: Vec<Vec<_>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["MACHINE", "MONITOR", "RUNS", "QEMU", "AGENT", "VERSION"]);
    assert_eq!((rows[1][0], rows[1][4]), ("-", "ready"));
    assert_eq!(
        (rows[2][0], rows[2][1], rows[2][2], rows[2][4]),
        ("vm1", "ready", "prelaunch", "ready")
    );
    let refused = run(&bus, "call query-status").await;
    assert!(refused.code == 2 && refused.stderr.contains("--vm NAME"), "{refused:?}");

    let commands = must(&bus, "list --vm vm1").await;
    let line = commands.lines().find(|line| line.starts_with("guest-exec ")).unwrap();
    assert!(line.contains("guest-exec  ") && line.contains("Start a program"), "{line}");
    // What this QEMU does not have is not offered, and what it has is, as it says itself.
    let mut oracle = world.qemu.oracle().await;
    let offered = oracle.execute("query-commands", json!({})).await.unwrap();
    for command in offered.as_array().unwrap() {
        let name = command["name"].as_str().unwrap();
        let listed = commands.lines().any(|line| line.split(' ').next() == Some(name));
        assert_eq!(listed, name != "qmp_capabilities", "{name}");
    }
    let events = must(&bus, "list --vm vm1 events --json").await;
    let events: Value = serde_json::from_str(&events).unwrap();
    assert!(events.as_array().unwrap().iter().any(|it| it["event"] == "DEVICE_DELETED"));
}

async fn commands_are_explained(bus: Bus) {
    let _world = World::new(&bus).await;
    let show = must(&bus, "show block_resize").await;
    for part in [
        "block_resize size=… [NAME=VALUE]…",
        "Since QEMU 0.14.",
        "Class destructive.",
        "size       integer  required",
        "BlockResize(xa{sv})",
        &format!(
            "busctl --address={} call org.qemu.Bridge /org/qemu/vm/vm1 org.qemu.QmpQapi BlockResize \
             'xa{{sv}}' SIZE 0",
            bus.address()
        ),
    ] {
        assert!(show.contains(part), "{part}: {show}");
    }
    assert!(!must(&bus, "show blockdev-add").await.contains("lazy-refcounts"));
    assert!(must(&bus, "show blockdev-add driver=qcow2").await.contains("lazy-refcounts"));
    assert!(must(&bus, "show DEVICE_DELETED").await.contains("org.qemu.QmpQapi.DeviceDeleted"));
    assert!(must(&bus, "show guest-file-seek").await.contains("set cur end"));
    let rtc = must(&bus, "show rtc-reset-reinjection").await;
    assert!(rtc.starts_with("rtc-reset-reinjection\n"), "{rtc}");
}

async fn the_exit_code_says_whether_it_ran(bus: Bus) {
    let monitor = Peer::monitor(|command, _| match command {
        "stop" => Some(Answer::Silence),
        "device_del" => Some(Answer::Error("DeviceNotFound", "Device 'x' not found")),
        _ => None,
    });
    let nobody = run(&bus, "call query-status").await;
    assert!(nobody.code == 4 && nobody.stderr.contains("qapi-dbus serve --help"), "{nobody:?}");
    let absent = monitor.socket().with_file_name("absent");
    let _bridge = serve(&bus, "vm1", &[("qmp", monitor.socket()), ("qga", absent)]).await;
    until("a monitor", async || (run(&bus, "call query-status").await.code == 0).then_some(()))
        .await;
    for (line, code, said) in [
        ("call device_del id=x", 1, "DeviceNotFound: Device 'x' not found"),
        ("call query-statsu", 2, "did you mean query-stats, query-status?"),
        ("call device_del id", 2, "write NAME=VALUE"),
        ("call block_resize size=x", 2, "argument `size`: `x` is no integer"),
        ("call --vm x stop", 2, "there are: vm1"),
        ("call guest-ping", 4, "safe to try again"),
        ("call --timeout 0.2 stop", 5, "the command may have run"),
        ("call --timeout x stop", 2, "write a number of seconds"),
        ("call --bus x stop", 2, "write session, system or an address"),
        ("call --bus unix:path=/nonexistent stop", 4, "qapi-dbus doctor"),
    ] {
        let run = run(&bus, line).await;
        assert!(run.code == code && run.stderr.contains(said), "{line}: {run:?}");
        assert_eq!(run.stdout, "", "{line}");
    }
}

async fn a_hostile_answer_does_not_move_the_cursor(bus: Bus) {
    let agent = Peer::agent(|command, _| match command {
        "guest-get-host-name" => {
            Some(Answer::Return(json!({"host-name": "\u{1b}[2J\u{202e}x", "\u{7}": [1]})))
        }
        "guest-get-time" => Some(Answer::Error("GenericError", "\u{1b}]0;title\u{7}")),
        _ => None,
    });
    let _bridge = serve(&bus, "vm1", &[("qga", agent.socket())]).await;
    let name = until("an agent", async || {
        let run = run(&bus, "call guest-get-host-name").await;
        (run.code == 0).then_some(run.stdout)
    })
    .await;
    assert_eq!(name, "\\u{7}\n  - 1\nhost-name  \\u{1b}[2J\\u{202e}x\n");
    let refused = run(&bus, "call guest-get-time").await;
    assert!(refused.stderr.contains("\\u{1b}]0;title\\u{7}") && !refused.stderr.contains('\u{1b}'));
    let mut command = command(&bus, "call guest-get-host-name");
    command.stdout(Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap()));
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let full = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(full.stderr).unwrap();
    assert!(full.status.code() == Some(1) && said.contains("standard output"), "{said}");
}
