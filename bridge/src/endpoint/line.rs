//! The text of a request.

/// Whether a request with this name may be put together: a name outside the grammar of QAPI
/// could be text of a request itself, and no peer knows it.
pub(super) fn is_name(command: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !command.is_empty() && command.bytes().all(part)
}

/// One request as the peer reads it. The newline is for proxies and test peers that go by lines.
/// Megabytes of arguments are moved, not copied: they are not in memory twice.
pub(super) fn line(verb: &str, command: &str, arguments: Vec<u8>, id: Option<u64>) -> Vec<u8> {
    let mut head = format!("{{\"{verb}\":\"{command}\"");
    if !arguments.is_empty() {
        head.push_str(",\"arguments\":");
    }
    let mut line = arguments;
    line.reserve_exact(head.len() + 32);
    line.splice(0..0, head.into_bytes());
    if let Some(id) = id {
        line.extend_from_slice(format!(",\"id\":{id}").as_bytes());
    }
    line.extend_from_slice(b"}\n");
    line
}

#[cfg(test)]
mod tests {
    use super::{is_name, line};

    #[test]
    fn a_line_holds_only_what_the_peer_needs() {
        assert_eq!(line("execute", "stop", Vec::new(), None), b"{\"execute\":\"stop\"}\n");
        let text = line("exec-oob", "yank", b"{\"instances\":[]}".to_vec(), Some(7));
        assert_eq!(text, b"{\"exec-oob\":\"yank\",\"arguments\":{\"instances\":[]},\"id\":7}\n");
    }

    #[test]
    fn names_follow_the_grammar() {
        for name in ["stop", "guest-sync", "block_resize", "__org.qemu_x-y2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a\"", "a b", "a\\n", "é", "a\n", "a\0"] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
