//! What a call orders, understood.

use std::os::fd::OwnedFd;

use crate::{
    bus::errors::Failure,
    transcode::{Json, shape::Method},
};

use super::{
    descriptor::{Descriptor, Direction},
    file::{File, Read, Write},
    run::Run,
};

/// Something to do.
#[derive(Debug)]
pub(in crate::bus) enum Order {
    Read(Read),
    Write(Write),
    Run(Run),
}

impl Order {
    /// Understands a call of one of the methods; `None` if it is another one.
    ///
    /// # Errors
    ///
    /// Which argument is wrong.
    pub(in crate::bus) fn understand(
        method: &Method,
        given: &Json<'_>,
        fd: Option<OwnedFd>,
    ) -> Option<Result<Self, Failure>> {
        let order = match method.name {
            "ReadFile" => known(method, given, &["length", "offset", "progress"]).and_then(|()| {
                let to = descriptor("to", fd, Direction::To)?;
                Ok(Self::Read(Read { file: file(given, "r")?, to }))
            }),
            "WriteFile" => known(method, given, &["length", "mode", "offset", "progress"])
                .and_then(|()| {
                    let from = descriptor("source", fd, Direction::From)?;
                    Ok(Self::Write(Write { file: file(given, "w")?, from }))
                }),
            "Run" => known(method, given, &["env", "input"])
                .and_then(|()| Run::understand(given).map(Self::Run)),
            _ => return None,
        };
        Some(order)
    }

    /// Bytes that it keeps.
    pub(in crate::bus) fn size(&self) -> usize {
        match self {
            Self::Read(_) | Self::Write(_) => 0,
            Self::Run(run) => run.size(),
        }
    }

    /// The commands that it runs of which a caller must be allowed both.
    pub(in crate::bus) fn commands(&self) -> (&'static str, &'static str) {
        match self {
            Self::Read(_) => ("guest-file-open", "guest-file-read"),
            Self::Write(_) => ("guest-file-open", "guest-file-write"),
            Self::Run(_) => ("guest-exec", "guest-exec-status"),
        }
    }
}

/// Refuses keys that mean nothing here: they would be passed over in silence.
fn known(method: &Method, given: &Json<'_>, options: &[&str]) -> Result<(), Failure> {
    let Json::Object(members) = given else { return Ok(()) };
    let is_known = |name: &str| {
        options.contains(&name) || method.positional.iter().any(|member| member.name == name)
    };
    match members.iter().find(|(name, _)| !is_known(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::invalid_args(&format!(
            "argument `optional`: {} has no key `{name}`; there are `{}` and `@timeout`",
            method.name,
            options.join("`, `")
        ))),
    }
}

fn descriptor(
    name: &str,
    fd: Option<OwnedFd>,
    direction: Direction,
) -> Result<Descriptor, Failure> {
    let bad = |why: &str| Failure::invalid_args(&format!("argument `{name}` (h) {why}"));
    Descriptor::new(fd.ok_or_else(|| bad("is missing"))?, direction).map_err(|why| bad(&why))
}

fn file(given: &Json<'_>, mode: &str) -> Result<File, Failure> {
    let text = |name: &str| given.get(name).and_then(Json::as_str).map(str::to_owned);
    let number = |name: &str| given.get(name).and_then(Json::as_integer);
    let path =
        text("path").ok_or_else(|| Failure::invalid_args("argument `path` (s) is missing"))?;
    let offset = number("offset").unwrap_or(0);
    let offset = i64::try_from(offset).map_err(|_| {
        Failure::invalid_args(&format!("argument `offset` (t): {offset} is above {}", i64::MAX))
    })?;
    let number = |name: &str| number(name).and_then(|number| u64::try_from(number).ok());
    Ok(File {
        path,
        mode: text("mode").unwrap_or_else(|| mode.to_owned()),
        offset,
        length: number("length").unwrap_or(u64::MAX),
        progress: number("progress"),
    })
}
