//! busctl, as a person uses it.

use crate::{bus::Bus, client::Target, soon};
use tokio::process::Command;

/// What a run of busctl, or of another program, gave.
#[derive(Debug)]
pub struct Output {
    /// Whether it succeeded.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// `busctl call` of a method with arguments as typed by a person: signature, then values.
pub async fn call(bus: &Bus, target: Target, method: &str, arguments: &[&str]) -> Output {
    let Target { name, path, interface } = target;
    run(bus, &[&["call", "--", name, path, interface, method], arguments].concat()).await
}

/// `busctl introspect` of an interface.
pub async fn introspect(bus: &Bus, target: Target) -> Output {
    run(bus, &["introspect", target.name, target.path, target.interface]).await
}

/// The lines of an introspection that tell of members of a kind: `method`, `signal`, `property`.
pub fn members<'a>(introspection: &'a str, kind: &str) -> Vec<&'a str> {
    let of_kind = |line: &&str| line.split_whitespace().nth(1) == Some(kind);
    introspection.lines().filter(of_kind).collect()
}

/// busctl with any arguments.
pub async fn run(bus: &Bus, arguments: &[&str]) -> Output {
    let mut command = Command::new("busctl");
    command.arg(format!("--address={}", bus.address())).args(["--no-pager", "--full"]);
    output(command.args(arguments)).await
}

/// What any program gives that ends by itself.
pub async fn output(command: &mut Command) -> Output {
    let name = command.as_std().get_program().to_owned();
    let output = soon("the end of a program", command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    Output {
        success: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
