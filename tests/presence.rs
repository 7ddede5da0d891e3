//! What a monitor tells of its machine decides on the state of the machine's agent.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, in_state},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR_ENDPOINT, Refusal, Target},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    until,
};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

on_each_bus!(
    an_agent_is_absent_until_its_port_is_open,
    a_reset_ends_the_calls_of_the_agent,
    a_shutdown_is_the_answer_to_the_call_for_it,
    a_stopped_machine_takes_no_call,
    a_monitor_has_no_power_over_the_agent_of_another_machine,
    an_agent_without_its_monitor_is_what_its_socket_says,
    a_forbidden_command_is_told_from_an_absent_agent,
    an_agent_that_was_left_frozen_is_known_for_it,
);

const MACHINE: &str = "/org/qemu/vm/a";
const HOUR: Duration = Duration::from_secs(3600);

/// How soon what a monitor tells has its effect, on a busy machine: far below all deadlines.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A machine whose monitor and agent follow the script of a test.
struct Machine {
    monitor: Peer,
    agent: Peer,
    /// The agent has its port open: else it hears nothing.
    open: Arc<AtomicBool>,
    /// What the monitor says that its character devices are.
    devices: Arc<Mutex<Value>>,
    status: Arc<Mutex<&'static str>>,
}

impl Machine {
    /// Its agent keeps `guest-get-time` and `guest-shutdown` without an answer.
    fn new() -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let hears = Arc::clone(&open);
        let agent = Peer::agent(move |command, _| match command {
            "guest-get-time" | "guest-shutdown" => Some(Answer::Silence),
            _ if !hears.load(Relaxed) => Some(Answer::Silence),
            _ => None,
        });
        let (devices, status) = (Arc::new(Mutex::new(json!([]))), Arc::new(Mutex::new("running")));
        let (told, state) = (Arc::clone(&devices), Arc::clone(&status));
        let monitor = Peer::monitor(move |command, _| match command {
            "query-chardev" => Some(Answer::Return(told.lock().unwrap().clone())),
            "query-status" => {
                let status = *state.lock().unwrap();
                Some(Answer::Return(json!({ "status": status, "running": status == "running" })))
            }
            _ => None,
        });
        let machine = Self { monitor, agent, open, devices, status };
        machine.has_port(&machine.agent.socket(), true);
        machine
    }

    fn has_port(&self, socket: &Path, open: bool) {
        let filename = format!("unix:{},server=on", socket.display());
        let port = json!({ "label": "qga", "filename": filename, "frontend-open": open });
        *self.devices.lock().unwrap() = json!([port]);
    }

    /// The guest opens or closes the agent's port.
    fn port(&self, open: bool) {
        self.open.store(open, Relaxed);
        self.has_port(&self.agent.socket(), open);
        self.monitor.event("VSERPORT_CHANGE", json!({ "id": "agent", "open": open }));
    }

    fn event(&self, name: &str, status: &'static str) {
        *self.status.lock().unwrap() = status;
        self.monitor.event(name, json!({}));
    }

    fn option(&self, name: &str) -> OsString {
        let mut option = OsString::from(format!("{name}=qmp:"));
        option.push(self.monitor.socket());
        option.push(",qga:");
        option.push(self.agent.socket());
        option
    }
}

fn agent(path: &'static str) -> Target {
    Target { name: "org.qemu.Bridge", path, ..AGENT }
}

fn endpoint(path: &'static str) -> Target {
    agent(path).interface(AGENT_ENDPOINT.interface)
}

async fn served(bus: &Bus, machine: &Machine) -> (Bridge, Client) {
    let bridge = Bridge::serve(bus, &["--vm".as_ref(), machine.option("a").as_ref()]).await;
    let client = Client::new(bus).await;
    in_state(&client, endpoint(MACHINE), "ready").await;
    machine.monitor.received("query-chardev", 1).await;
    (bridge, client)
}

type Calling = JoinHandle<Result<Value, Refusal>>;

/// A call that has reached the agent, which does not answer it.
async fn in_flight(client: &Client, machine: &Machine, method: &'static str) -> Calling {
    let client = client.clone();
    let patient = dictionary(json!({ "@timeout": HOUR.as_millis() as u64 }));
    let call = tokio::spawn(async move { client.call(agent(MACHINE), method, &patient).await });
    let command = if method == "GuestShutdown" { "guest-shutdown" } else { "guest-get-time" };
    machine.agent.received(command, 1).await;
    call
}

async fn refused(client: &Client, kind: &str, text: &str) {
    let start = Instant::now();
    let refusal = client.call(agent(MACHINE), "GuestPing", &()).await.unwrap_err();
    assert_eq!(refusal.name, format!("org.qemu.QapiError.NotSent.{kind}"), "{refusal}");
    assert!(refusal.text.contains(text), "{refusal}");
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

async fn lost(call: Calling) {
    let refusal = call.await.unwrap().unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.Unknown.ConnectionLost", "{refusal}");
}

async fn answers(client: &Client) {
    let ping = async || client.call(agent(MACHINE), "GuestPing", &()).await.ok();
    until("an agent that answers", ping).await;
    in_state(client, endpoint(MACHINE), "ready").await;
}

async fn an_agent_is_absent_until_its_port_is_open(bus: Bus) {
    let machine = Machine::new();
    let (_bridge, client) = served(&bus, &machine).await;
    let call = in_flight(&client, &machine, "GuestGetTime").await;
    machine.port(false);
    lost(call).await;
    in_state(&client, endpoint(MACHINE), "absent").await;
    machine.agent.forget();
    for _ in 0..3 {
        refused(&client, "NotConnected", "no agent is running in the guest").await;
    }
    assert_eq!(machine.agent.lines("guest-ping"), [""; 0], "not a byte of them was sent");
    assert_eq!(client.property(endpoint(MACHINE), "State").await.unwrap(), "absent");
    machine.port(true);
    answers(&client).await;
}

async fn a_reset_ends_the_calls_of_the_agent(bus: Bus) {
    let machine = Machine::new();
    let (_bridge, client) = served(&bus, &machine).await;
    for event in ["RESET", "SHUTDOWN"] {
        let call = in_flight(&client, &machine, "GuestGetTime").await;
        machine.event(event, "running");
        lost(call).await;
        answers(&client).await;
        machine.agent.forget();
    }
}

async fn a_shutdown_is_the_answer_to_the_call_for_it(bus: Bus) {
    let machine = Machine::new();
    let (_bridge, client) = served(&bus, &machine).await;
    let call = in_flight(&client, &machine, "GuestShutdown").await;
    machine.event("SHUTDOWN", "shutdown");
    assert_eq!(call.await.unwrap(), Ok(Value::Null));
    in_state(&client, endpoint(MACHINE), "absent").await;
    machine.event("STOP", "shutdown");
    let run_state = async || {
        let monitor = endpoint(MACHINE).interface(MONITOR_ENDPOINT.interface);
        (client.property(monitor, "RunState").await.unwrap() == "shutdown").then_some(())
    };
    until("a machine that is shut down", run_state).await;
    refused(&client, "NotConnected", "the machine is shut down; SystemReset").await;
}

async fn a_stopped_machine_takes_no_call(bus: Bus) {
    let machine = Machine::new();
    let (_bridge, client) = served(&bus, &machine).await;
    let call = in_flight(&client, &machine, "GuestGetTime").await;
    machine.event("STOP", "paused");
    in_state(&client, endpoint(MACHINE), "unresponsive").await;
    refused(&client, "Busy", "the machine is stopped; Cont resumes it").await;
    machine.event("RESUME", "running");
    in_state(&client, endpoint(MACHINE), "ready").await;
    machine.agent.reply("guest-get-time", json!(7));
    assert_eq!(call.await.unwrap(), Ok(json!(7)), "what the agent had got is answered");
    machine.agent.forget();
    machine.event("SUSPEND", "suspended");
    in_state(&client, endpoint(MACHINE), "unresponsive").await;
    refused(&client, "Busy", "the machine is suspended; SystemWakeup wakes it").await;
    machine.event("WAKEUP", "running");
    answers(&client).await;
    let lines = machine.agent.all();
    let first = lines.iter().position(|line| line.contains("guest-ping")).unwrap();
    assert!(lines[..first].iter().any(|line| line.contains("guest-sync-delimited")), "{lines:?}");
}

async fn a_monitor_has_no_power_over_the_agent_of_another_machine(bus: Bus) {
    let (machine, hostile) = (Machine::new(), Machine::new());
    let options = [machine.option("a"), hostile.option("b")];
    let options: Vec<_> =
        options.iter().flat_map(|option| ["--vm".as_ref(), option.as_os_str()]).collect();
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    for path in [MACHINE, "/org/qemu/vm/b"] {
        in_state(&client, endpoint(path), "ready").await;
    }
    let call = in_flight(&client, &machine, "GuestGetTime").await;
    hostile.has_port(&machine.agent.socket(), false);
    let asked = hostile.monitor.lines("query-chardev").len();
    for event in ["VSERPORT_CHANGE", "STOP", "RESET", "SHUTDOWN"] {
        hostile.event(event, "shutdown");
    }
    hostile.monitor.received("query-chardev", asked + 1).await;
    hostile.monitor.event("VSERPORT_CHANGE", json!({}));
    hostile.monitor.received("query-chardev", asked + 2).await;
    assert_eq!(client.property(endpoint(MACHINE), "State").await.unwrap(), "ready");
    machine.agent.reply("guest-get-time", json!(7));
    assert_eq!(call.await.unwrap(), Ok(json!(7)));
}

async fn an_agent_without_its_monitor_is_what_its_socket_says(bus: Bus) {
    let machine = Machine::new();
    let (_bridge, client) = served(&bus, &machine).await;
    machine.event("STOP", "paused");
    in_state(&client, endpoint(MACHINE), "unresponsive").await;
    machine.monitor.restart(HOUR);
    answers(&client).await;
}

/// Both are refusals, and a client has to do different things about them.
async fn a_forbidden_command_is_told_from_an_absent_agent(bus: Bus) {
    let agent = Agent::without("guest-exec,guest-get-time").await;
    let (_bridge, client) = Bridge::with_agent(&bus, &agent.socket()).await;
    let refusal = client.call(AGENT, "GuestGetTime", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.CommandNotFound");
    assert!(refusal.text.contains("guest-get-time has been disabled"), "{refusal}");
    let commands = client.property(AGENT_ENDPOINT, "Commands").await.unwrap();
    let offers = |command: &str| commands.as_array().unwrap().contains(&json!(command));
    assert!(offers("guest-ping") && !offers("guest-get-time") && !offers("guest-exec"));
    client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn an_agent_that_was_left_frozen_is_known_for_it(bus: Bus) {
    let agent = Agent::frozen().await;
    let _bridge = Bridge::serve(&bus, &["--qga".as_ref(), agent.socket().as_os_str()]).await;
    let client = Client::new(&bus).await;
    in_state(&client, AGENT_ENDPOINT, "frozen").await;
    client.call(AGENT, "GuestPing", &()).await.unwrap();
    let refusal = client.call(AGENT, "GuestGetTime", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.CommandNotFound", "{refusal}");
    let commands = client.property(AGENT_ENDPOINT, "Commands").await.unwrap();
    let offers = |command: &str| commands.as_array().unwrap().contains(&json!(command));
    assert!(offers("guest-fsfreeze-thaw") && !offers("guest-get-time"), "{commands}");
}
