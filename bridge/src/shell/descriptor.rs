//! Descriptors that a command passes to the monitor, as they are typed: `fd=@FILE`, `fd=NUMBER`.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
};

use qapi_dbus_types::{View, dbus};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde_json::Value;
use zbus::{Structure, Variant};

use super::{
    Members, bus,
    fault::Fault,
    machine::{Endpoint, Manner, dictionary, first},
    offer::Offer,
    show::REQUIRED,
};
use crate::transcode::shape::{Member, Method, Shape};

/// What the argument begins with; it is in no schema.
const ARGUMENT: &str = "fd=";

const FORM: &str = "write fd=@FILE, or fd=NUMBER for one that the shell opened: … fd=3 3<FILE";

/// `O_CLOEXEC` as the kernel tells it: this process has opened the descriptor itself.
const OWN: u32 = 0o2_000_000;

/// Whether a command takes one.
pub(super) fn is_taken_by(method: &Method) -> bool {
    matches!(method.positional, [Member { shape: Shape::Fd, .. }, ..])
}

/// What is said of it where members are listed.
pub(super) fn row() -> Vec<String> {
    ["fd", "descriptor", REQUIRED, "@FILE NUMBER"].map(str::to_owned).into()
}

/// The word that begins it, if none of these does.
pub(super) fn offer(before: &[String]) -> Option<Offer> {
    let given = before.iter().any(|word| word.starts_with(ARGUMENT));
    (!given).then(|| Offer::new(ARGUMENT, format!("descriptor, {REQUIRED}")))
}

/// The descriptor that is typed, and the other words.
///
/// # Errors
///
/// There is none, there are two, or it cannot be opened.
pub(super) fn take(words: &[String]) -> Result<(OwnedFd, Vec<String>), Fault> {
    let (typed, others): (Vec<_>, Vec<_>) =
        words.iter().cloned().partition(|word| word.starts_with(ARGUMENT));
    let text = match typed.as_slice() {
        [one] => &one[ARGUMENT.len()..],
        [] => return Err(Fault::usage("argument `fd` is missing").advise(FORM)),
        _ => return Err(Fault::usage("argument `fd`: is given twice")),
    };
    let opened = match (text.strip_prefix('@'), text.parse()) {
        (Some(path), _) => open(path).map(OwnedFd::from),
        (None, Ok(number)) => inherited(number),
        (None, Err(_)) => {
            return Err(
                Fault::usage(format!("argument `fd`: `{text}` is no descriptor")).advise(FORM)
            );
        }
    };
    let fd = opened.map_err(|error| Fault::usage(format!("argument `fd`: {text}: {error}")))?;
    Ok((fd, others))
}

/// Opens a file for reading and writing, or for reading where only that is allowed.
fn open(path: &str) -> io::Result<File> {
    match File::options().read(true).write(true).open(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            File::open(path)
        }
        opened => opened,
    }
}

/// A descriptor that this process was started with, by its number.
fn inherited(number: i32) -> io::Result<OwnedFd> {
    let absent = || io::Error::other("the shell has opened no such descriptor");
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).map_err(|_| absent())?;
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    if flags.is_none_or(|flags| flags & OWN != 0) {
        return Err(absent());
    }
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(own, number, PidfdGetfdFlags::empty())?)
}

/// Runs a command with a descriptor, by its method: no other call takes one.
pub(super) async fn pass(
    endpoint: &Endpoint,
    method: &Method,
    fd: OwnedFd,
    mut arguments: Members,
    manner: Manner,
) -> Result<Value, Fault> {
    let mut body = Structure::builder().append_field(Variant::Fd(fd.into()));
    for Member { name, shape } in method.positional.iter().skip(1) {
        let value = arguments.remove(*name);
        let value = value.ok_or_else(|| Fault::usage(format!("argument `{name}` is missing")))?;
        let mut signature = String::new();
        shape.push_signature(&mut signature);
        let value = dbus::variant(View::Any(&value), &signature);
        let value = value.map_err(|unfit| Fault::usage(format!("argument `{name}`: {unfit}")))?;
        body = body.append_field(value);
    }
    arguments.extend(manner.reserved());
    if method.optional || !arguments.is_empty() {
        body = body.append_field(dictionary(&arguments)?);
    }
    let body = body.build().map_err(|error| Fault::usage(error.to_string()))?;
    let Endpoint { service, path, .. } = endpoint;
    let interface = endpoint.schema().interface.name;
    let method = bus::Method { service, path, interface, member: method.name };
    endpoint.bus().call(method, &body).await.map(|reply| first(&reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &[&str]) -> Result<Vec<String>, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        take(&words).map(|(_, others)| others).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_descriptor_is_told_from_other_words() {
        assert_eq!(taken(&["fdname=x", "fd=@/dev/null"]).unwrap(), ["fdname=x"]);
        assert_eq!(taken(&["fd=0"]).unwrap(), [""; 0]);
        for (words, said) in [
            (&[][..], "`fd` is missing"),
            (&["fd=@/dev/null", "fd=0"], "given twice"),
            (&["fd=x"], "`x` is no descriptor"),
            (&["fd=-1"], "no such descriptor"),
            (&["fd=@/nonexistent"], "/nonexistent: "),
        ] {
            let fault = taken(words).unwrap_err();
            assert!(fault.contains(said), "{fault}");
        }
    }

    #[test]
    fn what_this_process_opened_itself_is_not_passed() {
        use std::os::fd::AsRawFd;
        let file = File::open("/dev/null").unwrap();
        let fault = inherited(file.as_raw_fd()).unwrap_err();
        assert!(fault.to_string().contains("no such descriptor"), "{fault}");
    }
}
