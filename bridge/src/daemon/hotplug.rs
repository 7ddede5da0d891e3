//! Machines that appear and vanish with the sockets in folders, as inotify(7) tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    ffi::{OsStr, OsString},
    future::pending,
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::watch,
    task::yield_now,
    time::sleep,
};
use tracing::{info, warn};

use crate::{
    bus::guard::Outbox,
    endpoint::{Pace, register},
};

use super::{
    folder::Folder,
    machine::Machine,
    machines::{Machines, Origin},
};

/// Folders that are to be watched.
pub(super) type Folders = Vec<PathBuf>;

/// Between two looks at a folder that is not there, or that nobody watches for us.
const AGAIN: Duration = Duration::from_secs(1);

/// Machines after which others have their turn.
const TURN: usize = 32;

/// Bytes of events that are taken at a time.
const EVENTS: usize = 16 << 10;

/// What a folder is watched for.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What ends a watch.
const ENDS: ReadFlags = ReadFlags::IGNORED
    .union(ReadFlags::DELETE_SELF)
    .union(ReadFlags::MOVE_SELF)
    .union(ReadFlags::UNMOUNT);

/// Watches folders.
#[derive(Debug)]
pub(super) struct Hotplug {
    machines: Arc<Machines>,
    outbox: Arc<Outbox>,
    /// None where the kernel has none left: folders are looked at time and again instead.
    events: Option<AsyncFd<OwnedFd>>,
    folders: BTreeMap<Arc<Path>, Watched>,
    /// Machines that may have changed.
    dirty: BTreeSet<(Arc<Path>, String)>,
    /// Machines that are refused now.
    refused: BTreeSet<(Arc<Path>, String)>,
    log: Pace,
}

#[derive(Debug)]
struct Watched {
    folder: Folder,
    watch: Option<i32>,
    /// That it cannot be read was said.
    told: bool,
}

impl Hotplug {
    pub(super) fn new(machines: Arc<Machines>, outbox: Arc<Outbox>) -> Self {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let events = events.map_err(io::Error::from);
        let events = events.and_then(|events| register(events, Interest::READABLE));
        let tell =
            |error: &io::Error| warn!(%error, "no inotify: folders are looked at each second");
        Self {
            machines,
            outbox,
            events: events.inspect_err(tell).ok(),
            folders: BTreeMap::new(),
            dirty: BTreeSet::new(),
            refused: BTreeSet::new(),
            log: Pace::default(),
        }
    }

    /// Serves what is in these folders now, and in no others.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, the rest is served with the next look.
    pub(super) async fn look(&mut self, wanted: &[PathBuf]) {
        self.want(wanted);
        self.apply().await;
    }

    /// Serves what is in the folders that are wanted, from the first look on.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: machines stay as they are.
    pub(super) async fn run(mut self, mut wanted: watch::Receiver<Folders>) -> Infallible {
        loop {
            let unwatched = self.folders.values().any(|it| it.watch.is_none());
            tokio::select! {
                Ok(()) = wanted.changed() => {
                    let folders = wanted.borrow_and_update().clone();
                    self.want(&folders);
                }
                () = readable(self.events.as_ref()) => self.take_events(),
                () = self.machines.freed() => self.dirty.append(&mut self.refused),
                () = sleep(AGAIN), if unwatched => self.look_again(|it| it.watch.is_none()),
            }
            self.apply().await;
        }
    }

    fn want(&mut self, wanted: &[PathBuf]) {
        let (folders, dirty, events) = (&mut self.folders, &mut self.dirty, self.events.as_ref());
        folders.retain(|path, watched| {
            let stays = wanted.iter().any(|wanted| **wanted == **path);
            if !stays {
                watched.leave(events);
                dirty.extend(watched.folder.names().map(|name| (Arc::clone(path), name.clone())));
            }
            stays
        });
        for path in wanted {
            let path = Arc::<Path>::from(path.as_path());
            let folder = Folder::new(Arc::clone(&path));
            folders.entry(path).or_insert(Watched { folder, watch: None, told: false });
        }
        self.look_again(|it| it.watch.is_none());
    }

    /// Looks at all files of some folders, which are watched from then on if they can be.
    fn look_again(&mut self, which: impl Fn(&Watched) -> bool) {
        for (path, watched) in self.folders.iter_mut().filter(|(_, it)| which(it)) {
            let changed = watched.look_again(self.events.as_ref());
            self.dirty.extend(changed.into_iter().map(|name| (Arc::clone(path), name)));
        }
    }

    /// Takes some of what the kernel tells.
    fn take_events(&mut self) {
        let Some(events) = &self.events else { return };
        let told = events.try_io(Interest::READABLE, |events| {
            let mut buffer = [MaybeUninit::uninit(); EVENTS];
            let mut reader = inotify::Reader::new(events, &mut buffer);
            let mut told = Vec::new();
            while told.is_empty() || !reader.is_buffer_empty() {
                let event = reader.next()?;
                let file =
                    event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
                told.push((event.wd(), event.events(), file));
            }
            Ok(told)
        });
        match told {
            Ok(told) => {
                told.into_iter().for_each(|(watch, what, file)| self.event(watch, what, file))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                warn!(%error, "inotify failed: folders are looked at each second");
                self.events = None;
                self.folders.values_mut().for_each(|watched| watched.watch = None);
            }
        }
    }

    fn event(&mut self, watch: i32, what: ReadFlags, file: Option<OsString>) {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            return self.look_again(|_| true);
        }
        if what.intersects(ENDS) {
            let events = self.events.as_ref();
            let ended = self.folders.values_mut().filter(|it| it.watch == Some(watch));
            ended.for_each(|watched| watched.leave(events));
            return self.look_again(|it| it.watch.is_none());
        }
        let Some(file) = file else { return };
        for (path, watched) in self.folders.iter_mut().filter(|(_, it)| it.watch == Some(watch)) {
            self.dirty.extend(watched.folder.look(&file).map(|name| (Arc::clone(path), name)));
        }
    }

    /// Serves the machines that changed as they are now. Waits while the bus takes nothing: what
    /// happens meanwhile waits with the kernel, which bounds it.
    async fn apply(&mut self) {
        let mut count = 0;
        while let Some((path, name)) = self.dirty.pop_first() {
            self.outbox.room().await;
            count += 1;
            if count % TURN == 0 {
                yield_now().await;
            }
            let origin = Origin::Folder(Arc::clone(&path));
            let machine = self.folders.get(&path).and_then(|watched| watched.folder.machine(&name));
            match machine {
                None => {
                    self.refused.remove(&(path, name.clone()));
                    if self.machines.remove(&name, &origin).is_ok() {
                        info!(vm = ?name, "machine vanished");
                    }
                }
                Some(machine) => match self.put(machine, origin) {
                    Ok(()) => info!(vm = ?name, "machine appeared"),
                    Err(why) => {
                        if self.log.is_due() {
                            warn!(folder = %path.display(), vm = ?name, why, "machine not served");
                        }
                        self.refused.insert((path, name));
                    }
                },
            }
        }
    }

    fn put(&self, machine: Machine, origin: Origin) -> Result<(), String> {
        machine.check()?;
        self.machines.put(machine, origin).map_err(|refused| refused.to_string())
    }
}

impl Watched {
    fn look_again(&mut self, events: Option<&AsyncFd<OwnedFd>>) -> BTreeSet<String> {
        let path = &self.folder.path;
        if self.watch.is_none() {
            let watch = events.map(|it| inotify::add_watch(it.get_ref(), &**path, CHANGES));
            self.watch = watch.and_then(Result::ok);
        }
        let (changed, read) = self.folder.scan();
        match read {
            Ok(()) => self.told = false,
            Err(error) if !self.told => {
                warn!(folder = %self.folder.path.display(), %error, "no machines from there");
                self.told = true;
            }
            Err(_) => {}
        }
        changed
    }

    fn leave(&mut self, events: Option<&AsyncFd<OwnedFd>>) {
        if let (Some(watch), Some(events)) = (self.watch.take(), events) {
            // It may have ended by itself.
            _ = inotify::remove_watch(events.get_ref(), watch);
        }
    }
}

/// Returns when the kernel has something to tell.
async fn readable(events: Option<&AsyncFd<OwnedFd>>) {
    match events {
        // What it says is in the look that follows.
        Some(events) => _ = events.readable().await,
        None => pending().await,
    }
}
