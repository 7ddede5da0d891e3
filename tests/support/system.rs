//! Buses with the policy of a system bus, and with the files that are installed for the bridge and
//! for polkit on them.
//!
//! The files name a user and a group that the machine need not have: ones that every Debian has
//! stand for them.

use crate::{
    bus,
    process::{self, Process},
    scratch::{self, Scratch},
    until,
};
use rustix::{
    process::{Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    fs,
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};
use tokio::task::JoinHandle;

/// The files of the bridge, as in its source.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dbus-policy");

/// A user, with the groups of its processes.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// Whom the bridge runs as.
pub const SERVICE: User = User { name: "backup", uid: 34, gid: 34 };

/// One of the group that may call the bridge; the group has the same name.
pub const MEMBER: User = User { name: "games", uid: 5, gid: 60 };

/// One that has nothing to do with it.
pub const STRANGER: User = User { name: "nobody", uid: 65534, gid: 65534 };

/// The administrator.
pub const ROOT: User = User { name: "root", uid: 0, gid: 0 };

impl User {
    /// A program that runs another as this user.
    pub fn wrapper(self) -> [String; 4] {
        let Self { uid, gid, .. } = self;
        [
            "setpriv".into(),
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".into(),
        ]
    }

    /// A connection to a socket that the kernel says is this user's.
    pub fn connect(self, path: &Path) -> UnixStream {
        let path = path.to_owned();
        let stream = self.act(move || UnixStream::connect(path).unwrap());
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// A socket that the kernel says is this user's.
    pub fn listen(self, path: &Path) -> UnixListener {
        let path = path.to_owned();
        self.act(move || scratch::listener(&path))
    }

    /// Does something as this user, in a thread of its own: that of others is not changed.
    fn act<T: Send + 'static>(self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let acting = thread::spawn(move || {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            set_thread_groups(&[]).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            act()
        });
        acting.join().unwrap()
    }
}

/// The polkit action file, for the bridge's user of these tests.
pub(crate) fn actions() -> String {
    adapted("polkit-1/actions/org.qemu.Bridge.policy")
}

/// Writes the configuration of a bus, and gives its path.
pub(crate) fn configure(scratch: &Scratch, socket: &Path) -> PathBuf {
    let policy = scratch.path("org.qemu.Bridge.conf");
    fs::write(&policy, adapted("dbus-1/system.d/org.qemu.Bridge.conf")).unwrap();
    let config = scratch.path("bus.conf");
    let text = CONFIG
        .replace("@socket@", &socket.to_string_lossy())
        .replace("@bridge@", &policy.to_string_lossy());
    fs::write(&config, text).unwrap();
    config
}

fn adapted(file: &str) -> String {
    let text = fs::read_to_string(Path::new(INSTALLED).join(file)).unwrap();
    let text = text
        .replace("group=\"qapi-dbus-users\"", &format!("group=\"{}\"", MEMBER.name))
        .replace("user=\"qapi-dbus\"", &format!("user=\"{}\"", SERVICE.name))
        .replace("unix-user:qapi-dbus", &format!("unix-user:{}", SERVICE.name));
    assert!(text.contains(SERVICE.name), "{file} names no user of the bridge");
    text
}

/// dbus-broker with its own launcher, which reads the policy. It wants a journal and a service
/// manager behind another bus: both are as good as none.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) process: Process,
    _manager: (Process, Scratch),
    journal: JoinHandle<()>,
}

impl Launcher {
    pub(crate) async fn start(scratch: &Scratch, socket: &Path) -> Self {
        let inner = Scratch::new();
        let (manager, address) = bus::daemon(&inner, &bus::configure(&inner, "")).await;
        let config = configure(scratch, socket);
        let journal = UnixDatagram::bind(scratch.path("journal")).unwrap();
        journal.set_nonblocking(true).unwrap();
        let journal = tokio::net::UnixDatagram::from_std(journal).unwrap();
        let journal =
            tokio::spawn(async move { while journal.recv(&mut [0; 1 << 16]).await.is_ok() {} });
        let process = Process::start(
            scratch,
            process::program("unshare")
                .args(["--mount", "sh", "-ec", LAUNCH, "sh"])
                .arg(scratch.path("journal"))
                .arg(address)
                .args([socket, &config]),
        );
        until("a socket of dbus-broker", async || socket.exists().then_some(())).await;
        Self { process, _manager: (manager, inner), journal }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.journal.abort();
    }
}

const LAUNCH: &str = r#"
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/journal
ln -s "$1" /run/systemd/journal/socket
export DBUS_SESSION_BUS_ADDRESS="$2"
exec systemd-socket-activate -l "$3" -E DBUS_SESSION_BUS_ADDRESS --fdname=dbus.socket \
    /usr/bin/dbus-broker-launch --scope user --config-file "$4"
"#;

const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=@socket@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Properties"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>
  <include>@bridge@</include>
</busconfig>
"#;
