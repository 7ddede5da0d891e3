//! Changes of definitions.

use super::pick;
use crate::random::Random;
use std::ops::Range;

/// Changes one thing.
pub(super) fn mutate(code: &mut String, random: &mut Random) {
    let before = tokens(code);
    if before.is_empty() {
        return;
    }
    let mut tokens = before.clone();
    match random.below(16) {
        0 | 1 => drop_entry(&mut tokens, random),
        2 => copy_entry(&mut tokens, random),
        3 => add_entry(&mut tokens, random),
        4 | 5 => change_string(&mut tokens, random, edited),
        6 | 7 => change_string(&mut tokens, random, |_, random| (*pick(&NAMES, random)).to_owned()),
        8 => toggle_optional(&mut tokens, random),
        9 => wrap(&mut tokens, random),
        10 => unwrap(&mut tokens, random),
        11 | 12 => expand(&mut tokens, random),
        13 => flip(&mut tokens, random),
        14 => change_keyword(&mut tokens, random),
        _ => change_token(&mut tokens, random),
    }
    // Other white space is no change.
    if tokens != before {
        *code = tokens.join(" ") + "\n";
    }
}

/// The word with a small change.
pub(super) fn edited(word: &str, random: &mut Random) -> String {
    match random.below(14) {
        0 => word.to_uppercase(),
        1 => word.to_lowercase(),
        2 => word.replace('-', "_"),
        3 => word.replace('_', "-"),
        4 => format!("q_{word}"),
        5 => format!("x-{word}"),
        6 => format!("__com.example_{word}"),
        7 => format!("{word}List"),
        8 => format!("has-{word}"),
        9 => format!("2{word}"),
        10 => format!("{word}-2"),
        11 => word.chars().skip(1).collect(),
        12 => format!("{word}.x"),
        _ => format!("{word}X"),
    }
}

const NAMES: [&str; 30] = [
    "str",
    "int",
    "bool",
    "null",
    "any",
    "number",
    "size",
    "uint8",
    "QType",
    "strList",
    "q_empty",
    "",
    "u",
    "has-it",
    "*",
    "**a",
    "on",
    "off",
    "a",
    "A",
    "nonesuch",
    "Nonesuch",
    "deprecated",
    "unstable",
    "type",
    "driver",
    "CONFIG_X",
    "config",
    "base",
    "data",
];

const ENTRIES: [&str; 34] = [
    "'if' : 'CONFIG_X'",
    "'if' : 'config'",
    "'if' : [ 'CONFIG_X' ]",
    "'if' : { 'all' : [ 'CONFIG_X' , { 'not' : 'CONFIG_Y' } ] }",
    "'if' : { 'any' : [ ] }",
    "'if' : { 'not' : [ 'CONFIG_X' ] }",
    "'if' : { 'not' : 'CONFIG_X' , 'all' : [ 'CONFIG_Y' ] }",
    "'if' : { }",
    "'if' : true",
    "'features' : [ 'deprecated' ]",
    "'features' : [ 'unstable' , 'unstable' ]",
    "'features' : [ 'curious' ]",
    "'features' : [ { 'name' : 'curious' , 'if' : 'CONFIG_X' } ]",
    "'features' : [ ]",
    "'features' : 'curious'",
    "'features' : [ { 'if' : 'CONFIG_X' } ]",
    "'boxed' : true",
    "'boxed' : false",
    "'gen' : false",
    "'gen' : true",
    "'allow-oob' : true",
    "'coroutine' : true",
    "'allow-preconfig' : true",
    "'success-response' : false",
    "'returns' : 'str'",
    "'returns' : [ 'str' ]",
    "'returns' : [ ]",
    "'prefix' : 'PREFIX'",
    "'prefix' : true",
    "'base' : 'Nonesuch'",
    "'base' : { 'more' : 'str' }",
    "'discriminator' : 'type'",
    "'*more' : 'str'",
    "'more' : { 'type' : 'int' , 'if' : 'CONFIG_X' }",
];

fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in code.lines() {
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                tokens.push(format!("'{part}'"));
                continue;
            }
            let (part, comment) =
                part.split_once('#').map_or((part, false), |(part, _)| (part, true));
            let spaced: String = part.chars().map(|mark| format!(" {mark} ")).collect();
            match part.trim() {
                word @ ("true" | "false") => tokens.push(word.to_owned()),
                _ if part.contains("true") || part.contains("false") => {
                    tokens.extend(words(part));
                }
                _ => tokens.extend(spaced.split_whitespace().map(str::to_owned)),
            }
            if comment {
                break;
            }
        }
    }
    tokens
}

fn words(part: &str) -> Vec<String> {
    let marks = ["{", "}", "[", "]", ":", ","];
    let spaced =
        marks.iter().fold(part.to_owned(), |text, mark| text.replace(mark, &format!(" {mark} ")));
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// The entries of objects, each from its key to the end of its value.
fn entries(tokens: &[String]) -> Vec<Range<usize>> {
    let keys = (0..tokens.len()).filter(|at| tokens.get(at + 1).is_some_and(|next| next == ":"));
    keys.map(|key| key..end(tokens, key + 2)).collect()
}

fn end(tokens: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn strings(tokens: &[String]) -> Vec<usize> {
    (0..tokens.len()).filter(|at| tokens[*at].starts_with('\'')).collect()
}

fn drop_entry(tokens: &mut Vec<String>, random: &mut Random) {
    let entries = entries(tokens);
    if entries.is_empty() {
        return;
    }
    let Range { mut start, mut end } = pick(&entries, random).clone();
    if tokens.get(end).is_some_and(|next| next == ",") {
        end += 1;
    } else if start > 0 && tokens[start - 1] == "," {
        start -= 1;
    }
    tokens.drain(start..end);
}

fn copy_entry(tokens: &mut Vec<String>, random: &mut Random) {
    let entries = entries(tokens);
    if entries.is_empty() {
        return;
    }
    let Range { start, end } = pick(&entries, random).clone();
    let mut copy = tokens[start..end].to_vec();
    match random.below(3) {
        0 => {}
        1 => copy[0] = format!("'*{}", copy[0].trim_start_matches(['\'', '*'])),
        _ => copy[0] = format!("'{}'", edited(copy[0].trim_matches('\''), random)),
    }
    copy.push(",".to_owned());
    tokens.splice(start..start, copy);
}

fn add_entry(tokens: &mut Vec<String>, random: &mut Random) {
    let entries = entries(tokens);
    if entries.is_empty() {
        return;
    }
    // The definition itself more often than what is in it.
    let at = if random.below(2) == 0 { entries[0].start } else { pick(&entries, random).start };
    let added = format!("{} ,", pick(&ENTRIES, random));
    tokens.splice(at..at, added.split(' ').map(str::to_owned));
}

fn change_string(
    tokens: &mut [String],
    random: &mut Random,
    change: fn(&str, &mut Random) -> String,
) {
    let strings = strings(tokens);
    if strings.is_empty() {
        return;
    }
    let at = *pick(&strings, random);
    tokens[at] = format!("'{}'", change(tokens[at].trim_matches('\''), random));
}

fn toggle_optional(tokens: &mut [String], random: &mut Random) {
    let entries = entries(tokens);
    if entries.is_empty() {
        return;
    }
    let key = &mut tokens[pick(&entries, random).start];
    *key = match key.strip_prefix("'*") {
        Some(rest) => format!("'{rest}"),
        None => key.replacen('\'', "'*", 1),
    };
}

fn wrap(tokens: &mut Vec<String>, random: &mut Random) {
    let strings = strings(tokens);
    if !strings.is_empty() {
        let at = *pick(&strings, random);
        tokens.insert(at + 1, "]".to_owned());
        tokens.insert(at, "[".to_owned());
    }
}

fn unwrap(tokens: &mut Vec<String>, random: &mut Random) {
    let wrapped =
        |at: &usize| tokens[*at] == "[" && tokens.get(at + 2).is_some_and(|end| end == "]");
    let lists: Vec<_> = (0..tokens.len()).filter(wrapped).collect();
    if !lists.is_empty() {
        let at = *pick(&lists, random);
        tokens.remove(at + 2);
        tokens.remove(at);
    }
}

/// Writes a member, a value or a branch as an object, with or without more in it.
fn expand(tokens: &mut Vec<String>, random: &mut Random) {
    let strings = strings(tokens);
    let plain = |at: &&usize| tokens.get(**at + 1).is_none_or(|next| next != ":");
    let strings: Vec<_> = strings.iter().filter(plain).copied().collect();
    if strings.is_empty() {
        return;
    }
    let at = *pick(&strings, random);
    let key = if tokens[at - 1] == ":" { "type" } else { "name" };
    let more = match random.below(4) {
        0 => String::new(),
        _ => format!(" , {}", pick(&ENTRIES[..16], random)),
    };
    let object = format!("{{ '{key}' : {}{more} }}", tokens[at]);
    tokens.splice(at..=at, object.split(' ').map(str::to_owned));
}

fn flip(tokens: &mut [String], random: &mut Random) {
    let flags: Vec<_> =
        (0..tokens.len()).filter(|at| ["true", "false"].contains(&tokens[*at].as_str())).collect();
    let at = if flags.is_empty() { random.below(tokens.len()) } else { *pick(&flags, random) };
    tokens[at] = if tokens[at] == "true" { "false" } else { "true" }.to_owned();
}

fn change_keyword(tokens: &mut [String], random: &mut Random) {
    const KEYWORDS: [&str; 9] = [
        "'struct'",
        "'union'",
        "'enum'",
        "'alternate'",
        "'command'",
        "'event'",
        "'data'",
        "'type'",
        "'include'",
    ];
    if tokens.len() > 1 {
        tokens[1] = (*pick(&KEYWORDS, random)).to_owned();
    }
}

fn change_token(tokens: &mut Vec<String>, random: &mut Random) {
    let (at, other) = (random.below(tokens.len()), random.below(tokens.len()));
    match random.below(4) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[at].clone()),
        2 => tokens.swap(at, other),
        _ => {
            tokens[at] =
                (*pick(&["{", "}", "[", "]", ":", ",", "'", "null", "\"a\"", "#", "##"], random))
                    .to_owned()
        }
    }
}
