//! Typed calls to QEMU's monitor and guest agent.
//!
//! [`Monitor`] and [`Agent`] have a function for each command: mandatory arguments are its parameters,
//! optional ones follow by name, and `.await` sends it. They go either way: [`Bus`] through the bridge,
//! beside all its other clients, or [`Socket`] straight to the peer, as its only client.
//!
//! ```no_run
//! # #[cfg(all(feature = "socket", feature = "qga"))]
//! # async fn run() -> Result<(), qapi_dbus_client::Error> {
//! use qapi_dbus_client::{Agent, Protocol, Socket};
//!
//! let agent = Agent::new(Socket::open("/run/vm1/qga.sock", Protocol::Qga));
//! let handle = agent.guest_file_open("/etc/hostname").mode("r").await?;
//! let read = agent.guest_file_read(handle).count(4096).await?;
//! agent.guest_file_close(handle).await?;
//! println!("{} bytes", read.count);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is ever repeated. An [`Error`] says whether the command may have run.

#[cfg(feature = "bus")]
mod bus;
mod call;
mod error;
mod events;
#[macro_use]
mod macros;
mod generated;
mod peers;
#[cfg(feature = "socket")]
mod socket;
mod transport;

pub use qapi_dbus_types as types;
#[cfg(feature = "qga")]
pub use qapi_dbus_types::qga;
#[cfg(feature = "qmp")]
pub use qapi_dbus_types::qmp;

#[cfg(feature = "bus")]
pub use bus::Bus;
pub use call::{Call, Options};
pub use error::{Error, NotSent, Unknown};
pub use events::{Events, Lost, Received};
#[cfg(feature = "qga")]
pub use generated::Agent;
#[cfg(feature = "qmp")]
pub use generated::Monitor;
#[cfg(feature = "socket")]
pub use socket::Socket;
pub use transport::{Protocol, Source, Transport};
