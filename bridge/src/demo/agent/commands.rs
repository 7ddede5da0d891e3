//! The commands that the agent has, and what it keeps between them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use qapi_dbus_types::{
    Answer, Nothing,
    qga::{
        GuestAgentCommandInfo, GuestAgentInfo, Service,
        command::{
            GuestExec, GuestExecStatus, GuestFileClose, GuestFileFlush, GuestFileOpen,
            GuestFileRead, GuestFileSeek, GuestFileWrite, GuestGetCpustats, GuestGetDiskstats,
            GuestGetHostName, GuestGetLoad, GuestGetOsinfo, GuestGetTime, GuestGetTimezone,
            GuestGetUsers, GuestGetVcpus, GuestInfo, GuestNetworkGetInterfaces, GuestPing,
            GuestSync, GuestSyncDelimited,
        },
    },
};

use super::{clock, cpu, disk, exec::Programs, file::Files, network, os, users};

/// What lasts from one command to the next.
#[derive(Debug, Default)]
pub(super) struct Machine {
    files: Mutex<Files>,
    programs: Mutex<Programs>,
}

/// What [`Service`] has below.
const COMMANDS: [&str; 22] = [
    "guest-exec",
    "guest-exec-status",
    "guest-file-close",
    "guest-file-flush",
    "guest-file-open",
    "guest-file-read",
    "guest-file-seek",
    "guest-file-write",
    "guest-get-cpustats",
    "guest-get-diskstats",
    "guest-get-host-name",
    "guest-get-load",
    "guest-get-osinfo",
    "guest-get-time",
    "guest-get-timezone",
    "guest-get-users",
    "guest-get-vcpus",
    "guest-info",
    "guest-network-get-interfaces",
    "guest-ping",
    "guest-sync",
    "guest-sync-delimited",
];

impl Machine {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn programs(&self) -> MutexGuard<'_, Programs> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Machine {
    async fn guest_exec(&self, arguments: GuestExec) -> Answer<GuestExec> {
        Ok(self.programs().start(&arguments)?)
    }

    async fn guest_exec_status(&self, arguments: GuestExecStatus) -> Answer<GuestExecStatus> {
        Ok(self.programs().status(arguments.pid)?)
    }

    async fn guest_file_close(&self, arguments: GuestFileClose) -> Answer<GuestFileClose> {
        self.files().close(arguments.handle)?;
        Ok(Nothing)
    }

    async fn guest_file_flush(&self, arguments: GuestFileFlush) -> Answer<GuestFileFlush> {
        self.files().flush(arguments.handle)?;
        Ok(Nothing)
    }

    async fn guest_file_open(&self, arguments: GuestFileOpen) -> Answer<GuestFileOpen> {
        Ok(self.files().open(&arguments)?)
    }

    async fn guest_file_read(&self, arguments: GuestFileRead) -> Answer<GuestFileRead> {
        Ok(self.files().read(&arguments)?)
    }

    async fn guest_file_seek(&self, arguments: GuestFileSeek) -> Answer<GuestFileSeek> {
        Ok(self.files().seek(&arguments)?)
    }

    async fn guest_file_write(&self, arguments: GuestFileWrite) -> Answer<GuestFileWrite> {
        Ok(self.files().write(&arguments)?)
    }

    async fn guest_get_cpustats(&self, _: GuestGetCpustats) -> Answer<GuestGetCpustats> {
        Ok(cpu::stats()?)
    }

    async fn guest_get_diskstats(&self, _: GuestGetDiskstats) -> Answer<GuestGetDiskstats> {
        Ok(disk::stats()?)
    }

    async fn guest_get_host_name(&self, _: GuestGetHostName) -> Answer<GuestGetHostName> {
        Ok(os::host_name()?)
    }

    async fn guest_get_load(&self, _: GuestGetLoad) -> Answer<GuestGetLoad> {
        Ok(cpu::load()?)
    }

    async fn guest_get_osinfo(&self, _: GuestGetOsinfo) -> Answer<GuestGetOsinfo> {
        Ok(os::info()?)
    }

    async fn guest_get_time(&self, _: GuestGetTime) -> Answer<GuestGetTime> {
        Ok(clock::time()?)
    }

    async fn guest_get_timezone(&self, _: GuestGetTimezone) -> Answer<GuestGetTimezone> {
        Ok(clock::timezone()?)
    }

    async fn guest_get_users(&self, _: GuestGetUsers) -> Answer<GuestGetUsers> {
        Ok(users::logged_in()?)
    }

    async fn guest_get_vcpus(&self, _: GuestGetVcpus) -> Answer<GuestGetVcpus> {
        Ok(cpu::processors()?)
    }

    async fn guest_info(&self, _: GuestInfo) -> Answer<GuestInfo> {
        let commands = COMMANDS.map(|name| GuestAgentCommandInfo::new(name, true, true));
        Ok(GuestAgentInfo::new(env!("CARGO_PKG_VERSION"), commands))
    }

    async fn guest_network_get_interfaces(
        &self,
        _: GuestNetworkGetInterfaces,
    ) -> Answer<GuestNetworkGetInterfaces> {
        Ok(network::interfaces()?)
    }

    async fn guest_ping(&self, _: GuestPing) -> Answer<GuestPing> {
        Ok(Nothing)
    }

    async fn guest_sync(&self, arguments: GuestSync) -> Answer<GuestSync> {
        Ok(arguments.id)
    }

    async fn guest_sync_delimited(
        &self,
        arguments: GuestSyncDelimited,
    ) -> Answer<GuestSyncDelimited> {
        Ok(arguments.id)
    }
}
