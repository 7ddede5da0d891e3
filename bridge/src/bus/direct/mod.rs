//! Connections to the bridge itself, without a bus between: the same objects behind the same gate,
//! under the same limits. The kernel says who calls.
//!
//! ```text
//! accept ─► sasl ─► incoming, stamped with a name ─► driver (what one asks a bus)
//!                                                 └► dispatcher ─► …
//! … ─► outbox of the bus ─► hub ─► outbox of each who wants a signal
//! ```
//!
//! An embedded bus would do all of this, too, but for its bounds: it would have to be trusted with
//! callers who do not read, and each call would pass through it.

mod driver;
mod hub;
mod sasl;
mod socket;

use std::{convert::Infallible, io, path::Path, sync::Arc, time::Duration};

use rustix::net::sockopt::socket_peercred;
use tokio::{
    select,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};
use zbus::{Guid, Message, message::Type, names::UniqueName};

use crate::endpoint::{Budget, Pace};

use super::{
    departures,
    dispatch::Dispatcher,
    errors::{Failure, standard},
    gate::Gate,
    guard::Outbox,
    incoming::{Answerer, Incoming},
    objects::Objects,
    permits::{Permit, Permits},
    reply::Reply,
    stream::Stream,
};

use driver::{BUS, Driver};
use hub::{BRIDGE, Peer};
use socket::Listening;

pub(super) use hub::Hub;

/// Connections at once, and of these those of one user.
const MOST: usize = 64;
const MOST_PER_USER: usize = 16;
/// How long one may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one may take nothing of what waits for it. A bus would keep it instead; here it is kept
/// in the bridge's own memory.
const STALLED: Duration = Duration::from_secs(10);
/// Before the next try where there is no descriptor left.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes connections.
#[derive(Debug)]
pub struct Lobby {
    listening: Listening,
    house: Arc<House>,
}

/// What those who are connected have in common.
#[derive(Debug)]
struct House {
    dispatcher: Arc<Dispatcher>,
    objects: Arc<Objects>,
    gate: Gate,
    /// To the bus.
    outbox: Arc<Outbox>,
    /// Of all connections: what is not read here must not starve the bus.
    budget: Arc<Budget>,
    places: Arc<Permits>,
    names: Vec<String>,
    guid: Guid<'static>,
    /// Whether nobody is asked whether a caller may.
    trusting: bool,
    log: Pace,
}

impl Lobby {
    /// Listens at a path, on behalf of a bridge with these names. Where its gate lets everybody
    /// pass, only root and the bridge's own user may connect.
    ///
    /// # Errors
    ///
    /// The path cannot be used, or somebody listens there.
    pub fn open(
        path: &Path,
        dispatcher: &Arc<Dispatcher>,
        objects: &Arc<Objects>,
        gate: &Gate,
        outbox: &Arc<Outbox>,
        names: Vec<String>,
    ) -> io::Result<Self> {
        let trusting = !gate.is_guarded();
        let listening = Listening::open(path, trusting)?;
        let house = House {
            dispatcher: Arc::clone(dispatcher),
            objects: Arc::clone(objects),
            gate: gate.clone(),
            outbox: Arc::clone(outbox),
            budget: outbox.budget().half(),
            places: Permits::new(MOST, MOST_PER_USER),
            names,
            guid: Guid::generate(),
            trusting,
            log: Pace::default(),
        };
        Ok(Self { listening, house: Arc::new(house) })
    }

    /// Takes connections, for ever.
    ///
    /// # Cancel safety
    ///
    /// Those that are taken go on.
    pub async fn run(self) -> Infallible {
        info!(path = %self.listening.path().display(), "listening");
        loop {
            match self.listening.accept().await {
                Ok(socket) => {
                    let house = Arc::clone(&self.house);
                    tokio::spawn(async move {
                        if let Err(error) = house.serve(socket).await {
                            debug!(%error, "a direct connection ended");
                        }
                    });
                }
                Err(error) => {
                    if self.house.log.is_due() {
                        warn!(%error, "no connection taken");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Waits until everybody who is connected directly has what waits for it.
pub async fn flushed(outbox: &Outbox) {
    for peer in outbox.hub().map_or_else(Vec::new, |hub| hub.peers()) {
        peer.outbox.flushed().await;
    }
}

impl House {
    /// Serves one connection to its end.
    async fn serve(self: Arc<Self>, socket: std::os::fd::OwnedFd) -> io::Result<()> {
        let who = socket_peercred(&socket)?;
        let (uid, pid) = (who.uid.as_raw(), who.pid.as_raw_pid().cast_unsigned());
        let refused = |why: &str| {
            if self.log.is_due() {
                warn!(uid, pid, why, "direct connection refused");
            }
            io::Error::from(io::ErrorKind::PermissionDenied)
        };
        if self.trusting && uid != 0 && uid != rustix::process::getuid().as_raw() {
            return Err(refused("only root and the bridge's own user may"));
        }
        // Counted by user: names are new for each connection.
        let user = UniqueName::try_from(format!(":uid.{uid}")).map_err(io::Error::other)?;
        let place = self.places.acquire(Some(&user));
        let _place = place.map_err(|_| refused("too many are connected"))?;
        let stream = Arc::new(Stream::new(socket)?);
        let welcome = timeout(PATIENCE, sasl::welcome(&stream, uid, self.guid.as_str()));
        let early = welcome.await??;
        let outbox = Outbox::beside(&self.outbox, Arc::clone(&stream), Arc::clone(&self.budget));
        let guest = Guest::enter(&self, uid, pid, Arc::clone(&outbox))?;
        let answerer = Arc::new(Answering {
            house: Arc::clone(&self),
            peer: Arc::clone(&guest.peer),
            dispatcher: self.dispatcher.through(Arc::clone(&outbox)),
        });
        let name = guest.peer.name.clone();
        let incoming = Incoming::direct(stream, answerer, Arc::clone(&outbox), name);
        debug!(uid, pid, name = %guest.peer.name, "connected directly");
        select! {
            ended = incoming.serve(early.bytes, early.fds) => Err(io::Error::other(ended)),
            written = outbox.run() => written,
            () = stalled(&outbox) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Returns when nothing was taken for too long of what waits; costs nothing while nothing waits.
async fn stalled(outbox: &Outbox) {
    loop {
        outbox.blocks().await;
        while let Some(blocked) = outbox.blocked() {
            match STALLED.checked_sub(blocked) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ => return,
            }
        }
    }
}

/// One who is connected; what it held or waited for ends when dropped.
struct Guest {
    house: Arc<House>,
    peer: Arc<Peer>,
}

impl Guest {
    fn enter(house: &Arc<House>, uid: u32, pid: u32, outbox: Arc<Outbox>) -> io::Result<Self> {
        let hub = house.outbox.hub().ok_or(io::ErrorKind::NotConnected)?;
        let peer = hub.add(uid, pid, outbox).map_err(io::Error::other)?;
        house.gate.introduce(&peer.name, uid, pid);
        Ok(Self { house: Arc::clone(house), peer })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(hub) = self.house.outbox.hub() {
            hub.remove(&self.peer);
        }
        self.peer.outbox.close();
        departures::forget(&self.peer.name, &self.house.objects, &self.house.gate);
    }
}

/// Answers what comes of one connection.
#[derive(Debug)]
struct Answering {
    house: Arc<House>,
    peer: Arc<Peer>,
    dispatcher: Dispatcher,
}

impl Answerer for Answering {
    fn take(&self, message: &Message) {
        if message.message_type() != Type::MethodCall {
            return;
        }
        let header = message.header();
        let outbox = Arc::clone(&self.peer.outbox);
        let reply = || Reply::new(&header, outbox, Permit::default());
        match header.destination() {
            Some(name) if name.as_str() == BUS => {
                let House { names, guid, .. } = &*self.house;
                Driver { peer: &self.peer, names, guid: guid.as_str() }.answer(message, reply());
            }
            Some(name)
                if name != BRIDGE && !self.house.names.iter().any(|own| name.as_str() == own) =>
            {
                let text =
                    format!("nobody is called `{name}` here; {}", self.house.names.join(", "));
                reply().fail(&Failure::new(standard::SERVICE_UNKNOWN, &text));
            }
            _ => self.dispatcher.take(message),
        }
    }
}
