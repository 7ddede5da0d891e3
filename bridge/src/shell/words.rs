//! Arguments of a command as they are typed: `NAME=VALUE` by the member's type, `NAME:=JSON`,
//! `NAME=@FILE`, `NAME=-`, a whole object of them.

use std::{fs, io::Read};

use serde_json::{Map, Value};

use super::{
    Members,
    fault::Fault,
    schema::{Member, Type},
};

/// Bytes that are read of a file or of standard input: what a peer takes at most.
const LONGEST: u64 = 64 << 20;

/// Arguments that are typed.
pub(super) struct Words {
    words: Vec<Word>,
    /// All of them as far as they are known without types: what a union has depends on members that may
    /// come later.
    draft: Members,
}

impl Words {
    /// Reads them, and the files that they name.
    ///
    /// # Errors
    ///
    /// The word at fault, and how it is to be written.
    pub(super) fn read(words: &[String]) -> Result<Self, Fault> {
        let words = words.iter().map(|word| Word::read(word)).collect::<Result<Vec<_>, _>>()?;
        let mut draft = Members::new();
        for word in &words {
            draft.extend(word.whole.clone().unwrap_or_default());
            place(&mut draft, &word.path, Value::String(word.text.clone()), true)
                .map_err(|text| word.fault(&text))?;
        }
        Ok(Self { words, draft })
    }

    /// Whether the type has all of them.
    pub(super) fn fit(&self, ty: Option<Type<'_>>) -> bool {
        let mut typed = self.words.iter().filter(|word| !word.json);
        typed.all(|word| member(ty, &word.path, &self.draft).is_some())
    }

    /// What they mean where the arguments of the command are of this type; of a command that no schema
    /// knows, none.
    ///
    /// # Errors
    ///
    /// The word at fault, and how it is to be written.
    pub(super) fn arguments(self, ty: Option<Type<'_>>) -> Result<Members, Fault> {
        let mut members = Members::new();
        for word in self.words {
            if let Some(whole) = word.whole {
                members.extend(whole);
                continue;
            }
            let member = member(ty, &word.path, &self.draft);
            let path = settled(&word.path, ty, &self.draft);
            let value = match word.json {
                true => serde_json::from_str(&word.text).map_err(|error| error.to_string()),
                false => member
                    .map_or_else(|| Ok(guessed(&word.text)), |member| typed(member.ty, &word.text)),
            };
            let placed = value.and_then(|value| place(&mut members, &path, value, false));
            placed.map_err(|text| word.fault(&text))?;
        }
        Ok(members)
    }
}

/// What the words mean: see [`Words`].
pub(super) fn arguments(ty: Option<Type<'_>>, words: &[String]) -> Result<Members, Fault> {
    Words::read(words)?.arguments(ty)
}

/// One of them.
struct Word {
    path: Vec<String>,
    text: String,
    json: bool,
    /// Many members at once.
    whole: Option<Members>,
}

impl Word {
    fn read(word: &str) -> Result<Self, Fault> {
        if word.starts_with(['{', '@']) || word == "-" {
            let text = if word.starts_with('{') { word.to_owned() } else { content(word, word)? };
            let whole: Map<_, _> = serde_json::from_str(&text)
                .map_err(|error| Fault::usage(format!("`{word}` is no JSON object: {error}")))?;
            let (path, text) = (Vec::new(), String::new());
            return Ok(Self { path, text, json: true, whole: Some(whole) });
        }
        let Some((name, text)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Fault::usage(format!("`{word}` is no argument"))
                .advise("write NAME=VALUE, NAME:=JSON, NAME=@FILE, or all as one JSON object"));
        };
        let (name, json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
        let text =
            if text.starts_with('@') || text == "-" { content(word, text)? } else { text.into() };
        // Names that vendors add hold the dots of their domain.
        let path = match name.starts_with("__") {
            true => vec![name.to_owned()],
            false => name.split('.').map(str::to_owned).collect(),
        };
        Ok(Self { path, text, json, whole: None })
    }

    fn fault(&self, text: &str) -> Fault {
        Fault::usage(format!("argument `{}`: {text}", self.path.join(".")))
    }
}

/// What a file or standard input holds, without the end of its last line.
fn content(word: &str, from: &str) -> Result<String, Fault> {
    let mut text = String::new();
    let read = match from.strip_prefix('@') {
        Some(path) => {
            fs::File::open(path).and_then(|it| it.take(LONGEST + 1).read_to_string(&mut text))
        }
        None => std::io::stdin().take(LONGEST + 1).read_to_string(&mut text),
    };
    let read = read.map_err(|error| Fault::usage(format!("`{word}`: {error}")))?;
    if read as u64 > LONGEST {
        return Err(Fault::usage(format!("`{word}`: more than {} MiB", LONGEST >> 20)));
    }
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// The member at the end of a path.
fn member<'a>(ty: Option<Type<'a>>, path: &[String], given: &Members) -> Option<Member<'a>> {
    let (last, before) = path.split_last()?;
    let (mut ty, mut given) = (ty?, given.clone());
    if let Some(member) = ty.member(&path.join("."), &given) {
        return Some(member);
    }
    for name in before {
        ty = ty.member(name, &given)?.ty;
        given = given.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    }
    ty.member(last, &given)
}

/// The path, in one piece where the schema has a member of the whole name.
fn settled(path: &[String], ty: Option<Type<'_>>, given: &Members) -> Vec<String> {
    let whole = path.join(".");
    match ty.and_then(|ty| ty.member(&whole, given)) {
        Some(_) => vec![whole],
        None => path.to_vec(),
    }
}

/// Puts a value where the path says. The elements of a list may come one by one.
fn place(members: &mut Members, path: &[String], value: Value, draft: bool) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    if !rest.is_empty() {
        let inner = members.entry(name).or_insert_with(|| Value::Object(Members::new()));
        return match inner.as_object_mut() {
            Some(inner) => place(inner, rest, value, draft),
            None if draft => Ok(()),
            None => Err(format!("`{name}` has a value of its own")),
        };
    }
    match (members.get_mut(name), value) {
        (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
        (Some(_), _) if draft => {}
        (Some(_), _) => return Err("is given twice".into()),
        (None, value) => {
            members.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// What no schema says anything of: JSON if it is any, else text.
fn guessed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn typed(ty: Type<'_>, text: &str) -> Result<Value, String> {
    let leaves = ty.leaves();
    let kinds: Vec<_> = leaves.iter().map(|leaf| leaf.kind()).collect();
    if kinds.iter().all(|kind| *kind == Some("string")) {
        return Ok(text.into());
    }
    if let Some(value) = leaves.iter().find_map(|leaf| fitting(*leaf, text)) {
        return Ok(value);
    }
    if kinds.contains(&Some("string")) {
        return Ok(text.into());
    }
    let elements = leaves.iter().find_map(|leaf| leaf.items());
    match elements {
        Some(element) if !text.starts_with('[') => Ok(Value::Array(vec![typed(element, text)?])),
        _ => Err(format!("`{text}` is no {}", wanted(&leaves))),
    }
}

/// The value if the type has it.
fn fitting(leaf: Type<'_>, text: &str) -> Option<Value> {
    let json = || serde_json::from_str::<Value>(text).ok();
    match leaf.kind() {
        None => Some(guessed(text)),
        Some("boolean") => match text {
            "true" | "on" | "yes" => Some(true.into()),
            "false" | "off" | "no" => Some(false.into()),
            _ => None,
        },
        Some("integer") => {
            let value = integer(text)?;
            let (least, most) = leaf.range().unwrap_or((i64::MIN.into(), u64::MAX.into()));
            let value = (least..=most).contains(&value).then_some(value)?;
            i64::try_from(value)
                .map(Value::from)
                .or_else(|_| u64::try_from(value).map(Value::from))
                .ok()
        }
        Some("number") => json().filter(Value::is_number),
        Some("object") => json().filter(Value::is_object),
        Some("array") => json().filter(Value::is_array),
        Some("null") => json().filter(Value::is_null),
        _ => None,
    }
}

/// Decimal, hexadecimal, or a multiple of 1024: `4096`, `0x1000`, `4K`.
fn integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok();
    }
    let power = text.chars().last().and_then(|last| "KMGTPE".find(last));
    match power {
        Some(power) => text[..text.len() - 1]
            .parse::<i64>()
            .ok()
            .map(|it| i128::from(it) << (10 * (power + 1))),
        None => text.parse().ok(),
    }
}

fn wanted(leaves: &[Type<'_>]) -> String {
    let names = leaves.iter().map(|leaf| match leaf.range() {
        Some((least, most)) => format!("integer from {least} to {most}"),
        None => leaf.name(),
    });
    names.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{endpoint::Protocol, shell::schema::Schema};

    fn read(command: &str, words: &[&str]) -> Result<Value, String> {
        let protocol = if command.starts_with("guest-") { Protocol::Qga } else { Protocol::Qmp };
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let read = arguments(Schema::of(protocol).arguments(command), &words);
        read.map(Value::Object).map_err(|fault| fault.to_string())
    }

    #[test]
    fn values_have_the_type_of_their_member() {
        let open = read("guest-file-open", &["path=/a=b", "mode=1"]);
        assert_eq!(open.unwrap(), json!({"path": "/a=b", "mode": "1"}));
        let resize = read("block_resize", &["size=4G", "node-name=10"]);
        assert_eq!(resize.unwrap(), json!({"size": 4_294_967_296_u64, "node-name": "10"}));
        let exec = read("guest-exec", &["path=ls", "arg=-l", "arg=1", "capture-output=on"]);
        assert_eq!(
            exec.unwrap(),
            json!({"path": "ls", "arg": ["-l", "1"], "capture-output": true})
        );
        let exec = read("guest-exec", &["capture-output=merged"]);
        assert_eq!(exec.unwrap(), json!({"capture-output": "merged"}));
        let seek = read("guest-file-seek", &["handle=0x10", "whence=cur", "offset=-4"]);
        assert_eq!(seek.unwrap(), json!({"handle": 16, "whence": "cur", "offset": -4}));
        let set = read("qom-set", &["value=7", "property=x"]);
        assert_eq!(set.unwrap(), json!({"value": 7, "property": "x"}));
    }

    #[test]
    fn dots_reach_into_objects_whatever_the_order() {
        let words = [
            "node-name=d",
            "file.filename=7",
            "file.driver=file",
            "lazy-refcounts=on",
            "driver=qcow2",
        ];
        assert_eq!(
            read("blockdev-add", &words).unwrap(),
            json!({"node-name": "d", "file": {"filename": "7", "driver": "file"},
                   "lazy-refcounts": true, "driver": "qcow2"})
        );
        assert_eq!(read("x", &["__org.example_y=1"]).unwrap(), json!({"__org.example_y": 1}));
    }

    #[test]
    fn json_is_taken_as_such_and_by_the_whole() {
        assert_eq!(
            read("x-new", &["a=1", "b=x", "c:=\"1\""]).unwrap(),
            json!({"a": 1, "b": "x", "c": "1"})
        );
        assert_eq!(read("stop", &["{\"a\": [1]}", "b=2"]).unwrap(), json!({"a": [1], "b": 2}));
    }

    #[test]
    fn errors_name_the_argument_and_what_it_takes() {
        let refused = |command: &str, words: &[&str]| read(command, words).unwrap_err();
        assert!(
            refused("guest-file-read", &["handle=x"]).contains("`handle`: `x` is no integer from")
        );
        assert!(
            refused("guest-file-open", &["path=a", "path=b"]).contains("`path`: is given twice")
        );
        assert!(refused("guest-file-open", &["path"]).contains("write NAME=VALUE"));
        assert!(
            refused("guest-file-open", &["path=@/nonexistent"]).contains("`path=@/nonexistent`")
        );
        assert!(refused("migrate", &["detach=maybe"]).contains("`maybe` is no boolean"));
    }
}
