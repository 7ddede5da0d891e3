//! The `qapi-dbus` command.

use std::process::ExitCode;

use clap::Parser;
use qapi_dbus::{cli::Cli, heap};

fn main() -> ExitCode {
    heap::settle();
    run()
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> ExitCode {
    Cli::parse().run().await
}
