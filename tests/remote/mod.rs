//! Hosts that are reached from elsewhere: through ssh, the remote transport of every bus.

mod fleet;
mod ground;
mod host;

use ground::{Login, NOBODY, PORT};
use host::Host;
use qapi_dbus_tests::{
    bridge::program, bus::Bus, on_each_bus, process::Process, scratch::Scratch, until,
};

on_each_bus!(busctl_reaches_a_host, the_program_itself_reaches_a_host, the_login_is_who_calls);

/// A machine there.
const ONE: &str = "org.qemu.Bridge /org/qemu/vm/one";

/// busctl with this host, as this account.
fn busctl(account: &str, line: &str) -> String {
    format!("busctl --no-pager --host {account}@127.0.0.1:{PORT} {line}")
}

async fn busctl_reaches_a_host(bus: Bus) {
    let login = Login::new().await;
    let host = Host::start(bus, &login).await;
    let root = |line: String| busctl("root", &line);
    let state = root(format!("get-property {ONE} org.qemu.QmpEndpoint State"));
    until("a monitor that is ready", async || {
        (host.ground.must(&state).await == "s \"ready\"\n").then_some(())
    })
    .await;
    let call = root(format!("call {ONE} org.qemu.QmpQapi QueryStatus"));
    let status = host.ground.must(&call).await;
    assert_eq!(status, "a{sv} 2 \"running\" b true \"status\" s \"running\"\n");
    let unknown = root(format!("call {ONE} org.qemu.QmpQapi QueryName"));
    let refused = host.ground.run(&unknown).await;
    assert!(!refused.success && refused.stderr.contains("CommandNotFound"), "{}", refused.stderr);
    let tree = host.ground.must(&root("tree --list org.qemu.Bridge".to_owned())).await;
    assert!(tree.lines().any(|line| line == "/org/qemu/vm/two"), "{tree}");

    let scratch = Scratch::new();
    let monitor = root("monitor org.qemu.Bridge".to_owned());
    let mut monitor = Process::start(&scratch, &mut host.ground.command(&monitor));
    until("busctl that listens", async || {
        monitor.stderr().contains("Monitoring bus message stream").then_some(())
    })
    .await;
    host.one.pause();
    let mut said = String::new();
    while !(said.contains("Member=StopEvent") && said.contains("STRING \"paused\"")) {
        said += &monitor.line().await.expect("busctl goes on");
    }
}

async fn the_program_itself_reaches_a_host(bus: Bus) {
    let login = Login::new().await;
    let host = Host::start(bus, &login).await;
    let program = program().display();
    let line = |verb: &str, rest: &str| {
        format!("{program} {verb} --host root@127.0.0.1:{PORT} --vm one {rest}")
    };
    until("a monitor that is ready", async || {
        let status = host.ground.run(&line("call", "query-status")).await;
        (status.stdout == "running  true\nstatus   running\n").then_some(())
    })
    .await;
    let list = host.ground.must(&line("list", "machines")).await;
    assert!(list.lines().any(|line| line.starts_with("one      ready")), "{list}");
    let refused = host.ground.run(&line("call", "query-name")).await;
    assert!(!refused.success && refused.stderr.contains("CommandNotFound"), "{}", refused.stderr);

    let scratch = Scratch::new();
    let mut wait = host.ground.command(&line("wait", "STOP --timeout 60"));
    let mut wait = Process::start(&scratch, &mut wait);
    let ended = async { wait.exit().await };
    let told = async {
        loop {
            host.one.pause();
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        status = ended => assert!(status.success(), "{status}"),
        () = told => {}
    }
    let nobody = format!("{program} list --host nobody@127.0.0.1:1");
    let nobody = host.ground.run(&nobody).await;
    assert!(nobody.stderr.contains("-> try `ssh nobody@127.0.0.1:1"), "{}", nobody.stderr);
}

/// The bus sees the account of the login, whoever the person is elsewhere, and its policy holds.
async fn the_login_is_who_calls(bus: Bus) {
    let login = Login::new().await;
    let host = Host::start(bus.system().await, &login).await;
    let call = format!("call {ONE} org.qemu.QmpEndpoint Call sa{{sv}} query-status 0");
    until("a monitor that is ready", async || {
        host.ground.run(&busctl("root", &call)).await.success.then_some(())
    })
    .await;
    let refused = host.ground.run(&busctl(NOBODY, &call)).await;
    assert!(!refused.success && refused.stderr.contains("ccess"), "{}", refused.stderr);
    for account in ["root", NOBODY] {
        let list = host.ground.must(&busctl(account, "list --unique")).await;
        let callers = list.lines().filter(|line| line.contains(&format!(" {account} ")));
        assert_eq!(callers.count(), 1, "{list}");
    }
}
