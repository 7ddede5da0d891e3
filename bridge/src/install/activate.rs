//! Making the running system know what was installed, or forget it.

use std::{path::Path, process::Command};

use anyhow::{Context, bail};
use zbus::{Connection, connection::Builder};

use super::{Prefix, unit};
use crate::log::say;

/// The unit that the bus starts.
pub(crate) const UNIT: &str = "qapi-dbus.service";

/// After the files are written; a bridge that runs would go on as the old program in the old
/// sandbox, unless it is to be restarted.
pub(super) async fn installed(prefix: &Prefix, restart: bool) -> anyhow::Result<()> {
    if !prefix.user {
        // First, for the bus passes over a policy for a group that it does not know.
        run(Command::new("systemd-sysusers").arg(prefix.sysusers()))?;
        let folders = prefix.path.join("lib/tmpfiles.d/qapi-dbus.conf");
        run(Command::new("systemd-tmpfiles").arg("--create").arg(folders))?;
    }
    reload(prefix).await?;
    if restart && is_booted() {
        run(systemctl(prefix).args(["try-restart", UNIT]))?;
    }
    Ok(())
}

/// Before the files go.
pub(super) fn stop(prefix: &Prefix) -> anyhow::Result<()> {
    if is_booted() && unit(prefix, prefix.user).is_some_and(|unit| unit.exists()) {
        run(systemctl(prefix).args(["disable", "--now", UNIT]))?;
    }
    Ok(())
}

/// After the files are gone.
pub(super) async fn removed(prefix: &Prefix) -> anyhow::Result<()> {
    reload(prefix).await?;
    if !prefix.user {
        say("left: the user qapi-dbus, the groups qapi-dbus-users and qemu-monitor, \
             /run/qemu-monitors, /etc/qapi-dbus");
    }
    Ok(())
}

async fn reload(prefix: &Prefix) -> anyhow::Result<()> {
    if is_booted() {
        run(systemctl(prefix).arg("daemon-reload"))?;
    } else {
        say("no systemd runs here: it will find the units when it does");
    }
    match bus(prefix).await {
        Ok(bus) => {
            say("run   ReloadConfig of the bus");
            let name = Some("org.freedesktop.DBus");
            bus.call_method(name, "/org/freedesktop/DBus", name, "ReloadConfig", &())
                .await
                .context("having the bus read its configuration again")?;
        }
        Err(error) => {
            say(&format!("no bus runs here ({error}): it will find the files when it does"))
        }
    }
    Ok(())
}

async fn bus(prefix: &Prefix) -> zbus::Result<Connection> {
    if prefix.user { Builder::session() } else { Builder::system() }.build().await
}

fn systemctl(prefix: &Prefix) -> Command {
    let mut command = Command::new("systemctl");
    if prefix.user {
        command.arg("--user");
    }
    command
}

/// As sd_booted(3) has it.
pub(crate) fn is_booted() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    say(&format!("run   {line}"));
    let output = command.output().with_context(|| format!("starting `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, said.trim());
    }
    Ok(())
}

/// What a person does after it.
pub(super) fn next(prefix: &Prefix) -> String {
    let text = if prefix.user { USER } else { SYSTEM };
    text.replace("PREFIX", &prefix.path.to_string_lossy())
}

const USER: &str = "
Start a machine with a monitor of its own for the bridge, and call it:
  qemu-system-x86_64 -daemonize ... \\
    -qmp unix:$XDG_RUNTIME_DIR/qapi-dbus/vm1.qmp,server=on,wait=off
  busctl --user call org.qemu.Bridge /org/qemu/vm/vm1 org.qemu.QmpQapi QueryStatus
Where it does not work:
  qapi-dbus doctor --user";

// The bridge is another user than QEMU, of the socket's group: hence the mask.
const SYSTEM: &str = "
Start a machine with a monitor of its own for the bridge, and call it:
  (umask 7; qemu-system-x86_64 -daemonize ... \\
    -qmp unix:/run/qemu-monitors/vm1.qmp,server=on,wait=off)
  busctl call org.qemu.Bridge /org/qemu/vm/vm1 org.qemu.QmpQapi QueryStatus
Let others than root call it, and say what they may:
  usermod --append --groups qapi-dbus-users USER
  cp PREFIX/share/doc/qapi-dbus/examples/polkit-1/rules.d/50-qapi-dbus.rules /etc/polkit-1/rules.d/
Where it does not work:
  qapi-dbus doctor";
