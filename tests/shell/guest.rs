//! `exec`, `cp`: with a real agent, whose guest is this machine.

use super::{Run, World, command, must, run, serve};
use qapi_dbus_tests::{
    bus::Bus,
    on_each_bus,
    peer::{Answer, Peer},
    process::Process,
    scratch::Scratch,
    soon, until,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    process::Stdio,
};
use tokio::io::AsyncWriteExt;

on_each_bus!(
    a_program_in_the_guest_is_as_one_here,
    a_program_that_is_left_goes_on,
    files_are_copied_both_ways,
    a_copy_that_fails_leaves_what_was,
    a_copy_that_is_interrupted_leaves_what_was,
    a_pipe_that_stands_still_can_be_left,
);

/// Runs a line with this on standard input.
async fn fed(bus: &Bus, line: &str, input: &[u8]) -> Run {
    let mut command = command(bus, line);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (written, output) = tokio::join!(
        async move {
            let written = stdin.write_all(input).await;
            drop(stdin);
            written
        },
        child.wait_with_output()
    );
    written.unwrap();
    let output = output.unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn a_program_in_the_guest_is_as_one_here(bus: Bus) {
    let world = World::new(&bus).await;
    assert_eq!(must(&bus, "exec echo -n a -b --json").await, "a -b --json");
    let script = world.agent.path("script");
    fs::write(&script, "echo out; echo err >&2; exit 7").unwrap();
    let both = run(&bus, &format!("exec -- sh {}", script.display())).await;
    assert_eq!((both.code, &*both.stdout, &*both.stderr), (7, "out\n", "err\n"));
    fs::write(&script, "kill -9 $$").unwrap();
    assert_eq!(run(&bus, &format!("exec sh {}", script.display())).await.code, 137);
    assert_eq!(must(&bus, "exec --env A=1 --env B=2 env").await, "A=1\nB=2\n");
    let input = vec![b'x'; 3 << 20];
    let counted = fed(&bus, "exec --stdin wc -c", &input).await;
    assert_eq!((counted.code, counted.stdout.trim()), (0, "3145728"), "{}", counted.stderr);
    let missing = run(&bus, "exec /nonexistent/program").await;
    assert!(missing.code == 125 && missing.stderr.contains("/nonexistent/program"), "{missing:?}");
    assert_eq!(run(&bus, "exec --env A true").await.code, 125);
    assert_eq!(run(&bus, "exec --vm vm2 true").await.code, 125);
    assert_eq!(must(&bus, "exec head -c 8M /dev/zero").await.len(), 8 << 20);
    let long = run(&bus, "exec head -c 17M /dev/zero").await;
    assert!(long.code == 125 && long.stderr.contains("qapi-dbus cp"), "{}", long.stderr);
}

async fn a_program_that_is_left_goes_on(bus: Bus) {
    let world = World::new(&bus).await;
    let (go, done) = (world.agent.path("go"), world.agent.path("done"));
    let script = world.agent.path("script");
    // It ends with the test, too, whose files are then gone.
    let text = format!(
        "until [ -e {} ] || [ ! -e {} ]; do sleep 0.05; done; touch {}",
        go.display(),
        script.display(),
        done.display()
    );
    fs::write(&script, text).unwrap();
    let line = format!("exec --timeout 0.3 sh {}", script.display());
    let late = run(&bus, &line).await;
    assert!(late.code == 124 && late.stderr.contains("the program goes on"), "{late:?}");
    let scratch = Scratch::new();
    let line = format!("exec sh {}", script.display());
    let mut left = Process::start(&scratch, &mut command(&bus, &line));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    left.signal(Signal::INT);
    assert_eq!(left.exit().await.code(), Some(130));
    assert!(!done.exists());
    fs::write(&go, "").unwrap();
    until("the program's deed", async || done.exists().then_some(())).await;
}

async fn files_are_copied_both_ways(bus: Bus) {
    let world = World::new(&bus).await;
    let path = |name: &str| world.agent.path(name).display().to_string();
    let bytes: Vec<u8> = (0..3_500_000_u32).map(|at| (at % 251) as u8).collect();
    fs::write(path("here"), &bytes).unwrap();
    fs::create_dir(path("guest")).unwrap();
    must(&bus, &format!("cp {} guest:{}/", path("here"), path("guest"))).await;
    assert!(fs::read(path("guest/here")).unwrap() == bytes);
    fs::create_dir(path("back")).unwrap();
    must(&bus, &format!("cp guest:{} {}", path("guest/here"), path("back"))).await;
    assert!(fs::read(path("back/here")).unwrap() == bytes);

    fs::write(path("old"), "old").unwrap();
    fs::set_permissions(path("old"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink(path("old"), path("link")).unwrap();
    must(&bus, &format!("cp guest:{} {}", path("guest/here"), path("link"))).await;
    assert!(
        fs::read(path("old")).unwrap() == bytes
            && fs::symlink_metadata(path("link")).unwrap().is_symlink()
    );
    assert_eq!(fs::metadata(path("old")).unwrap().permissions().mode() & 0o777, 0o640);

    let sent = fed(&bus, &format!("cp - guest:{}", path("typed")), b"typed\n").await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    assert_eq!(must(&bus, &format!("cp guest:{} -", path("typed"))).await, "typed\n");
    must(&bus, &format!("cp guest:{} /dev/null", path("typed"))).await;
    assert!(
        !must(&bus, "cp guest:/proc/self/status -").await.is_empty(),
        "it says to have no bytes"
    );
    fs::write(path("empty"), "").unwrap();
    must(&bus, &format!("cp guest:{} {}", path("empty"), path("empty2"))).await;
    assert_eq!(fs::read(path("empty2")).unwrap(), b"");
}

async fn a_copy_that_fails_leaves_what_was(bus: Bus) {
    let agent = Peer::agent(|command, _| match command {
        "guest-file-open" => Some(Answer::Return(json!(7))),
        "guest-file-seek" => Some(Answer::Return(json!({"position": 4, "eof": false}))),
        "guest-file-read" => Some(Answer::Error("GenericError", "input/output error")),
        "guest-file-write" => Some(Answer::Return(json!({"count": 9, "eof": false}))),
        "guest-file-close" => Some(Answer::Return(json!({}))),
        _ => None,
    });
    let _bridge = serve(&bus, "vm1", &[("qga", agent.socket())]).await;
    until("an agent", async || (run(&bus, "call guest-ping").await.code == 0).then_some(())).await;
    let scratch = Scratch::new();
    let here = scratch.path("here");
    fs::write(&here, "old").unwrap();
    let failed = run(&bus, &format!("cp guest:/x {}", here.display())).await;
    assert!(failed.code == 1 && failed.stderr.contains("input/output error"), "{failed:?}");
    assert_eq!(fs::read(&here).unwrap(), b"old");
    assert_eq!(fs::read_dir(scratch.dir()).unwrap().count(), 1, "nothing else is left");
    agent.received("guest-file-close", 1).await;
    let failed = run(&bus, &format!("cp {} guest:/x", here.display())).await;
    assert!(failed.code == 5 && failed.stderr.contains("guest:/x is incomplete"), "{failed:?}");
    agent.received("guest-file-close", 2).await;
    for line in ["cp a b", "cp guest:/a guest:/b", "cp guest:/ .", "cp guest:/.. ."] {
        assert_eq!(run(&bus, line).await.code, 2, "{line}");
    }
    let folder = run(&bus, &format!("cp {} guest:/x", scratch.dir().display())).await;
    assert!(folder.code == 2 && folder.stderr.contains("is a folder"), "{folder:?}");
}

/// Of files without end.
async fn a_copy_that_is_interrupted_leaves_what_was(bus: Bus) {
    let world = World::new(&bus).await;
    let (scratch, folder) = (Scratch::new(), Scratch::new());
    let here = folder.path("here");
    fs::write(&here, "old").unwrap();
    let files = || fs::read_dir(folder.dir()).unwrap().count();
    let line = format!("cp guest:/dev/zero {}", here.display());
    let mut copy = Process::start(&scratch, &mut command(&bus, &line));
    until("a file beside the old one", async || (files() == 2).then_some(())).await;
    copy.signal(Signal::INT);
    assert_eq!(copy.exit().await.code(), Some(130), "{}", copy.stderr());
    assert!(fs::read(&here).unwrap() == b"old" && files() == 1);

    let there = world.agent.path("there");
    let line = format!("cp /dev/zero guest:{}", there.display());
    let mut copy = Process::start(&scratch, &mut command(&bus, &line));
    let size = || fs::metadata(&there).map_or(0, |file| file.len());
    until("bytes in the guest", async || (size() > 0).then_some(())).await;
    copy.signal(Signal::INT);
    assert_eq!(copy.exit().await.code(), Some(130), "{}", copy.stderr());
    assert!(copy.stderr().contains("is incomplete"), "{}", copy.stderr());
}

/// The other program of a pipe neither says nor takes anything.
async fn a_pipe_that_stands_still_can_be_left(bus: Bus) {
    let world = World::new(&bus).await;
    let scratch = Scratch::new();
    let there = world.agent.path("there");
    let (silence, _writer) = std::io::pipe().unwrap();
    let mut line = command(&bus, &format!("cp - guest:{}", there.display()));
    let mut copy = Process::start(&scratch, line.stdin(silence));
    until("the file in the guest", async || there.exists().then_some(())).await;
    copy.signal(Signal::INT);
    assert_eq!(copy.exit().await.code(), Some(130), "{}", copy.stderr());

    for line in ["cp guest:/dev/zero -", "exec head -c 1M /dev/zero"] {
        let (mut reader, full) = std::io::pipe().unwrap();
        let mut child = command(&bus, line).stdout(full).kill_on_drop(true).spawn().unwrap();
        // Once one byte is there, the rest does not fit.
        let first = move || reader.read_exact(&mut [0]).map(|()| reader);
        let _reader = tokio::task::spawn_blocking(first).await.unwrap().unwrap();
        let id = i32::try_from(child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
        assert_eq!(soon(line, child.wait()).await.unwrap().code(), Some(130));
    }
}
