//! A real guest: Debian's kernel, busybox and qemu-ga, booted without hardware support.

use crate::{cpio::Archive, process::Process, qemu::Qemu, scratch::Scratch, target_dir};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A machine that boots and runs an agent on virtio-serial.
#[derive(Debug)]
pub struct Guest {
    machine: Qemu,
    _room: SemaphorePermit<'static>,
}

/// Each takes a processor for itself while it boots: more at a time only make each other late.
static ROOM: Semaphore = Semaphore::const_new(2);

impl Guest {
    /// Starts it; the agent answers some seconds later, and is started again when it ends.
    pub async fn boot() -> Self {
        let room = ROOM.acquire().await.unwrap();
        let scratch = Scratch::new();
        let initramfs = scratch.path("initramfs");
        fs::write(&initramfs, image()).unwrap();
        let kernel = kernel("vmlinuz").to_string_lossy().into_owned();
        let agent = format!("socket,id=qga,server=on,wait=off,path={AGENT}");
        let arguments = [
            ["-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "192"].as_slice(),
            &["-kernel", &kernel, "-initrd", "initramfs"],
            &["-append", APPEND, "-serial", "file:console"],
            &["-device", "virtio-serial-pci", "-chardev", &agent, "-device", PORT, "-no-reboot"],
        ]
        .concat();
        Self { machine: Qemu::start_in(scratch, &arguments).await, _room: room }
    }

    /// The agent's socket.
    pub fn agent(&self) -> PathBuf {
        self.machine.path(AGENT)
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Qemu {
        &mut self.machine
    }

    /// Waits until the machine is off.
    pub async fn off(&mut self) {
        let process: &mut Process = self.machine.process();
        let status = process.exit().await;
        assert!(status.success(), "QEMU ends with {status}");
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let console = fs::read(self.machine.path("console")).unwrap_or_default();
            eprintln!("--- console of the guest:\n{}", String::from_utf8_lossy(&console));
        }
    }
}

const AGENT: &str = "qga.sock";
/// A busy host starves the timer that the kernel would check.
const APPEND: &str = "console=ttyS0 quiet panic=-1 no_timer_check";

const PORT: &str = "virtserialport,chardev=qga,id=agent,name=org.qemu.guest_agent.0";

/// In the order in which each finds what it needs.
const MODULES: [&str; 6] = [
    "virtio_ring.ko",
    "virtio.ko",
    "virtio_pci_modern_dev.ko",
    "virtio_pci_legacy_dev.ko",
    "virtio_pci.ko",
    "virtio_console.ko",
];

const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in @modules@; do insmod /modules/$module; done
until [ -e /dev/vport0p1 ] || [ -e /dev/vport1p1 ]; do sleep 0.1; done
while true; do
    echo agent starts
    rm -f /run/qga.pid
    qemu-ga --method virtio-serial --path /dev/vport*p1 --statedir /run --pidfile /run/qga.pid
    sleep 2
done
";

/// What qemu-ga runs for guest-shutdown.
const SHUTDOWN: &str = "#!/bin/busybox sh
exec /bin/busybox poweroff -f
";

fn image() -> Vec<u8> {
    let mut archive = Archive::default();
    for name in ["bin", "sbin", "dev", "proc", "sys", "run", "etc", "lib", "modules", "tmp"] {
        archive.directory(name);
    }
    archive.device("dev/console", (5, 1));
    archive.link("lib64", "lib");
    archive.file("init", INIT.replace("@modules@", &MODULES.join(" ")).as_bytes());
    archive.link("sbin/hwclock", "/bin/busybox");
    archive.file("sbin/shutdown", SHUTDOWN.as_bytes());
    archive.file("etc/os-release", b"ID=qapi-dbus-guest\nNAME=\"Guest of a test\"\n");
    archive.file("bin/busybox", &read(&program("busybox")));
    for module in MODULES {
        archive.file(&format!("modules/{module}"), &read(&kernel(module)));
    }
    let agent = program("qemu-ga");
    archive.file("bin/qemu-ga", &read(&agent));
    for library in libraries(&agent) {
        archive.file(&format!("lib/{}", name(&library)), &read(&library));
    }
    archive.finish()
}

/// A file of the kernel's package, which tests/run has unpacked.
fn kernel(file: &str) -> PathBuf {
    target_dir().join("guest").join(file)
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(sbin)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing; tests/run installs it"))
}

/// The shared libraries that a program loads, its loader among them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| {
        panic!("{}: {error}; tests/run provides what the guest needs", path.display())
    })
}
