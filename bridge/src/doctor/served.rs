//! What the running bridge serves.

use std::{collections::HashMap, path::PathBuf};

use zbus::{OwnedObjectPath, OwnedVariant};

use super::bus::{BRIDGE, BusSeen, Peer};

/// A socket that the bridge has.
pub(super) struct Served {
    pub(super) path: String,
    pub(super) state: String,
    pub(super) version: String,
}

type Properties = HashMap<String, OwnedVariant>;

type Managed = HashMap<OwnedObjectPath, HashMap<String, Properties>>;

const MANAGER: Peer =
    Peer { name: BRIDGE, path: "/org/qemu", interface: "org.freedesktop.DBus.ObjectManager" };

/// Every socket of the bridge, if it runs and may be asked.
pub(super) async fn by(bus: &BusSeen) -> HashMap<PathBuf, Served> {
    if bus.owner.is_none() {
        return HashMap::new();
    }
    let managed: Managed = bus.call(&MANAGER, "GetManagedObjects", &()).await.unwrap_or_default();
    let mut served = HashMap::new();
    for (path, interfaces) in managed {
        for properties in interfaces.values() {
            let text = |name: &str| String::try_from(properties.get(name)?.try_clone().ok()?).ok();
            let Some(socket) = text("Socket") else { continue };
            let state = text("State").unwrap_or_default();
            let version = text("Version").unwrap_or_default();
            served.insert(socket.into(), Served { path: path.to_string(), state, version });
        }
    }
    served
}
