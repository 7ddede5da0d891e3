//! Lines as shells and the prompt have them: words, quotes, backslashes.

/// The words of a line. The last is the one that is typed: empty after a space, and it need not be
/// closed.
pub(in super::super) fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut chars = line.trim_start().chars().peekable();
    while let Some(char) = chars.next() {
        let word = words.last_mut();
        match (quote, char) {
            (None | Some('"'), '\\') => {
                if let (Some(word), Some(next)) = (word, chars.next()) {
                    // Within quotes it means itself, save before what it is needed for.
                    if quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
                        word.push('\\');
                    }
                    word.push(next);
                }
            }
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            (None, ' ' | '\t') => {
                while chars.next_if(|it| matches!(it, ' ' | '\t')).is_some() {}
                words.push(String::new());
            }
            _ => word.into_iter().for_each(|word| word.push(char)),
        }
    }
    words
}

/// A word as a shell takes it, backslashes before what it would not leave alone.
pub(in super::super) fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "_-+=:,./%@".contains(char);
    word.chars().fold(String::new(), |mut quoted, char| {
        if !plain(char) {
            quoted.push('\\');
        }
        quoted.push(char);
        quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_as_a_shell_does() {
        assert_eq!(split("a  'b c' \"d\\\"e\\x\" f\\ g"), ["a", "b c", "d\"e\\x", "f g"]);
        assert_eq!(split("call x="), ["call", "x="]);
        assert_eq!(split("call "), ["call", ""]);
        assert_eq!(split("call 'a b"), ["call", "a b"]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn nothing_that_is_offered_is_a_command_to_the_shell() {
        assert_eq!(quoted("path=/a:b"), "path=/a:b");
        assert_eq!(quoted("vm;rm $x"), "vm\\;rm\\ \\$x");
        assert_eq!(split(&quoted("vm;rm $x'\"")), ["vm;rm $x'\""]);
    }
}
