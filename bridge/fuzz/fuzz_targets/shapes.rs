//! Which of the generated tables an input is about.

use qapi_dbus::{
    generated::{qga, qmp},
    transcode::shape::{Interface, Method, Signal},
};

/// A method or a signal.
pub enum Subject {
    Method(&'static Method),
    Signal(&'static Signal),
}

/// The first line of an input and the rest.
pub fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

/// The command or event of this QAPI name; any other name stands for one of them too.
pub fn subject(name: &[u8]) -> Subject {
    let methods = || INTERFACES.iter().flat_map(|interface| interface.methods);
    let signals = || INTERFACES.iter().flat_map(|interface| interface.signals);
    if let Some(method) = methods().find(|method| method.command.as_bytes() == name) {
        return Subject::Method(method);
    }
    if let Some(signal) = signals().find(|signal| signal.event.as_bytes() == name) {
        return Subject::Signal(signal);
    }
    let sum = name.iter().fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
    let at = sum % (methods().count() + signals().count());
    let method = methods().nth(at).map(Subject::Method);
    method.or_else(|| signals().nth(at - methods().count()).map(Subject::Signal)).unwrap()
}

const INTERFACES: [&Interface; 2] = [&qga::INTERFACE, &qmp::INTERFACE];
