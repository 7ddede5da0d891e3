//! Which system this is, and what it is called.

use std::{borrow::Cow, ffi::CStr};

use qapi_dbus_types::qga::{GuestHostName, GuestOSInfo};

use super::{error::Error, kernel};

/// What uname(2) and os-release(5) say; what is not known is left out.
pub(super) fn info() -> Result<GuestOSInfo, Error> {
    let kernel = rustix::system::uname();
    let release = kernel::read("/etc/os-release").or_else(|_| kernel::read("/usr/lib/os-release"));
    Ok(distribution(&release.unwrap_or_default())
        .kernel_release(text(kernel.release()))
        .kernel_version(text(kernel.version()))
        .machine(text(kernel.machine())))
}

/// The network's name for this machine.
pub(super) fn host_name() -> Result<GuestHostName, Error> {
    Ok(GuestHostName::new(text(rustix::system::uname().nodename())))
}

fn text(string: &CStr) -> String {
    string.to_string_lossy().into_owned()
}

fn distribution(release: &str) -> GuestOSInfo {
    let mut info = GuestOSInfo::new();
    for (key, value) in release.lines().filter_map(|line| line.trim().split_once('=')) {
        let member = match key {
            "ID" => &mut info.id,
            "NAME" => &mut info.name,
            "PRETTY_NAME" => &mut info.pretty_name,
            "VERSION" => &mut info.version,
            "VERSION_ID" => &mut info.version_id,
            "VARIANT" => &mut info.variant,
            "VARIANT_ID" => &mut info.variant_id,
            _ => continue,
        };
        *member = Some(unquote(value).into_owned());
    }
    info
}

/// Undoes the shell's quoting as os-release(5) allows it.
fn unquote(value: &str) -> Cow<'_, str> {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.into();
    }
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.into();
    };
    let mut characters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_its_quotes() {
        let release = "# VARIANT=no\nID=debian\nNAME='Debian GNU/Linux'\n\
                       PRETTY_NAME=\"A \\\"B\\\" \\$C\"\nVERSION_ID=\"12\"\nHOME_URL=x\n";
        let expected = GuestOSInfo::new()
            .id("debian")
            .name("Debian GNU/Linux")
            .pretty_name("A \"B\" $C")
            .version_id("12");
        assert_eq!(distribution(release), expected);
    }
}
