//! What is served: objects that come and go, the tasks of their endpoints, and their ends.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use crate::bus::{Endpoint, Object, Objects, Service, Settings, guard::Outbox, manager};

use super::{
    log_control::{self, LogControl},
    starter::Starter,
};

/// The object of the bridge itself (mapping, section 8).
const BRIDGE: &str = "/org/qemu/Bridge";

/// The objects and what is behind them.
#[derive(Debug)]
pub(super) struct Fleet {
    objects: Arc<Objects>,
    outbox: Arc<Outbox>,
    starter: Arc<Starter>,
    /// Waits for endpoints that are gone and still have calls in flight.
    leaving: Mutex<JoinSet<()>>,
}

impl Fleet {
    /// One without objects.
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        let starter = Starter::new(Arc::clone(&outbox));
        Self { objects: Arc::default(), outbox, starter, leaving: Mutex::default() }
    }

    /// Its objects.
    pub(super) fn objects(&self) -> &Arc<Objects> {
        &self.objects
    }

    /// Serves these endpoints, and no others, at a path. Those that are there already go on
    /// undisturbed; those that are not wanted any more take no calls, and end when those in
    /// flight have.
    pub(super) fn serve(&self, path: &str, wanted: Vec<Settings>) {
        let before = self.objects.get(path);
        let before = before.as_ref().map_or(&[][..], |object| &object.endpoints);
        let mut added = Vec::new();
        let mut endpoints: Vec<_> = wanted
            .into_iter()
            .map(|settings| match before.iter().find(|it| *it.settings() == settings) {
                Some(endpoint) => Arc::clone(endpoint),
                None => {
                    let (endpoint, task) = Endpoint::new(settings, Arc::clone(&self.outbox));
                    added.push(task);
                    endpoint
                }
            })
            .collect();
        // It has the room of the settings.
        endpoints.shrink_to_fit();
        let is_new = |endpoint: &&Arc<Endpoint>| !before.iter().any(|it| Arc::ptr_eq(it, endpoint));
        let is_gone =
            |endpoint: &&Arc<Endpoint>| !endpoints.iter().any(|it| Arc::ptr_eq(it, endpoint));
        let new = Object::of(endpoints.iter().filter(is_new).map(Arc::clone).collect());
        let gone = Object::of(before.iter().filter(is_gone).map(Arc::clone).collect());
        if new.endpoints.is_empty() && gone.endpoints.is_empty() {
            return;
        }
        Endpoint::introduce(&endpoints);
        match endpoints.first().map(|endpoint| Arc::clone(&endpoint.settings().path)) {
            None => self.objects.remove(path),
            Some(path) => self.objects.put(path, Object::of(endpoints)),
        };
        gone.endpoints.iter().for_each(|endpoint| endpoint.retire());
        self.outbox.activity().notify(1);
        if self.starter.is_open() {
            self.announce(path, &gone, &new);
        }
        let mut leaving = self.leaving();
        while leaving.try_join_next().is_some() {}
        for endpoint in gone.endpoints {
            let drain = endpoint.settings().limits.drain;
            leaving.spawn(async move { endpoint.stop(drain).await });
        }
        drop(leaving);
        self.starter.add(added);
    }

    /// Tells what is gone and what is new, after all that the former told and before the latter do.
    fn announce(&self, path: &str, gone: &Object, new: &Object) {
        let removed = (!gone.endpoints.is_empty()).then(|| manager::removed(path, gone));
        let added = (!new.endpoints.is_empty()).then(|| manager::added(path, new));
        for signal in [removed, added].into_iter().flatten().flatten() {
            self.outbox.send(signal);
        }
    }

    /// Serves the bridge itself at its path.
    pub(super) fn serve_bridge(&self, service: Arc<dyn Service>) {
        let object = Object { service: Some(service), ..Object::default() };
        self.objects.put(BRIDGE, object);
    }

    /// Serves the object of the log.
    pub(super) fn serve_log(&self) {
        let object = Object { service: Some(Arc::new(LogControl)), ..Object::default() };
        self.objects.put(log_control::PATH, object);
    }

    /// Makes known that the endpoints of these objects are of one machine.
    pub(super) fn unite(&self, paths: &[&str]) {
        let objects = paths.iter().filter_map(|path| self.objects.get(path));
        let endpoints: Vec<_> = objects.flat_map(|object| object.endpoints.clone()).collect();
        Endpoint::introduce(&endpoints);
    }

    /// Opens the sockets, of what is served now and later.
    pub(super) fn start(&self) {
        self.starter.open();
    }

    /// Refuses new calls and gives those on the wire this long.
    pub(super) async fn stop(&self, drain: Duration) {
        self.starter.close();
        let mut leaving = mem::take(&mut *self.leaving());
        for endpoint in self.objects.endpoints() {
            leaving.spawn(async move { endpoint.stop(drain).await });
        }
        while leaving.join_next().await.is_some() {}
    }

    fn leaving(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
