//! Text from outside: machines, guests and users say and name what they like, and nothing that moves a
//! terminal's cursor, ends a line or turns text around gets to a terminal or a log.

/// The text without what a terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, char| {
        if is_obeyed(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
        shown
    })
}

/// Whether a terminal obeys it.
pub(crate) fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(printable("a\u{1b}[2J\r\u{9b}é\u{202e}x"), "a\\u{1b}[2J\\r\\u{9b}é\\u{202e}x");
    }
}
