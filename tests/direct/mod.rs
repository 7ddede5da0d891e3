//! Connections to the bridge itself, beside a bus and without one.

mod clients;
mod hostile;
mod users;

use qapi_dbus_tests::{
    bridge::connected, bus::Bus, client::MONITOR_ENDPOINT, peer::Peer, stage::Stage,
};

/// A bridge for this monitor that takes connections, too, and where.
async fn listening(bus: &Bus, peer: &Peer) -> (Stage, Bus) {
    let (own, socket) = (Bus::of_bridge(), peer.socket());
    let options =
        ["--listen".as_ref(), own.address().as_ref(), "--qmp".as_ref(), socket.as_os_str()];
    let mut stage = Stage::serve(bus, &options).await;
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.begin().await;
    (stage, own)
}
