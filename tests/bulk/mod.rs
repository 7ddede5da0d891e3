//! What one call does by several commands of an agent: `ReadFile`, `WriteFile`, `Run`.

mod files;
mod hostile;
mod programs;

use qapi_dbus_tests::{
    client::{AGENT_ENDPOINT, Client, Refusal},
    json::dictionary,
};
use serde_json::Value;
use std::{os::fd::AsFd, path::Path};
use zbus::wire::Fd;

const TIMEOUT: &str = "org.qemu.QapiError.Unknown.Timeout";
const BAD_REPLY: &str = "org.qemu.QapiError.Unknown.BadReply";
const LIMITS: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
const IO_ERROR: &str = "org.freedesktop.DBus.Error.IOError";
const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";

/// Bytes of a file that takes several pieces, and is no multiple of any.
const SIZE: usize = 1_000_003;

async fn read_file(
    client: &Client,
    path: &Path,
    to: impl AsFd,
    options: Value,
) -> Result<Value, Refusal> {
    transfer(client, "ReadFile", path, to, options).await
}

async fn write_file(
    client: &Client,
    path: &Path,
    from: impl AsFd,
    options: Value,
) -> Result<Value, Refusal> {
    transfer(client, "WriteFile", path, from, options).await
}

async fn transfer(
    client: &Client,
    method: &str,
    path: &Path,
    fd: impl AsFd,
    options: Value,
) -> Result<Value, Refusal> {
    let body = (path.to_str().unwrap(), Fd::from(fd.as_fd()), dictionary(options));
    client.call(AGENT_ENDPOINT, method, &body).await
}

/// Bytes of which no part is like another.
fn bytes(size: usize) -> Vec<u8> {
    (0..size as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}
