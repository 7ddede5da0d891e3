//! Completion as bash, zsh and fish do it, at a terminal, with what a running machine has.

use super::{VM1, World, must, run, serve};
use qapi_dbus_tests::{
    PATIENCE,
    bridge::{connected, program},
    bus::Bus,
    client::Client,
    on_each_bus,
    peer::{Answer, Peer},
    scratch::Scratch,
    terminal::Terminal,
    until,
};
use serde_json::{Value, json};
use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

on_each_bus!(
    bash_completes,
    zsh_completes,
    fish_completes,
    members_and_values_are_those_of_the_monitor,
    a_monitor_that_tells_nothing_is_known_from_the_tables,
);

/// The scripts that are installed.
const BASH: &str = include_str!("../../bridge/src/shell/complete/qapi-dbus.bash");
const ZSH: &str = include_str!("../../bridge/src/shell/complete/qapi-dbus.zsh");
const FISH: &str = include_str!("../../bridge/src/shell/complete/qapi-dbus.fish");

/// A program that completes as the real one, and keeps what else it was called with.
const KEEPER: &str =
    "#!/bin/sh\n[ \"$1\" != complete ] || exec @program@ \"$@\"\necho \"$*\" >>@typed@\n";

/// A shell with the completion loaded.
async fn shell(bus: &Bus, home: &Scratch, words: &[&str], setup: &str) -> Terminal {
    let keeper = KEEPER.replace("@program@", program().to_str().unwrap());
    let keeper = keeper.replace("@typed@", home.path("typed").to_str().unwrap());
    fs::write(home.path("qapi-dbus"), keeper).unwrap();
    fs::set_permissions(home.path("qapi-dbus"), fs::Permissions::from_mode(0o755)).unwrap();
    let words: Vec<_> = words.iter().map(OsStr::new).collect();
    let path = format!("{}:{}", home.dir().display(), std::env::var("PATH").unwrap());
    let environment: [(&str, &OsStr); 6] = [
        ("HOME", home.dir().as_os_str()),
        ("PATH", path.as_ref()),
        ("PS1", "> ".as_ref()),
        ("INPUTRC", "/dev/null".as_ref()),
        ("QAPI_DBUS_BUS", bus.address().as_ref()),
        ("XDG_CONFIG_HOME", home.dir().as_os_str()),
    ];
    let mut terminal = Terminal::start(&words, &environment);
    terminal.type_in(&format!("{setup}; echo rea''dy\n"));
    terminal.shows("ready").await;
    terminal
}

/// What every shell has to do.
async fn complete(home: &Scratch, mut terminal: Terminal) {
    for (typed, completed) in [
        // A command of the program, a command of this QEMU, one of the agent.
        ("sho\tstop", "show stop"),
        ("call block_resi\tsize=1", "call block_resize size=1"),
        ("call guest-file-op\tpath=/", "call guest-file-open path=/"),
        // Arguments that are not given yet, and no space before their value.
        ("call guest-file-open path=/x mo\tr", "call guest-file-open path=/x mode=r"),
        (
            "call blockdev-add driver=qcow2 lazy\ton",
            "call blockdev-add driver=qcow2 lazy-refcounts=on",
        ),
        // Values of an enumeration, in a member of a member, too.
        ("call guest-file-seek whence=e\t", "call guest-file-seek whence=end"),
        (
            "call blockdev-add driver=raw file.driver=nb\t",
            "call blockdev-add driver=raw file.driver=nbd",
        ),
        // Machines and events.
        ("call --vm v\tstop", "call --vm vm1 stop"),
        ("wait DEVICE_DELE\t--json", "wait DEVICE_DELETED --json"),
    ] {
        completes(home, &mut terminal, typed, completed).await;
    }
    // What fits more than once is listed.
    terminal.type_in("qapi-dbus call guest-file-\t\t");
    terminal.shows("guest-file-close").await;
}

async fn completes(home: &Scratch, terminal: &mut Terminal, typed: &str, completed: &str) {
    terminal.type_in(&format!("qapi-dbus {typed}\n"));
    let kept = async || {
        let typed = fs::read_to_string(home.path("typed")).unwrap_or_default();
        typed.lines().last().map(|line| line.trim().to_owned())
    };
    let ran = until(completed, async || kept().await.filter(|it| it == completed));
    let ran = tokio::time::timeout(PATIENCE / 2, ran).await;
    assert!(ran.is_ok(), "{completed}: {:?}\n{}", kept().await, terminal.text());
}

/// A schema in which `blockdev-add` has a driver and a member more, and one of each less.
fn schema() -> Value {
    json!([
        { "name": "blockdev-add", "meta-type": "command", "arg-type": "1", "ret-type": "0" },
        { "name": "query-qmp-schema", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
        { "name": "x-newest", "meta-type": "command", "arg-type": "3", "ret-type": "0" },
        { "name": "STOP", "meta-type": "event", "arg-type": "3" },
        { "name": "0", "meta-type": "object", "members": [] },
        { "name": "1", "meta-type": "object", "tag": "driver",
          "members": [
              { "name": "driver", "type": "2" },
              { "name": "moon", "type": "4", "default": null },
              { "name": "node-name", "type": "str", "default": null }],
          "variants": [{ "case": "raw", "type": "0" }, { "case": "zebra", "type": "3" }] },
        { "name": "2", "meta-type": "enum", "members": [{ "name": "raw" }, { "name": "zebra" }] },
        { "name": "3", "meta-type": "object", "members": [{ "name": "stripes", "type": "int" }] },
        { "name": "4", "meta-type": "enum", "values": ["full", "new"] },
        { "name": "int", "meta-type": "builtin", "json-type": "int" },
        { "name": "str", "meta-type": "builtin", "json-type": "string" },
    ])
}

async fn members_and_values_are_those_of_the_monitor(bus: Bus) {
    let monitor = Peer::monitor(|command, _| match command {
        "query-qmp-schema" => Some(Answer::Return(schema())),
        "query-commands" => Some(Answer::Return(json!([
            { "name": "blockdev-add" }, { "name": "query-qmp-schema" }, { "name": "x-newest" }
        ]))),
        "blockdev-add" | "x-newest" => Some(Answer::Return(json!({}))),
        _ => None,
    });
    let _bridge = serve(&bus, "vm1", &[("qmp", monitor.socket())]).await;
    connected(&Client::new(&bus).await, VM1).await;
    let home = Scratch::new();
    let mut terminal = bash(&bus, &home).await;
    for (typed, completed) in [
        ("call blockdev-add driver=z\tmo\tf\t", "call blockdev-add driver=zebra moon=full"),
        ("call blockdev-add driver=zebra str\t7", "call blockdev-add driver=zebra stripes=7"),
        ("call x-n\tst\t7", "call x-newest stripes=7"),
        ("wait STOP str\t7", "wait STOP stripes=7"),
        // What it has no more is not offered: a value, and a member.
        ("call blockdev-add driver=qco\tx", "call blockdev-add driver=qcox"),
        ("call blockdev-add detec\tx=on", "call blockdev-add detecx=on"),
    ] {
        completes(&home, &mut terminal, typed, completed).await;
    }
    let show = must(&bus, "show blockdev-add driver=zebra").await;
    for part in ["driver     BlockdevDriver  required  raw zebra", "moon ", "full new", "stripes"] {
        assert!(show.contains(part), "{part}: {show}");
    }
    assert!(show.contains("Since QEMU") && !show.contains("detect-zeroes"), "{show}");
    let show = must(&bus, "show x-newest").await;
    assert!(show.contains("stripes  integer  required"), "{show}");
    assert!(must(&bus, "show STOP").await.contains("stripes"));
    let waited = run(&bus, "wait STOP stripes=7 --timeout 2").await;
    assert_eq!(waited.code, 124, "{waited:?}");
    assert_eq!(run(&bus, "wait STOP spots=7 --timeout 30").await.code, 2);
    let events = must(&bus, "list --vm vm1 events").await;
    assert!(events.contains("STOP ") && !events.contains("RESUME "), "{events}");

    // What is typed has the type that the monitor tells.
    must(&bus, "call blockdev-add driver=zebra stripes=0x10 node-name=7").await;
    must(&bus, "call x-newest stripes=2K").await;
    let sent = monitor.lines("blockdev-add").pop().unwrap();
    assert!(sent.contains("\"stripes\":16") && sent.contains("\"node-name\":\"7\""), "{sent}");
    assert!(monitor.lines("x-newest").pop().unwrap().contains("\"stripes\":2048"));
    let refused = run(&bus, "call x-newest stripes=many").await;
    assert!(refused.code == 2 && refused.stderr.contains("`many` is no integer"), "{refused:?}");
}

async fn a_monitor_that_tells_nothing_is_known_from_the_tables(bus: Bus) {
    let refused = Answer::Error("GenericError", "not before the machine is configured");
    let monitor =
        Peer::monitor(move |asked, _| (asked == "query-qmp-schema").then(|| refused.clone()));
    let _bridge = serve(&bus, "vm1", &[("qmp", monitor.socket())]).await;
    connected(&Client::new(&bus).await, VM1).await;
    let home = Scratch::new();
    let mut terminal = bash(&bus, &home).await;
    let completed = "call blockdev-add driver=qcow2";
    completes(&home, &mut terminal, "call blockdev-add driver=qcow2\t", completed).await;
    assert!(must(&bus, "show blockdev-add").await.contains("detect-zeroes"));
}

async fn bash_completes(bus: Bus) {
    let (_world, home) = (World::new(&bus).await, Scratch::new());
    complete(&home, bash(&bus, &home).await).await;
}

async fn bash(bus: &Bus, home: &Scratch) -> Terminal {
    fs::write(home.path("completion"), BASH).unwrap();
    let words = ["bash", "--norc", "--noprofile", "-i"];
    let setup = "source ~/completion; bind 'set bell-style none'";
    shell(bus, home, &words, setup).await
}

async fn zsh_completes(bus: Bus) {
    let (_world, home) = (World::new(&bus).await, Scratch::new());
    fs::write(home.path("_qapi-dbus"), ZSH).unwrap();
    let setup = "fpath=(~ $fpath); autoload -Uz compinit; compinit -u -d ~/dump; setopt nobeep; \
                 unsetopt zle_bracketed_paste; unset zle_bracketed_paste";
    let words = ["zsh", "-f", "-i"];
    complete(&home, shell(&bus, &home, &words, setup).await).await;
}

async fn fish_completes(bus: Bus) {
    let (_world, home) = (World::new(&bus).await, Scratch::new());
    fs::write(home.path("completion"), FISH).unwrap();
    let setup = "source ~/completion; function fish_prompt; echo '> '; end";
    let words = ["fish", "--no-config", "-i"];
    complete(&home, shell(&bus, &home, &words, setup).await).await;
}
