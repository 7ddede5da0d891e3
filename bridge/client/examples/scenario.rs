//! A file, a program, an error and events: `scenario` through the bridge on the session bus,
//! `scenario QGA-SOCKET QMP-SOCKET` without it.

use qapi_dbus_client::{
    Agent, Bus, Monitor, Protocol::Qga, Protocol::Qmp, Socket, Transport, qmp::event,
};
use std::{env::args, error::Error, time::Duration};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if let [_, agent, monitor] = &*args().collect::<Vec<_>>() {
        return run(Socket::open(agent, Qga), Socket::open(monitor, Qmp), "/tmp/scenario").await;
    }
    let bus = zbus::Connection::session().await?;
    run(Bus::single(&bus, Qga), Bus::single(&bus, Qmp), "/tmp/scenario").await
}

/// The same, whichever way it goes.
pub(crate) async fn run<A, M>(agent: A, monitor: M, path: &str) -> Result<(), Box<dyn Error>>
where
    A: Transport,
    M: Transport,
{
    let (agent, monitor) = (Agent::new(agent), Monitor::new(monitor));
    let file = agent.guest_file_open(path).mode("w+").await?;
    let written = agent.guest_file_write(file, "aGVsbG8=").await?;
    agent.guest_file_seek(file, 0, "set").await?;
    let read = agent.guest_file_read(file).count(written.count).await?;
    println!("{} bytes: {}", read.count, read.buf_b64);
    let pid = agent.guest_exec("/bin/echo").arg(["hello"]).capture_output(true).await?.pid;
    let mut status = agent.guest_exec_status(pid).await?;
    while !status.exited {
        tokio::time::sleep(Duration::from_millis(10)).await;
        status = agent.guest_exec_status(pid).await?;
    }
    println!("exit code {:?}: {:?}", status.exitcode, status.out_data);
    let refused = agent.guest_file_close(9).await.expect_err("no such file");
    println!("{:?}, may have run: {}", refused.class(), refused.may_have_run());
    let mut events = monitor.events().await?;
    monitor.stop().await?;
    println!("stopped: {:?}", events.next_of::<event::StopEvent>().await.ok_or("gone")?);
    monitor.cont().await?;
    println!("{:?}", events.next().await.ok_or("gone")??);
    Ok(())
}
