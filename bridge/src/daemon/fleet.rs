//! What is served: objects that come and go, the tasks of their endpoints, and their ends.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    bus::{Endpoint, Object, Objects, Settings, guard::Outbox},
    endpoint::Task,
};

/// How long calls in flight may take to end once their machine is gone, or the bridge ends.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// The objects and what is behind them.
#[derive(Debug)]
pub(super) struct Fleet {
    objects: Arc<Objects>,
    outbox: Arc<Outbox>,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    /// Those that are yet to open their sockets.
    ready: Vec<Task>,
    started: bool,
    /// Of endpoints that are gone and still have calls in flight.
    leaving: JoinSet<()>,
}

impl Fleet {
    /// One without objects.
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { objects: Arc::default(), outbox, tasks: Mutex::default() }
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
        let endpoints: Vec<_> = wanted
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
        let stays = |endpoint: &Arc<Endpoint>| endpoints.iter().any(|it| Arc::ptr_eq(it, endpoint));
        let gone: Vec<_> = before.iter().filter(|it| !stays(it)).map(Arc::clone).collect();
        if added.is_empty() && gone.is_empty() {
            return;
        }
        match endpoints.is_empty() {
            true => self.objects.remove(path),
            false => self.objects.put(path, Object { endpoints }),
        };
        let mut tasks = self.tasks();
        for endpoint in gone {
            endpoint.retire();
            tasks.leaving.spawn(async move { endpoint.stop(DRAIN).await });
        }
        tasks.ready.append(&mut added);
        if tasks.started {
            tasks.run();
        }
    }

    /// Opens the sockets, of what is served now and later.
    pub(super) fn start(&self) {
        let mut tasks = self.tasks();
        tasks.started = true;
        tasks.run();
    }

    /// Refuses new calls and gives those on the wire this long.
    pub(super) async fn stop(&self, drain: Duration) {
        let mut leaving = mem::take(&mut self.tasks().leaving);
        for endpoint in self.objects.endpoints() {
            leaving.spawn(async move { endpoint.stop(drain).await });
        }
        while leaving.join_next().await.is_some() {}
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    fn run(&mut self) {
        for task in self.ready.drain(..) {
            tokio::spawn(task.run());
        }
        while self.leaving.try_join_next().is_some() {}
    }
}
