//! `qapi-dbus call`: one command.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{
    descriptor,
    fault::Fault,
    live::Live,
    machine::{Endpoint, Manner},
    schema::Schema,
    target::Target,
    tell,
    words::Words,
};
use crate::{endpoint::Protocol, transcode::shape::Method};

pub(super) const HELP: &str = "Arguments:
  NAME=VALUE     by the type of the member: text, 12, 0x1f, 4G, on, off; elements of a list one by one
  NAME.NAME=…    a member of a member
  NAME=@FILE     the text of a file, without the end of its last line; NAME=- of standard input
  NAME:=JSON     JSON as it is
  {JSON} @FILE - all of them as one JSON object
  fd=@FILE       of add-fd and getfd: the file, for reading and writing, or for reading where only that is
                 allowed; fd=NUMBER a descriptor as the shell opened it

Examples:
  qapi-dbus call query-status
  qapi-dbus call guest-file-open path=/etc/hostname mode=r
  qapi-dbus call blockdev-add driver=qcow2 node-name=d file.driver=file file.filename=/d.qcow2
  qapi-dbus call add-fd fdset-id=1 fd=3 3<disk.img
  qapi-dbus call --vm vm1 --json query-block | jq";

/// Run a command.
#[derive(Args, Debug)]
pub struct Call {
    #[command(flatten)]
    pub(super) target: Target,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Seconds until it fails, 0 for never; else the bridge's own deadline
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Overtake what waits, where the command and QEMU allow it
    #[arg(long)]
    oob: bool,
    /// QAPI name, as `query-status`, or the name of the D-Bus method
    command: String,
    /// Its arguments
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,
}

impl Call {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let schema = Schema::of(Protocol::Qmp);
        let known = schema.command(&self.command).and_then(|it| schema.interface.command(it));
        if self.target.place.is_remote() && known.is_some_and(descriptor::is_taken_by) {
            return Err(Fault::usage("a descriptor does not reach another host")
                .advise(format!("run it there: ssh HOST qapi-dbus call {} …", self.command)));
        }
        let machine = self.target.machine().await?;
        let (endpoint, command) = machine.serving(&self.command).await?;
        let result = self.send(endpoint, &command).await.map_err(|fault| match fault.code {
            // The peer's own words name the member, but not what there is.
            1 | 2 if !self.arguments.is_empty() || fault.says("is missing") => {
                fault.or_advise(format!("`qapi-dbus show {command}` says what it takes"))
            }
            _ => fault,
        })?;
        tell(&result, self.json)
    }

    async fn send(&self, endpoint: &Endpoint, command: &str) -> Result<Value, Fault> {
        let schema = endpoint.schema();
        let manner = Manner { deadline: self.timeout, out_of_band: self.oob };
        let passes = |method: &&Method| descriptor::is_taken_by(method);
        if let Some(method) = schema.interface.command(command).filter(passes) {
            let (fd, words) = descriptor::take(&self.arguments)?;
            let arguments = Words::read(&words)?.arguments(schema.arguments(command))?;
            return descriptor::pass(endpoint, method, fd, arguments, manner).await;
        }
        let words = Words::read(&self.arguments)?;
        let known = schema.arguments(command);
        let arguments = match words.fit(known) {
            true => words.arguments(known),
            // A newer peer tells what they are.
            false => words.arguments(Live::of(endpoint).await.schema().arguments(command)),
        }?;
        endpoint.run(command, &arguments, manner).await
    }
}

/// A time as people write it.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok();
    let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    time.ok_or_else(|| "write a number of seconds, as 2.5".to_owned())
}
