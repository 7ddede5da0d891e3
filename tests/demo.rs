//! The demonstration, as a newcomer runs it.

use qapi_dbus_tests::{
    bridge,
    process::{self, Process},
    scratch::Scratch,
};

#[tokio::test]
async fn it_shows_its_calls_and_ends() {
    let scratch = Scratch::new();
    let mut command = process::program(bridge::program());
    let mut demo = Process::start(&scratch, command.args(["demo", "--once"]));
    let mut text = String::new();
    while let Some(line) = demo.line().await {
        text = text + &line + "\n";
    }
    let status = demo.exit().await;
    assert!(status.success(), "{status}\n{text}");
    assert!(text.contains("busctl"), "{text}");
    assert!(text.contains("GuestInfo") || text.contains("GuestPing"), "{text}");
}
