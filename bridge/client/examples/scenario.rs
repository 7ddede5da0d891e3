//! A file, a program, an error and events: through the bridge, or on sockets, `scenario QGA QMP`.

use qapi_dbus_client::Protocol::{Qga, Qmp};
use qapi_dbus_client::{Agent, Bus, Monitor, Socket, Transport, qmp::event};
use std::{env::args, error::Error, time::Duration};
type Done = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    if let [_, agent, monitor] = &*args().collect::<Vec<_>>() {
        return run(Socket::open(agent, Qga), Socket::open(monitor, Qmp), "/tmp/scenario").await;
    }
    let bus = zbus::Connection::session().await?;
    run(Bus::single(&bus, Qga), Bus::single(&bus, Qmp), "/tmp/scenario").await
}

/// The same, whichever way it goes.
pub(crate) async fn run(agent: impl Transport, monitor: impl Transport, path: &str) -> Done {
    let (agent, monitor) = (Agent::new(agent), Monitor::new(monitor));
    let file = agent.guest_file_open(path).mode("w+").await?;
    agent.guest_file_write(file, "aGVsbG8=").await?;
    agent.guest_file_seek(file, 0, "set").await?;
    println!("read back {}", agent.guest_file_read(file).await?.buf_b64);
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
