//! Callers that leave the bus: what they held or waited for ends with them.

use zbus::{Connection, Message};

use super::{gate::Gate, objects::Objects};

const BUS: &str = "org.freedesktop.DBus";

/// Those of everybody: rules for callers one by one would run out, and come too late for those
/// that leave at once.
const RULE: &str = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
                    member='NameOwnerChanged',arg2=''";

/// Has the bus tell of departures from now on.
///
/// # Errors
///
/// The bus refuses, or the connection ended.
///
/// # Cancel safety
///
/// Cancelled, it may have been asked already.
pub async fn watch(connection: &Connection) -> zbus::Result<()> {
    let path = "/org/freedesktop/DBus";
    connection.call_method(Some(BUS), path, Some(BUS), "AddMatch", &RULE).await.map(drop)
}

/// Takes a signal, which anybody may have sent.
pub(super) fn signal(message: &Message, objects: &Objects, gate: &Gate) {
    let header = message.header();
    let by_bus = header.sender().is_some_and(|sender| sender.as_str() == BUS);
    let changed = header.member().is_some_and(|member| member == "NameOwnerChanged");
    if !by_bus || !changed {
        return;
    }
    if let Ok((name, _, "")) = message.body().deserialize::<(&str, &str, &str)>() {
        forget(name, objects, gate);
    }
}

/// Ends what somebody held or waited for.
pub(super) fn forget(name: &str, objects: &Objects, gate: &Gate) {
    gate.forget(name);
    objects.endpoints().iter().for_each(|endpoint| endpoint.forget(name));
}
