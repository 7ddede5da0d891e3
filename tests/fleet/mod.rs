//! Many machines in one process: they come and go, and each is told.

mod calls;
mod config;
mod folders;

use qapi_dbus_tests::{
    bridge::in_state,
    client::{BRIDGE, Client, MANAGER, Refusal, Target},
    json::dictionary,
};
use serde_json::Value;
use std::path::Path;

/// The monitor of a machine.
fn monitor(path: &'static str) -> Target {
    Target { name: BRIDGE.name, path, interface: "org.qemu.QmpQapi" }
}

/// Waits until a monitor answers.
async fn ready(client: &Client, monitor: Target) {
    in_state(client, monitor.interface("org.qemu.QmpEndpoint"), "ready").await;
}

async fn add(client: &Client, name: &str, sockets: Value) -> Result<Value, Refusal> {
    client.call(BRIDGE, "AddVm", &(name, dictionary(sockets))).await
}

async fn remove(client: &Client, name: &str) -> Result<Value, Refusal> {
    client.call(BRIDGE, "RemoveVm", &name).await
}

/// What `GetManagedObjects` tells, by path.
async fn managed(client: &Client) -> serde_json::Map<String, Value> {
    let objects = client.call(MANAGER, "GetManagedObjects", &()).await.unwrap();
    objects.as_object().unwrap().clone()
}

/// `NAME=qmp:SOCKET`
fn option(name: &str, socket: &Path) -> String {
    format!("{name}=qmp:{}", socket.display())
}
