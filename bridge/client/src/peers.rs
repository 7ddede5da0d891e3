//! Where an agent or a monitor is found, and what takes several commands.

macro_rules! found {
    ($Peer:ident, $protocol:ident) => {
        #[cfg(feature = "bus")]
        impl crate::$Peer<crate::Bus> {
            /// The only one of a bridge that serves no more: see [`crate::Bus::single`].
            pub fn single(connection: &zbus::Connection) -> Self {
                Self::new(crate::Bus::single(connection, crate::Protocol::$protocol))
            }

            /// That of a machine of the bridge, by the machine's name.
            pub fn machine(connection: &zbus::Connection, machine: &str) -> Self {
                Self::new(crate::Bus::machine(connection, machine, crate::Protocol::$protocol))
            }
        }

        #[cfg(feature = "socket")]
        impl crate::$Peer<crate::Socket> {
            /// That at the socket of this path: see [`crate::Socket::open`].
            ///
            /// # Panics
            ///
            /// Outside of a tokio runtime.
            pub fn open(path: impl Into<std::path::PathBuf>) -> Self {
                Self::new(crate::Socket::open(path, crate::Protocol::$protocol))
            }
        }
    };
}

#[cfg(feature = "qga")]
found!(Agent, Qga);
#[cfg(feature = "qmp")]
found!(Monitor, Qmp);

#[cfg(feature = "qga")]
mod programs {
    use crate::{Agent, Error, Transport, qga::GuestExecStatus};
    use std::time::Duration;

    /// Between two questions: soon at first, then twice as long each time up to the last.
    const FIRST: Duration = Duration::from_millis(10);
    const LAST: Duration = Duration::from_millis(500);

    impl<T: Transport> Agent<T> {
        /// Waits for the end of a program that [`Agent::guest_exec`] started, for ever if it has none.
        ///
        /// # Errors
        ///
        /// Those of [`Agent::guest_exec_status`]; the program may run on.
        ///
        /// # Cancel safety
        ///
        /// Dropped between two questions, nothing is lost. The agent tells the end only once: dropped
        /// while it answers, exit code and output may be gone.
        pub async fn ended(&self, pid: i64) -> Result<GuestExecStatus, Error> {
            let mut pause = FIRST;
            loop {
                let status = self.guest_exec_status(pid).await?;
                if status.exited {
                    return Ok(status);
                }
                tokio::time::sleep(pause).await;
                pause = LAST.min(pause * 2);
            }
        }
    }
}
