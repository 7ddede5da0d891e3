//! Runs the tests of the bindings, each against a world of its own: bridges with a real machine and
//! a real agent behind them, and with peers that are newer and older than the schemas.
//! `tests/bindings/run` installs what this needs. An argument chooses programs by their names.

mod scripts;
mod world;

use qapi_dbus_tests::{process, target_dir};
use std::{env, path::Path, process::ExitCode, process::Stdio, time::Duration};
use tokio::process::Command;
use world::World;

/// What is run: a name, the folder it is run in, and a command in words, where `{tools}` stands for
/// what was installed.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("python: blocking", "python", "{tools}/venv/bin/python -m unittest -v test_blocking"),
    ("python: asyncio", "python", "{tools}/venv/bin/python -m unittest -v test_asyncio"),
    ("python: scenario", "python", "{tools}/venv/bin/python scenario.py"),
    ("json schema", "python", "{tools}/venv/bin/python traffic.py"),
    ("go: client", "go", "{tools}/live.test -test.v"),
    ("go: scenario", "go", "{tools}/scenario"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let wanted = env::args().nth(1).unwrap_or_default();
    let (mut passed, mut failed) = (0, 0);
    for (name, folder, words) in PROGRAMS.iter().filter(|(name, ..)| name.contains(&wanted)) {
        let world = World::start().await;
        let done = run(folder, words, &world).await;
        println!("{name}: {}", if done { "ok" } else { "FAILED" });
        if done { passed += 1 } else { failed += 1 }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one program to its end, with what it says on this one's standard output and error.
async fn run(folder: &str, words: &str, world: &World) -> bool {
    let tools = target_dir().join("bindings").display().to_string();
    let mut words = words.split(' ').map(|word| word.replace("{tools}", &tools));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bindings").join(folder);
    let mut command: Command = process::program(words.next().unwrap_or_default());
    let running = command
        .args(words)
        .current_dir(folder)
        .envs(world.variables())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(PATIENCE, running).await;
    status.is_ok_and(|status| status.expect("setpriv runs").success())
}

const PATIENCE: Duration = Duration::from_secs(300);
