//! Completion as bash, zsh and fish do it, at a terminal, with what a running machine has.

use super::World;
use qapi_dbus_tests::{
    PATIENCE, bridge::program, bus::Bus, on_each_bus, scratch::Scratch, terminal::Terminal, until,
};
use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

on_each_bus!(bash_completes, zsh_completes, fish_completes);

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
        terminal.type_in(&format!("qapi-dbus {typed}\n"));
        let kept = async || {
            let typed = fs::read_to_string(home.path("typed")).unwrap_or_default();
            typed.lines().last().map(|line| line.trim().to_owned())
        };
        let ran = until(completed, async || kept().await.filter(|it| it == completed));
        let ran = tokio::time::timeout(PATIENCE / 2, ran).await;
        assert!(ran.is_ok(), "{completed}: {:?}\n{}", kept().await, terminal.text());
    }
    // What fits more than once is listed.
    terminal.type_in("qapi-dbus call guest-file-\t\t");
    terminal.shows("guest-file-close").await;
}

async fn bash_completes(bus: Bus) {
    let (_world, home) = (World::new(&bus).await, Scratch::new());
    fs::write(home.path("completion"), BASH).unwrap();
    let words = ["bash", "--norc", "--noprofile", "-i"];
    let setup = "source ~/completion; bind 'set bell-style none'";
    complete(&home, shell(&bus, &home, &words, setup).await).await;
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
