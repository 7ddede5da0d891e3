//! The traits that zbus-xmlgen writes.

// What is unused depends on the interface; the text is not ours.
#![allow(dead_code)]

mod qga_endpoint;
mod qga_qapi;
mod qmp_endpoint;
mod qmp_qapi;

use futures_util::StreamExt;
use qga_qapi::QgaQapiProxy as Qga;
use qmp_endpoint::QmpEndpointProxy as Endpoint;
use qmp_qapi::QmpQapiProxy as Qmp;
use std::{collections::HashMap, env, time::Duration};
use tokio::time::timeout;
use zbus::{Connection, Variant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> zbus::Result<()> {
    let bus = Connection::session().await?;
    let qmp = Qmp::builder(&bus).destination("org.qemu.qmp").path("/org/qemu/qmp").build().await?;
    let endpoint =
        Endpoint::builder(&bus).destination("org.qemu.qmp").path("/org/qemu/qmp").build().await?;
    let qga = Qga::builder(&bus).destination("org.qemu.qga").path("/org/qemu/qga").build().await?;
    introspect();
    calls(&qmp, &qga).await?;
    listen(&qmp, &endpoint).await
}

fn introspect() {
    let generated = include_str!("qmp_qapi.rs");
    let members = generated.matches("    fn ").count();
    let signals = generated.matches("#[zbus(signal)]").count();
    println!("introspect {} {signals}", members - signals);
}

async fn calls(qmp: &Qmp<'_>, qga: &Qga<'_>) -> zbus::Result<()> {
    println!("no-argument {}", <&str>::try_from(&qmp.query_status().await?["status"])?);
    let path = env::var("FILE").unwrap();
    let handle = qga.guest_file_open(&path, HashMap::from([("mode", &"w".into())])).await?;
    println!("optional {handle}");
    let file = HashMap::from([("driver", Variant::from("null-co")), ("size", 65536i64.into())]);
    let (node, file) = (env::var("NODE").unwrap().into(), Variant::from(file));
    qmp.blockdev_add("raw", HashMap::from([("node-name", &node), ("file", &file)])).await?;
    println!("nested added");
    if let Err(zbus::Error::MethodError(name, text, _)) = qmp.device_del("missing").await {
        println!("error {name} {}", text.unwrap_or_default());
    }
    Ok(())
}

async fn listen(qmp: &Qmp<'_>, endpoint: &Endpoint<'_>) -> zbus::Result<()> {
    let mut stops = qmp.receive_stop_event().await?;
    let mut changes = endpoint.receive_run_state_changed().await;
    let before = changes.next().await.expect("the bus is there").get().await?;
    let state = endpoint.state().await?;
    qmp.stop().await?;
    println!("stop returned");
    let stopped = timeout(PATIENCE, stops.next()).await.expect("a signal in time").unwrap();
    println!("signal {}", u64::try_from(&stopped.args()?.optional["@timestamp"])?);
    let mut after = before.clone();
    while after == before {
        let change = timeout(PATIENCE, changes.next()).await.expect("a change in time").unwrap();
        after = change.get().await?;
    }
    println!("property {state} {after}");
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(10);
