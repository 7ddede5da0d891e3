//! polkit, asked by class.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::debug;
use zbus::{Connection, proxy::CacheProperties};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use super::Question;

/// What begins the name of every action; the class ends it.
const ACTIONS: &str = "org.qemu.Bridge.";

/// What polkit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// If somebody authenticated.
    Challenge,
}

/// Asks without bothering anybody.
///
/// # Errors
///
/// polkit does not answer, does not know the action or the caller, or may not tell us.
///
/// # Cancel safety
///
/// Nothing is lost.
pub(super) async fn check(
    bus: &Connection,
    subject: &Subject,
    question: &Question,
) -> zbus::Result<Answer> {
    ask(bus, subject, question, CheckAuthorizationFlags::empty(), "").await
}

/// Has somebody asked to authenticate.
///
/// # Errors
///
/// As [`check`].
///
/// # Cancel safety
///
/// Cancelled, polkit is told to take the prompt away.
pub(super) async fn prompt(
    bus: &Connection,
    subject: &Subject,
    question: &Question,
) -> zbus::Result<Answer> {
    let mut open = Open::new(bus);
    let flags = CheckAuthorizationFlags::ALLOW_USER_INTERACTION;
    let answer = ask(bus, subject, question, flags, &open.id).await;
    open.done = true;
    answer
}

async fn ask(
    bus: &Connection,
    subject: &Subject,
    question: &Question,
    flags: CheckAuthorizationFlags,
    cancellation: &str,
) -> zbus::Result<Answer> {
    let action = format!("{ACTIONS}{}", question.class.name());
    let details = HashMap::from([
        ("vm", &*question.machine),
        ("command", &*question.command),
        ("protocol", question.protocol),
    ]);
    let authority = authority(bus).await?;
    let told = authority.check_authorization(subject, &action, &details, flags, cancellation);
    let told = told.await?;
    Ok(match (told.is_authorized, told.is_challenge) {
        (true, _) => Answer::Yes,
        (false, true) => Answer::Challenge,
        (false, false) => Answer::No,
    })
}

async fn authority(bus: &Connection) -> zbus::Result<AuthorityProxy<'static>> {
    AuthorityProxy::builder(bus).cache_properties(CacheProperties::No).build().await
}

/// A prompt, taken away when dropped before its answer came.
struct Open {
    bus: Connection,
    id: String,
    done: bool,
}

impl Open {
    fn new(bus: &Connection) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { bus: bus.clone(), id: format!("qapi-dbus-{number}"), done: false }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let (bus, id) = (self.bus.clone(), std::mem::take(&mut self.id));
        tokio::spawn(async move {
            let cancelled = async { authority(&bus).await?.cancel_check_authorization(&id).await };
            if let Err(error) = cancelled.await {
                debug!(%error, "a prompt is not taken away");
            }
        });
    }
}
