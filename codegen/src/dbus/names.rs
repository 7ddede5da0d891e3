//! D-Bus names of QAPI definitions (mapping, section 1). No other module makes a name.

use std::collections::BTreeMap;

use super::{Error, Result, exceptions};

/// Last argument of a method that has optional members, and of every signal.
pub const OPTIONAL: &str = "optional";
/// What a method returns.
pub const RESULT: &str = "result";
/// First argument of a method that takes a file descriptor.
pub const FD: &str = "fd";

/// Members that clients find beside the generated ones on the same object, and so mix with them:
/// the standard interfaces' and the endpoint's own.
const RESERVED: &[&str] = &[
    "Call",
    "CallAndWait",
    "Capabilities",
    "Commands",
    "EventsDropped",
    "Execute",
    "Get",
    "GetAll",
    "GetMachineId",
    "GetManagedObjects",
    "InterfacesAdded",
    "InterfacesRemoved",
    "Introspect",
    "Ping",
    "PropertiesChanged",
    "ReadFile",
    "RunState",
    "Set",
    "Socket",
    "State",
    "UnknownEvent",
    "Version",
];

/// Reserved words of C++, Python and Rust that can be a QAPI name. Code generators use argument
/// names as identifiers, and not all of them escape their language's words.
const KEYWORDS: &str = "\
    abstract alignas alignof and and_eq as asm assert async auto await become bitand bitor bool \
    box break case catch char class compl concept const const_cast constexpr continue crate \
    decltype def default del delete do double dyn elif else enum except explicit export extern \
    false final finally float fn for friend from gen global goto if impl import in inline int is \
    lambda let long loop macro match mod move mut mutable namespace new noexcept nonlocal not \
    not_eq nullptr operator or or_eq override pass priv private protected pub public raise ref \
    register requires return self short signed sizeof static struct super switch template this \
    throw trait true try type typedef typeid typename typeof union unsafe unsigned unsized use \
    using virtual void volatile where while with xor xor_eq yield";

/// The method that stands for a command: `block_set_io_throttle` is `BlockSetIoThrottle`.
pub fn method(command: &str) -> String {
    exceptions::name(command).map_or_else(|| camel(command), str::to_owned)
}

/// The signal that stands for an event, unless a method has that name: `BLOCK_IO_ERROR` is
/// `BlockIoError`.
pub fn signal(event: &str) -> String {
    exceptions::name(event).map_or_else(|| camel(&event.to_lowercase()), str::to_owned)
}

/// The argument that stands for a member: `node-name` is `node_name`.
pub fn argument(member: &str) -> String {
    if let Some(name) = exceptions::name(member) {
        return name.to_owned();
    }
    let mut name = member.replace(['-', '.'], "_");
    if is_keyword(&name) {
        name.push('_');
    }
    name
}

/// The function of a client that stands for a command: `guest-file-open` is `guest_file_open`.
pub fn function(command: &str) -> String {
    argument(command.trim_start_matches('_'))
}

/// Whether a name is a reserved word of C++, Python or Rust.
pub fn is_keyword(name: &str) -> bool {
    KEYWORDS.split(' ').any(|keyword| keyword == name)
}

/// The D-Bus names of an interface's members, each with the QAPI name it stands for.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<String, String>);

impl Members {
    /// Gives a method its name: the ledger's, or by the rule.
    pub(super) fn add_method(&mut self, command: &str, held: Option<&str>) -> Result<String> {
        self.add(held.map_or_else(|| method(command), str::to_owned), command)
    }

    /// Gives a signal its name: the ledger's, or by the rule, or with `Event` behind where a
    /// method has that one. To be called after all methods are known.
    pub(super) fn add_signal(&mut self, event: &str, held: Option<&str>) -> Result<String> {
        let mut name = held.map_or_else(|| signal(event), str::to_owned);
        if held.is_none() && self.0.contains_key(&name) {
            name.push_str("Event");
        }
        self.add(name, event)
    }

    fn add(&mut self, name: String, qapi: &str) -> Result<String> {
        if !is_member_name(&name) {
            return Err(Error::BadName { name, qapi: qapi.into() });
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(Error::Reserved { name, qapi: qapi.into() });
        }
        if let Some(first) = self.0.insert(name.clone(), qapi.into()) {
            return Err(Error::Collision { name, first, second: qapi.into() });
        }
        Ok(name)
    }
}

/// Checks that the arguments of one method or signal, given as D-Bus and QAPI name, are distinct
/// from each other and from those that the mapping adds.
pub(super) fn check_arguments<'a>(
    arguments: impl Iterator<Item = (&'a str, &'a str)>,
    added: &[&'a str],
) -> Result<()> {
    let mut taken: BTreeMap<_, _> = added.iter().map(|name| (*name, "the mapping's own")).collect();
    for (name, qapi) in arguments {
        if let Some(first) = taken.insert(name, qapi) {
            let (name, first, second) = (name.into(), first.into(), qapi.into());
            return Err(Error::Collision { name, first, second });
        }
    }
    Ok(())
}

/// `node-name` is `NodeName`.
pub fn camel(name: &str) -> String {
    name.split(['-', '_', '.']).flat_map(capitalised).collect()
}

fn capitalised(word: &str) -> impl Iterator<Item = char> {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars)
}

/// D-Bus specification, "Valid Names": letters, digits and `_`, no digit first, at most 255.
pub(super) fn is_member_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(valid)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_camel_case() {
        let methods = [
            ("guest-set-vcpus", "GuestSetVcpus"),
            ("block_set_io_throttle", "BlockSetIoThrottle"),
            ("x-query-jit", "XQueryJit"),
            ("inject-ghes-v2-error", "InjectGhesV2Error"),
            ("__com.redhat_drive-add", "ComRedhatDriveAdd"),
            ("stop", "Stop"),
        ];
        for (command, name) in methods {
            assert_eq!(method(command), name);
        }
        assert_eq!(signal("BLOCK_IO_ERROR"), "BlockIoError");
        assert_eq!(signal("STOP"), "Stop");
    }

    #[test]
    fn arguments_are_identifiers() {
        let arguments = [
            ("node-name", "node_name"),
            ("typename", "type_name"),
            ("type", "type_"),
            ("device", "device"),
            ("__com.redhat_x", "__com_redhat_x"),
        ];
        for (member, name) in arguments {
            assert_eq!(argument(member), name);
        }
    }

    #[test]
    fn tables_are_sorted_and_without_doubles() {
        assert!(KEYWORDS.split(' ').is_sorted_by(|a, b| a < b));
        assert!(RESERVED.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn signal_of_a_method_s_name_gets_a_suffix() {
        let mut members = Members::default();
        members.add_method("stop", None).unwrap();
        assert_eq!(members.add_signal("STOP", None).unwrap(), "StopEvent");
        assert_eq!(members.add_signal("RESUME", None).unwrap(), "Resume");
    }

    #[test]
    fn two_qapi_names_in_one_are_an_error_naming_both() {
        let mut members = Members::default();
        members.add_method("block-resize", None).unwrap();
        let error = members.add_method("block_resize", None).unwrap_err().to_string();
        assert!(error.contains("'block-resize'") && error.contains("'block_resize'"), "{error}");
        assert!(error.contains("BlockResize"), "{error}");
    }

    #[test]
    fn suffixed_signal_can_collide_too() {
        let mut members = Members::default();
        members.add_method("stop", None).unwrap();
        members.add_method("stop-event", None).unwrap();
        assert!(matches!(members.add_signal("STOP", None), Err(Error::Collision { .. })));
    }

    #[test]
    fn method_never_takes_the_name_of_a_signal_in_the_ledger() {
        let mut members = Members::default();
        members.add_method("wakeup", None).unwrap();
        let clash = members.add_signal("WAKEUP", Some("Wakeup"));
        assert!(matches!(clash, Err(Error::Collision { .. })));
    }

    #[test]
    fn name_that_d_bus_cannot_have_is_an_error() {
        let mut members = Members::default();
        assert!(matches!(members.add_method("9p-mount", None), Err(Error::BadName { .. })));
        assert!(matches!(members.add_method("-", None), Err(Error::BadName { .. })));
        assert!(matches!(members.add_method("get-all", None), Err(Error::Reserved { .. })));
    }

    #[test]
    fn arguments_that_meet_are_an_error() {
        let pairs = |names: &[&'static str]| -> Vec<(String, &'static str)> {
            names.iter().map(|name| (argument(name), *name)).collect()
        };
        for names in [&["a-b", "a_b"][..], &["optional"], &["result"]] {
            let pairs = pairs(names);
            let arguments = pairs.iter().map(|(name, qapi)| (name.as_str(), *qapi));
            let checked = check_arguments(arguments, &[OPTIONAL, RESULT]);
            assert!(matches!(checked, Err(Error::Collision { .. })));
        }
    }
}
