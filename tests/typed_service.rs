//! A service written in Rust that stands on the bus by itself.

use qapi_dbus_client::{Agent, Bus as OnBus, Error, Monitor, Protocol, qga, qmp};
use qapi_dbus_tests::{bus::Bus, on_each_bus, soon};
use qapi_dbus_types::{Answer, Nothing, Refusal, interface};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
};
use zbus::{connection::Builder, object_server::SignalEmitter, proxy::CacheProperties};
use zbus_xml::Node;

on_each_bus!(
    commands_are_answered_without_a_socket,
    what_is_served_is_the_contract,
    events_and_descriptors_are_typed,
);

const PATH: &str = "/org/example/vm1";

/// An agent that has two files and no other commands.
#[derive(Clone, Default)]
struct Small {
    opened: Arc<Mutex<Vec<String>>>,
}

impl qga::Service for Small {
    async fn guest_file_open(
        &self,
        arguments: qga::command::GuestFileOpen,
    ) -> Answer<qga::command::GuestFileOpen> {
        if arguments.path == "/forbidden" {
            let (class, desc) = ("Forbidden".into(), "not that one".into());
            return Err(Refusal { class, desc });
        }
        let mut opened = self.opened.lock().unwrap();
        opened.push(format!("{} {:?}", arguments.path, arguments.mode));
        Ok(opened.len() as i64)
    }

    async fn guest_get_vcpus(
        &self,
        _: qga::command::GuestGetVcpus,
    ) -> Answer<qga::command::GuestGetVcpus> {
        let vcpu = qga::GuestLogicalProcessor::new(0, true).unlisted("name", "a\0b");
        Ok(vec![vcpu.can_offline(false)])
    }

    async fn guest_ping(&self, _: qga::command::GuestPing) -> Answer<qga::command::GuestPing> {
        Ok(Nothing)
    }
}

async fn commands_are_answered_without_a_socket(bus: Bus) {
    let service = Small::default();
    let server = builder(&bus).serve_at(PATH, qga::Interface(service.clone()));
    let (server, client) = (server.build().await.unwrap(), bus.connect().await);
    let name = server.unique_name().unwrap().as_str();
    let agent = Agent::new(OnBus::at(&client, name, PATH, Protocol::Qga));
    agent.guest_ping().await.unwrap();
    assert_eq!(agent.guest_file_open("/a").await.unwrap(), 1);
    let second = agent.guest_file_open("/b").mode("w").out_of_band();
    assert_eq!(second.await.unwrap(), 2);
    assert_eq!(*service.opened.lock().unwrap(), ["/a None", "/b Some(\"w\")"]);
    let vcpus = agent.guest_get_vcpus().await.unwrap();
    assert_eq!((vcpus[0].can_offline, &vcpus[0].unlisted["name"]), (Some(false), &json!("a\0b")));
    let error = agent.guest_file_open("/forbidden").await.unwrap_err();
    let expected = Error::Peer { class: "Forbidden".into(), desc: "not that one".into() };
    assert_eq!(error, expected);
    let error = agent.guest_get_osinfo().await.unwrap_err();
    assert_eq!((error.class(), error.may_have_run()), (Some("CommandNotFound"), false));
    let newer = qga::command::GuestFileOpen::new("/c").unlisted("colour", "red");
    let error = agent.call(newer).await.unwrap_err();
    assert_eq!(error.to_string(), "GenericError: there is no argument 'colour'");
    assert_eq!(service.opened.lock().unwrap().len(), 2);
}

fn builder(bus: &Bus) -> Builder<'_> {
    Builder::address(bus.address())
}

/// Nothing but what every command has: an answer.
struct Nobody;

impl qga::Service for Nobody {}
impl qmp::Service for Nobody {
    async fn getfd(
        &self,
        arguments: qmp::command::Getfd,
        fd: Option<OwnedFd>,
    ) -> Answer<qmp::command::Getfd> {
        let file = fs::File::from(fd.ok_or_else(|| Refusal::generic("no descriptor"))?);
        let size = file.metadata().map_err(|error| Refusal::generic(error.to_string()))?.len();
        match arguments.fdname.as_str() {
            "four" if size == 4 => Ok(Nothing),
            name => Err(Refusal::generic(format!("{name} has {size} bytes"))),
        }
    }
}

async fn what_is_served_is_the_contract(bus: Bus) {
    let server = builder(&bus)
        .serve_at("/org/example/qga", qga::Interface(Nobody))
        .serve_at("/org/example/qmp", qmp::Interface(Nobody));
    let (server, client) = (server.build().await.unwrap(), bus.connect().await);
    for (path, name) in
        [("/org/example/qga", "org.qemu.QgaQapi"), ("/org/example/qmp", "org.qemu.QmpQapi")]
    {
        let proxy = zbus::fdo::IntrospectableProxy::builder(&client)
            .destination(server.unique_name().unwrap().as_str())
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .unwrap();
        let served = members(&proxy.introspect().await.unwrap(), name);
        let contract = format!("{}/../introspection/{name}.xml", env!("CARGO_MANIFEST_DIR"));
        let contract = members(&fs::read_to_string(contract).unwrap(), name);
        assert!(contract.len() > 40);
        assert_eq!(served, contract);
    }
}

/// Signatures by name: arguments, then results.
fn members(xml: &str, interface: &str) -> BTreeMap<String, String> {
    let node = Node::from_reader(xml.as_bytes()).unwrap();
    let found = node.interfaces().iter().find(|it| it.name().as_str() == interface).unwrap();
    let arg = |arg: &zbus_xml::Arg<'_>| {
        format!("{:?} {} {}", arg.direction(), arg.name().unwrap_or_default(), arg.ty())
    };
    let methods = found.methods().map(|method| (method.name().to_string(), method.args()));
    let signals = found.signals().map(|signal| (signal.name().to_string(), signal.args()));
    let all = methods.chain(signals);
    all.map(|(name, args)| (name, args.iter().map(arg).collect::<Vec<_>>().join(", "))).collect()
}

async fn events_and_descriptors_are_typed(bus: Bus) {
    let server = builder(&bus).serve_at(PATH, qmp::Interface(Nobody)).build().await.unwrap();
    let client = bus.connect().await;
    let name = server.unique_name().unwrap().as_str();
    let monitor = Monitor::new(OnBus::at(&client, name, PATH, Protocol::Qmp));
    let mut events = monitor.events().await.unwrap();
    let emitter = SignalEmitter::new(&server, PATH).unwrap();
    let deleted = qmp::event::DeviceDeleted::new("/p").device("d").unlisted("why", json!([1]));
    interface::emit(&emitter, "org.qemu.QmpQapi", &deleted).await.unwrap();
    let heard = soon("an event", events.next_of::<qmp::event::DeviceDeleted>()).await.unwrap();
    assert_eq!(heard, deleted);
    let scratch = qapi_dbus_tests::scratch::Scratch::new();
    let path = scratch.path("four");
    fs::write(&path, "four").unwrap();
    monitor.getfd(fs::File::open(&path).unwrap(), "four").await.unwrap();
    let error = monitor.getfd(fs::File::open(&path).unwrap(), "five").await.unwrap_err();
    assert_eq!(error.to_string(), "GenericError: five has 4 bytes");
}
