//! `org.freedesktop.LogControl1`: what `systemctl service-log-level` reads and sets.

use crate::{
    bus::{
        LOG_CONTROL, Properties, Service,
        errors::{Failure, standard},
    },
    log,
    transcode::{
        Json,
        shape::{Interface, Method},
    },
};

/// Where systemd looks for it.
pub(super) const PATH: &str = "/org/freedesktop/LogControl1";

const LEVEL: &str = "LogLevel";

/// The object of the log.
#[derive(Debug)]
pub(super) struct LogControl;

impl Service for LogControl {
    fn interface(&self) -> &'static Interface {
        &LOG_CONTROL
    }

    fn call(&self, method: &'static Method, _: &Json<'_>) -> Result<(), Failure> {
        Err(Failure::new(standard::UNKNOWN_METHOD, method.name))
    }

    fn properties(&self) -> Properties {
        vec![
            (LEVEL, Json::Str(log::level().into())),
            ("LogTarget", Json::Str("console".into())),
            ("SyslogIdentifier", Json::Str("qapi-dbus".into())),
        ]
    }

    fn is_writable(&self, property: &str) -> bool {
        property == LEVEL
    }

    fn set(&self, _: &str, value: &str) -> Result<(), Failure> {
        log::set_level(value).map_err(|text| Failure::invalid_args(&text))
    }
}
