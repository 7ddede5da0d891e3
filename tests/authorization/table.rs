//! Each kind of caller, each class, each bus.

use super::{AGENT1, CHALLENGE, DENIED, Host, SILENT, VM1};
use qapi_dbus_tests::{
    bus::Bus,
    client::{Client, Refusal, Target},
    on_each_bus,
    system::{MEMBER, ROOT, STRANGER},
};
use serde_json::{Value, json};

on_each_bus!(each_caller_gets_what_the_table_says, nobody_else_takes_the_name_or_hears_signals);

/// A rule as an administrator writes it: the member may look and control.
const OPERATOR: &str = r#"
polkit.addRule(function(action, subject) {
    var allowed = ["org.qemu.Bridge.read", "org.qemu.Bridge.control"];
    if (allowed.indexOf(action.id) >= 0 && subject.isInGroup("games"))
        return polkit.Result.YES;
});
"#;

/// A command of each class.
const CLASSES: [(&str, Target, &str, &[&str]); 6] = [
    ("read", VM1, "QueryName", &[]),
    ("read-sensitive", VM1, "QomGet", &["/objects/s0", "data"]),
    ("control", VM1, "Cont", &[]),
    ("destructive", VM1, "SystemReset", &[]),
    ("guest-exec", AGENT1, "GuestExec", &["/bin/true"]),
    ("host", VM1, "Screendump", &["/tmp/screen.ppm"]),
];

async fn each_caller_gets_what_the_table_says(bus: Bus) {
    let mut table = String::from(
        "| caller | polkit | read | read-sensitive | control | destructive | guest-exec | host |\n",
    );
    for (rules, title, member) in [
        (SILENT, "defaults", [CHALLENGE; 6]),
        (
            OPERATOR,
            "may read and control",
            ["done", CHALLENGE, "done", CHALLENGE, CHALLENGE, CHALLENGE],
        ),
    ] {
        let host = Host::new(&bus, rules).await;
        for (user, expected) in [(STRANGER, [DENIED; 6]), (MEMBER, member), (ROOT, ["done"; 6])] {
            let client = host.client(user).await;
            let mut row = format!("| {} | {title} |", user.name);
            for ((class, target, method, arguments), expected) in CLASSES.iter().zip(expected) {
                let result = call(&client, *target, method, arguments).await;
                let outcome = super::outcome(&result);
                assert_eq!(outcome, expected, "{} {class}: {result:?}", user.name);
                row += &format!(" {} |", outcome.rsplit('.').next().unwrap());
            }
            table += &row;
            table.push('\n');
        }
        // Nothing of what was refused reached the machine, and all of it is in the log.
        let done = |class: usize| 1 + usize::from(member[class] == "done");
        for (at, command) in [(1, "qom-get"), (2, "cont"), (3, "system_reset"), (5, "screendump")] {
            assert_eq!(host.asked(command), done(at), "{command}");
        }
        let refused = member.iter().filter(|outcome| **outcome != "done").count();
        assert_eq!(host.audited(&["refused", "uid=5 "]), refused, "{}", host.bridge.log());
        assert_eq!(host.audited(&["allowed", "uid=0 ", "machine=\"vm1\""]), 5);
        assert_eq!(host.audited(&["uid=65534"]), 0);
        assert!(!host.bridge.log().contains("/objects/s0"), "arguments are in the log");
    }
    println!("{table}");
}

async fn call(
    client: &Client,
    target: Target,
    method: &str,
    arguments: &[&str],
) -> Result<Value, Refusal> {
    match arguments {
        [] => client.call(target, method, &()).await,
        [one] => client.call(target, method, &one).await,
        [one, two, ..] => client.call(target, method, &(one, two)).await,
    }
}

async fn nobody_else_takes_the_name_or_hears_signals(bus: Bus) {
    let host = Host::new(&bus, SILENT).await;
    let [stranger, member] = [host.client(STRANGER).await, host.client(MEMBER).await];
    for client in [&stranger, &member, &host.root] {
        client.connection().request_name("org.qemu.Bridge").await.unwrap_err();
    }
    let mut heard = member.signals(VM1).await;
    let mut deaf = stranger.signals(VM1).await;
    let event = json!({ "event": "STOP", "timestamp": { "seconds": 1, "microseconds": 0 } });
    host.monitors[0].send(format!("{event}\r\n"));
    heard.named("StopEvent").await;
    // The bus has told everybody whom it tells before it answers the next call.
    stranger.owner("org.qemu.Bridge").await.unwrap();
    assert!(deaf.is_silent(), "a stranger hears the machine");
}
