//! The machines of several hosts in one list that is kept up to date, through ssh.
//!
//! ```console
//! $ cargo run --example fleet -- web1 root@web2
//! ```
//!
//! Nothing of it but the names comes from the bridge: what a list of all machines takes is an
//! ObjectManager, `PropertiesChanged`, and the transport that systemd brings to each host.

mod host;
mod machines;
mod view;

use clap::Parser;
use std::{io::IsTerminal, process::ExitCode};
use tokio::sync::mpsc;
use view::View;

/// Lists the machines of several hosts, and each change.
#[derive(Debug, Parser)]
struct Cli {
    /// Hosts as ssh takes them: a name of its configuration, or USER@NAME.
    #[arg(required = true)]
    hosts: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (news, mut heard) = mpsc::channel(NEWS);
    for host in Cli::parse().hosts {
        tokio::spawn(host::follow(host, news.clone()));
    }
    let mut view = View::new(std::io::stdout().is_terminal());
    loop {
        let shown = tokio::select! {
            Some(news) = heard.recv() => view.show(news),
            _ = tokio::signal::ctrl_c() => return ExitCode::SUCCESS,
        };
        if shown.is_err() {
            return ExitCode::FAILURE;
        }
    }
}

/// So many wait to be shown before the hosts are no longer read.
const NEWS: usize = 64;
