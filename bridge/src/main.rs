//! The `qapi-dbus` command.

use std::process::ExitCode;

use clap::Parser;
use qapi_dbus::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Cli::parse().run().await
}
