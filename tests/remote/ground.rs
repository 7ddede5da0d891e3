//! Machines on this one: namespaces with a network, accounts and a `/run` of their own, that end
//! with the test and leave this machine as it is.

use qapi_dbus_tests::{
    busctl::{self, Output},
    process::{self, Process},
    release::Release,
    scratch::Scratch,
};
use std::{fs, path::Path};
use tokio::process::Command;

/// Where sshd listens: not where everybody expects it.
pub(crate) const PORT: u16 = 2222;

/// An account of each machine that is not root's; the bus of a test has to know it, too.
pub(crate) const NOBODY: &str = "nobody";

/// Who may log in and who is logged in to: accounts and keys that are nowhere else.
#[derive(Debug)]
pub(crate) struct Login(Scratch);

impl Login {
    pub(crate) async fn new() -> Self {
        let login = Self(Scratch::new());
        for key in ["host", "person"] {
            let path = login.path(key);
            let line = ["-q", "-t", "ed25519", "-N", "", "-f", &path];
            let made = busctl::output(Command::new("ssh-keygen").args(line)).await;
            assert!(made.success, "{}", made.stderr);
        }
        fs::create_dir_all(login.path("home/.ssh")).unwrap();
        for (file, text) in FILES {
            let dir = login.0.dir().to_str().unwrap();
            let text = text.replace("@dir@", dir).replace("@port@", &PORT.to_string());
            fs::write(login.path(file), text).unwrap();
        }
        let host = fs::read_to_string(login.path("host.pub")).unwrap();
        fs::write(login.path("known_hosts"), format!("* {host}")).unwrap();
        login
    }

    fn path(&self, name: &str) -> String {
        self.0.path(name).to_str().unwrap().to_owned()
    }
}

const FILES: [(&str, &str); 4] = [
    (
        "passwd",
        "root:x:0:0::@dir@/home:/bin/sh\n\
         nobody:x:65534:65534::/:/bin/sh\n\
         sshd:x:65533:65533::/run/sshd:/usr/sbin/nologin\n",
    ),
    // No password, and yet not locked.
    ("shadow", "root:*:::::::\nnobody:*:::::::\n"),
    (
        "sshd_config",
        "Port @port@\n\
         HostKey @dir@/host\n\
         AuthorizedKeysFile @dir@/person.pub\n\
         AuthenticationMethods publickey\n\
         PermitRootLogin prohibit-password\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n",
    ),
    (
        "home/.ssh/config",
        "IdentityFile @dir@/person\n\
         UserKnownHostsFile @dir@/known_hosts\n\
         Host web1\n HostName 10.86.1.2\n Port @port@\n\
         Host web2\n HostName 10.86.2.2\n Port @port@\n\
         Host web3\n HostName 10.86.3.2\n Port @port@\n",
    ),
];

/// A machine without programs of its own.
#[derive(Debug)]
pub(crate) struct Ground {
    process: Process,
    _scratch: Scratch,
}

impl Ground {
    /// Makes one whose system bus listens here.
    ///
    /// # Panics
    /// If this is not root's to make.
    pub(crate) async fn new(login: &Login, bus: &str) -> Self {
        let scratch = Scratch::new();
        let sshd = Release::ssh();
        let mut command = process::program("unshare");
        command.args(["--net", "--mount", "bash", "-c", include_str!("ground.sh"), "ground.sh"]);
        command.arg(login.0.dir()).arg(bus).arg(sshd.dir());
        let mut process = Process::start(&scratch, &mut command);
        let line = process.line().await;
        assert_eq!(line.as_deref(), Some("ready"), "only root can make a network of its own");
        Self { process, _scratch: scratch }
    }

    /// What makes a program one of this machine.
    pub(crate) fn wrapper(&self) -> [String; 5] {
        let id = self.process.id().to_string();
        ["nsenter", "--net", "--mount", "--target", &id].map(str::to_owned)
    }

    /// The command of a line, of words without spaces.
    pub(crate) fn command(&self, line: &str) -> Command {
        let [program, options @ ..] = self.wrapper();
        let mut command = process::program(program);
        command.args(options).args(line.split(' '));
        command
    }

    /// Runs a line.
    pub(crate) async fn run(&self, line: &str) -> Output {
        busctl::output(&mut self.command(line)).await
    }

    /// Runs one that has to succeed; what it prints.
    pub(crate) async fn must(&self, line: &str) -> String {
        let Output { success, stdout, stderr } = self.run(line).await;
        assert!(success, "{line}: {stderr}");
        stdout
    }

    /// Lays a cable named `name` to another machine: here is 10.86.`net`.1, there 10.86.`net`.2.
    pub(crate) async fn connect(&self, name: &str, net: usize, other: &Self) {
        let there = other.process.id();
        self.must(&format!("ip link add {name} type veth peer name eth0 netns {there}")).await;
        for (ground, link, place) in [(self, name, 1), (other, "eth0", 2)] {
            ground.must(&format!("ip address add 10.86.{net}.{place}/24 dev {link}")).await;
            ground.must(&format!("ip link set {link} up")).await;
        }
    }
}

/// A running sshd of a machine, and all who are logged in through it.
#[derive(Debug)]
pub(crate) struct Sshd {
    _process: Process,
    _scratch: Scratch,
}

impl Sshd {
    pub(crate) async fn start(ground: &Ground, login: &Login) -> Self {
        let (scratch, ssh) = (Scratch::new(), Release::ssh());
        let mut command = ground.command("unshare --pid --fork --kill-child");
        command.env("LD_LIBRARY_PATH", ssh.libraries()).arg(ssh.find("sshd"));
        command.args(["-D", "-e", "-f", &login.path("sshd_config")]);
        let process = Process::start(&scratch, &mut command);
        let listens = format!("Server listening on 0.0.0.0 port {PORT}.");
        let said = async || process.stderr().contains(&listens).then_some(());
        qapi_dbus_tests::until("sshd that listens", said).await;
        Self { _process: process, _scratch: scratch }
    }
}

/// Where a bus listens.
pub(crate) fn socket(address: &str) -> &Path {
    let path = address.split(',').next().and_then(|first| first.strip_prefix("unix:path="));
    Path::new(path.unwrap())
}
