//! The D-Bus side: connection, guard, dispatcher, objects, signals.
//!
//! The dispatcher has a call where the [`socket`] read it. It becomes a request to its endpoint, and
//! the reply is written to the [`guard`] from where the endpoint read it: no task and no channel
//! for a call.

mod bulk;
mod current;
mod departures;
mod direct;
mod dispatch;
mod endpoint;
pub mod errors;
mod gate;
pub mod guard;
mod history;
mod incoming;
mod inquiry;
mod limits;
mod listener;
pub mod manager;
pub(crate) mod measured;
mod objects;
mod own;
mod pacer;
mod permits;
mod planted;
mod properties;
mod publisher;
mod qapi;
mod queue;
mod reply;
mod seen;
mod service;
mod signals;
pub mod socket;
mod stamp;
mod standard;
mod start;
mod stream;
mod subscribe;
mod subscriptions;
mod tables;
mod turns;
mod waiters;
mod waiting;

pub use departures::watch as watch_departures;
pub use direct::{Lobby, flushed};
pub use dispatch::Dispatcher;
pub use endpoint::{Endpoint, Settings};
pub use errors::Failure;
pub use gate::Gate;
pub use limits::Limits;
pub use objects::{Object, Objects};
pub use properties::Properties;
pub use service::Service;
pub use tables::{BRIDGE, LOG_CONTROL};
