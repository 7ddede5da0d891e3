//! Runs every client of `rows/` against the bridge, with a real machine and a real agent behind it,
//! and prints which of them can do what. `tests/clients/run` installs what this needs.
//!
//! A client says what it saw, a line for each column; what it says is compared with the machine's
//! second monitor, with the disk and with the interface files. The run fails if a cell is not what
//! [`notes`] says.

mod clients;
mod column;
mod notes;
mod rig;
mod table;

use clients::CLIENTS;
use rig::{Rig, Row};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut rig = Rig::start().await;
    rig.prepare().await;
    let mut rows = Vec::new();
    for client in CLIENTS {
        rows.push(rig.run(client).await);
    }
    let table = table::markdown(&rows);
    print!("{table}");
    let mut unexpected: Vec<String> = rows.iter().flat_map(Row::unexpected).collect();
    if !README.contains(&table) {
        unexpected.push("README.md shows another table".to_owned());
    }
    for line in &unexpected {
        eprintln!("{line}");
    }
    if unexpected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const README: &str = include_str!("../../../README.md");
