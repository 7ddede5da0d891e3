//! Which system this is, and what it is called.

use std::{borrow::Cow, ffi::CStr};

use serde::Serialize;

use super::{error::Error, kernel};

/// Kernel and distribution; what is not known is left out.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct OsInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_release: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pretty_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant_id: Option<String>,
}

/// The network's name for this machine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct HostName {
    host_name: String,
}

/// What uname(2) and os-release(5) say.
pub(super) fn info() -> Result<OsInfo, Error> {
    let kernel = rustix::system::uname();
    let release = kernel::read("/etc/os-release").or_else(|_| kernel::read("/usr/lib/os-release"));
    Ok(OsInfo {
        kernel_release: Some(text(kernel.release())),
        kernel_version: Some(text(kernel.version())),
        machine: Some(text(kernel.machine())),
        ..distribution(&release.unwrap_or_default())
    })
}

/// The node name.
pub(super) fn host_name() -> Result<HostName, Error> {
    Ok(HostName { host_name: text(rustix::system::uname().nodename()) })
}

fn text(string: &CStr) -> String {
    string.to_string_lossy().into_owned()
}

fn distribution(release: &str) -> OsInfo {
    let mut info = OsInfo::default();
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
        let expected = OsInfo {
            id: Some("debian".into()),
            name: Some("Debian GNU/Linux".into()),
            pretty_name: Some("A \"B\" $C".into()),
            version_id: Some("12".into()),
            ..OsInfo::default()
        };
        assert_eq!(distribution(release), expected);
    }
}
