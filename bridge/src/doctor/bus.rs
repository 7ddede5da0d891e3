//! The bus, the name on it, and polkit behind it.

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;
use zbus::{Connection, Type, connection::Builder};

use super::{PATIENCE, finding::Report, line};
use crate::{
    daemon::Bus,
    install::{Prefix, UNIT},
};

/// The bridge's name.
pub(super) const BRIDGE: &str = "org.qemu.Bridge";

const DBUS: Peer = Peer {
    name: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

const POLKIT: Peer = Peer {
    name: "org.freedesktop.PolicyKit1",
    path: "/org/freedesktop/PolicyKit1/Authority",
    interface: "org.freedesktop.PolicyKit1.Authority",
};

/// What has the bus read its policies and activation files again.
const RELOAD: &str = "call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig";

/// How the bus answers for its policy.
const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";

/// Whom to call.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) interface: &'static str,
}

/// A bus as it was found.
pub(super) struct BusSeen {
    bus: Bus,
    connection: Result<Connection, String>,
    /// Unique name of the bridge, if it runs.
    pub(super) owner: Option<String>,
}

impl BusSeen {
    pub(super) async fn look(bus: Bus) -> Self {
        let builder = match bus {
            Bus::Session => Builder::session(),
            _ => Builder::system(),
        };
        let connection = match timeout(PATIENCE, builder.build()).await {
            Ok(connection) => connection.map_err(|error| error.to_string()),
            Err(_) => Err("it takes connections and says nothing".into()),
        };
        let mut seen = Self { bus, connection, owner: None };
        seen.owner = seen.call(&DBUS, "GetNameOwner", &BRIDGE).await.ok();
        seen
    }

    /// What a call returns; the text says why not.
    pub(super) async fn call<R>(
        &self,
        peer: &Peer,
        method: &str,
        body: &(impl Serialize + Type),
    ) -> Result<R, String>
    where
        R: DeserializeOwned + Type,
    {
        let connection = self.connection.as_ref().map_err(Clone::clone)?;
        let Peer { name, path, interface } = *peer;
        let called = connection.call_method(Some(name), path, Some(interface), method, body);
        let reply = match timeout(PATIENCE, called).await {
            Ok(reply) => reply.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        reply.body().deserialize().map_err(|error| error.to_string())
    }

    pub(super) async fn examine(&self, prefix: &Prefix, user: bool, report: &mut Report) {
        if let Err(error) = &self.connection {
            let mend = match user {
                true => "log in, or put the command behind `dbus-run-session --`",
                false => "sudo systemctl start dbus.socket",
            };
            report.bad("bus", format!("{} cannot be reached: {error}", self.bus), mend);
            return;
        }
        report.good("bus", format!("{} answers", self.bus));
        self.examine_name(user, report).await;
        if !user {
            self.examine_polkit(prefix, report).await;
        }
    }

    async fn examine_name(&self, user: bool, report: &mut Report) {
        if let Some(owner) = &self.owner {
            let bridge = Peer { name: BRIDGE, path: "/", interface: "org.freedesktop.DBus.Peer" };
            match self.call::<()>(&bridge, "Ping", &()).await {
                Ok(()) => report.good("name", format!("{BRIDGE} is {owner}, and answers")),
                Err(error) if error.contains(DENIED) => report.bad(
                    "name",
                    format!("{BRIDGE} is {owner}, and the bus lets you not call it"),
                    "see `caller` above",
                ),
                Err(error) => report.bad(
                    "name",
                    format!("{BRIDGE} is {owner}, but a call fails: {error}"),
                    &line(user, "systemctl", &format!("restart {UNIT}")),
                ),
            }
        } else if self.has(BRIDGE).await {
            report.good("name", format!("{BRIDGE} is started by the first call"));
        } else {
            report.bad(
                "name",
                format!("the bus knows no service {BRIDGE}"),
                &line(user, "busctl", RELOAD),
            );
        }
    }

    async fn examine_polkit(&self, prefix: &Prefix, report: &mut Report) {
        if !self.has(POLKIT.name).await {
            let text = "there is no polkit, so every call above the bus policy is refused";
            report.bad("polkit", text, "sudo apt install polkitd");
            return;
        }
        // Action, description, message, vendor, its page and icon, three defaults, details.
        type Action = (
            String,
            String,
            String,
            String,
            String,
            String,
            u32,
            u32,
            u32,
            HashMap<String, String>,
        );
        match self.call::<Vec<Action>>(&POLKIT, "EnumerateActions", &"").await {
            Ok(actions) => {
                let ours = actions.iter().filter(|it| it.0.starts_with("org.qemu.Bridge.")).count();
                match ours {
                    0 => report.bad(
                        "polkit",
                        "polkit does not know our actions",
                        &prefix.install_command(),
                    ),
                    ours => {
                        report.good("polkit", format!("answers, and knows {ours} actions of ours"))
                    }
                }
            }
            Err(error) => {
                let text = format!("polkit does not answer, so calls are refused: {error}");
                report.bad("polkit", text, "sudo systemctl restart polkit.service");
            }
        }
    }

    /// Whether somebody has a name, or would be started for it.
    async fn has(&self, name: &str) -> bool {
        if self.call::<bool>(&DBUS, "NameHasOwner", &name).await == Ok(true) {
            return true;
        }
        let names = self.call::<Vec<String>>(&DBUS, "ListActivatableNames", &()).await;
        names.is_ok_and(|names| names.iter().any(|it| it == name))
    }
}
