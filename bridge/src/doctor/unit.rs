//! The unit, as the service manager knows it.

use std::collections::HashMap;

use super::{finding::Report, line, said::said};
use crate::install::{UNIT, is_booted};

const PROPERTIES: &str = "--property=LoadState,ActiveState,Result,NeedDaemonReload";

pub(super) fn examine(user: bool, report: &mut Report) {
    let systemctl = |rest: &str| line(user, "systemctl", rest);
    if !is_booted() {
        report.note("unit", "systemd does not run here, so nothing starts by itself", "");
        return;
    }
    let mut arguments = vec!["show", PROPERTIES, UNIT];
    arguments.extend(user.then_some("--user"));
    let Some(text) = said("systemctl", &arguments) else {
        report.bad("unit", "the service manager does not answer", &systemctl("status"));
        return;
    };
    let state: HashMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let state = |name: &str| state.get(name).copied().unwrap_or_default();
    match (state("LoadState"), state("NeedDaemonReload"), state("ActiveState")) {
        ("masked", ..) => {
            let mend = systemctl(&format!("unmask {UNIT}"));
            report.bad("unit", format!("{UNIT} is masked"), &mend);
        }
        ("loaded", "yes", _) => {
            let text = format!("{UNIT} was changed since systemd read it");
            report.bad("unit", text, &systemctl("daemon-reload"));
        }
        ("loaded", _, "failed") => {
            let text = format!("{UNIT} failed ({}); its last words tell why", state("Result"));
            let journal = line(user, "journalctl", &format!("--unit {UNIT} --lines 20"));
            let restart = systemctl(&format!("restart {UNIT}"));
            report.bad("unit", text, &format!("{journal}; {restart}"));
        }
        ("loaded", _, state @ ("active" | "reloading" | "activating")) => {
            report.good("unit", format!("{UNIT} is {state}"));
        }
        ("loaded", ..) => report.good("unit", format!("{UNIT} is started by the first call")),
        (state, ..) => {
            let text = format!("systemd does not know {UNIT} ({state})");
            report.bad("unit", text, &systemctl("daemon-reload"));
        }
    }
}
