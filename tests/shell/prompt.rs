//! `qapi-dbus shell`, at a terminal and without one.

use super::{World, command};
use qapi_dbus_tests::{
    bridge::program, bus::Bus, on_each_bus, scratch::Scratch, terminal::Terminal,
};
use serde_json::json;
use std::{ffi::OsStr, fs, process::Stdio};
use tokio::io::AsyncWriteExt;

on_each_bus!(a_person_types, lines_of_a_script_are_run_until_one_fails);

async fn a_person_types(bus: Bus) {
    let (world, home) = (World::new(&bus).await, Scratch::new());
    let words = [program().as_os_str(), OsStr::new("shell")];
    let environment: [(&str, &OsStr); 2] =
        [("QAPI_DBUS_BUS", bus.address().as_ref()), ("XDG_STATE_HOME", home.dir().as_os_str())];
    let mut terminal = Terminal::start(&words, &environment);
    terminal.prompts("vm1> ").await;
    for (line, answer) in [
        ("query-sta\tus", "status   prelaunch"),
        ("guest-file-seek wh\te\thandle=1 offset=0", "whence=end"),
        ("guest-file-seek whence=end handle=1 offset=0", "has not been found"),
        ("{\"execute\": \"query-version\"}", "major"),
        ("quit", "`quit` ends QEMU"),
        ("show block_resi\t", "Class destructive"),
        ("exec echo from the guest", "from the guest\n"),
        ("call --nonsense", "unexpected argument"),
        ("object-add qom-type=secret id=s data=x", ""),
    ] {
        terminal.clear();
        terminal.type_in(&format!("{line}\r"));
        terminal.shows(answer).await;
        terminal.prompts("\nvm1> ").await;
    }
    // An event comes while a line is typed, which stays.
    terminal.clear();
    terminal.type_in("query-na");
    terminal.shows("query-na").await;
    world.qemu.oracle().await.execute("cont", json!({})).await.unwrap();
    terminal.shows("RESUME").await;
    terminal.type_in("me\r");
    terminal.prompts("\nvm1> ").await;
    // Ctrl-C gives up what is waited for, and not the prompt.
    terminal.clear();
    terminal.type_in("wait RESET\r");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    terminal.type_in("\u{3}");
    terminal.shows("given up").await;
    terminal.prompts("\nvm1> ").await;
    // The line before this one, from the history.
    terminal.clear();
    terminal.type_in("\u{1b}[A\u{1b}[A");
    terminal.shows("query-name").await;
    terminal.type_in("\u{15}exit\r");
    assert!(terminal.exit().await.success());
    let history = fs::read_to_string(home.path("qapi-dbus/history")).unwrap();
    assert!(history.contains("query-status") && !history.contains("qom-type=secret"), "{history}");
}

async fn lines_of_a_script_are_run_until_one_fails(bus: Bus) {
    let (_world, home) = (World::new(&bus).await, Scratch::new());
    let mut command = command(&bus, "shell --json");
    command.env("XDG_STATE_HOME", home.dir());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = "query-status\nvm vm1\n\ndevice_del id=x\nquery-version\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, "{\"running\":false,\"status\":\"prelaunch\"}\n");
    assert!(String::from_utf8(output.stderr).unwrap().contains("DeviceNotFound"));
    assert_eq!(output.status.code(), Some(1));
}
