//! A file, a program, an error and events: `scenario` through the bridge on the session bus,
//! `scenario QGA-SOCKET QMP-SOCKET` without it.

use qapi_dbus_client::{Agent, Monitor, Transport, qmp::event::StopEvent};
use std::{env::args, error::Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if let [_, agent, monitor] = &*args().collect::<Vec<_>>() {
        return run(Agent::open(agent), Monitor::open(monitor), "/tmp/scenario").await;
    }
    let bus = zbus::Connection::session().await?;
    run(Agent::single(&bus), Monitor::single(&bus), "/tmp/scenario").await
}

/// The same, whichever way it goes.
pub(crate) async fn run(
    agent: Agent<impl Transport>,
    monitor: Monitor<impl Transport>,
    path: &str,
) -> Result<(), Box<dyn Error>> {
    let file = agent.guest_file_open(path).mode("w+").await?;
    let written = agent.guest_file_write(file, "aGVsbG8=").await?;
    agent.guest_file_seek(file, 0, "set").await?;
    let read = agent.guest_file_read(file).count(written.count).await?;
    println!("read back {} bytes: {}", read.count, read.buf_b64);
    agent.guest_file_close(file).await?;
    let pid = agent.guest_exec("/bin/cat").arg([path]).capture_output(true).await?.pid;
    let status = agent.ended(pid).await?;
    println!("exit code {:?}: {:?}", status.exitcode, status.out_data);
    let refused = agent.guest_file_close(file).await.expect_err("closed already");
    println!("{:?}, may have run: {}", refused.class(), refused.may_have_run());
    let mut events = monitor.events().await?;
    monitor.stop().await?;
    println!("stopped: {:?}", events.next_of::<StopEvent>().await.ok_or("gone")?);
    monitor.cont().await?;
    println!("{:?}", events.next().await.ok_or("gone")??);
    Ok(())
}
