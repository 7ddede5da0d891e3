//! Where the mapping's rules do not do: one table, a reason a line.

/// How a QAPI name departs from the rules.
#[derive(Clone, Copy)]
enum Exception {
    /// It has this D-Bus name, as a command, an event or a member.
    Name(&'static str),
    /// The command is not a method.
    NotServed,
    /// The command takes a file descriptor beside its JSON text: first argument of its method.
    TakesFd,
}

const TABLE: &[(&str, Exception)] = &[
    // The bridge negotiates, once for all clients of a socket.
    ("qmp_capabilities", Exception::NotServed),
    // SCM_RIGHTS on the monitor's socket is how the descriptor arrives there.
    ("getfd", Exception::TakesFd),
    // The same, into a set of descriptors.
    ("add-fd", Exception::TakesFd),
    // A reserved word of C++; `typename_` would do, but reads badly.
    ("typename", Exception::Name("type_name")),
    // Qt's adaptors call parent() where the arguments are in scope.
    ("parent", Exception::Name("parent_")),
];

/// The D-Bus name that a QAPI name has in place of the one by the rule.
pub(super) fn name(qapi: &str) -> Option<&'static str> {
    find(qapi).find_map(|exception| match exception {
        Exception::Name(name) => Some(name),
        _ => None,
    })
}

/// Whether a command becomes a method.
pub(super) fn is_served(command: &str) -> bool {
    !find(command).any(|exception| matches!(exception, Exception::NotServed))
}

/// Whether a command takes a file descriptor.
pub(super) fn takes_fd(command: &str) -> bool {
    find(command).any(|exception| matches!(exception, Exception::TakesFd))
}

fn find(qapi: &str) -> impl Iterator<Item = Exception> {
    TABLE.iter().filter(move |(name, _)| *name == qapi).map(|(_, exception)| *exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_answers_by_name() {
        assert!(!is_served("qmp_capabilities") && is_served("guest-sync"));
        assert!(takes_fd("getfd") && takes_fd("add-fd") && !takes_fd("get-win32-socket"));
        assert_eq!(name("typename"), Some("type_name"));
        assert_eq!(name("getfd"), None);
    }
}
