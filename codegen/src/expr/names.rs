//! What names may look like.

use crate::{
    ast::Text,
    directives::Pragmas,
    error::Shortened,
    source::{Fault, Place, Result},
};

/// The name of a definition made with this keyword.
pub(super) fn check_definition(keyword: &str, name: &Text, pragmas: &Pragmas) -> Result<()> {
    match keyword {
        "event" => check_event(name),
        "command" => {
            let underscore = pragmas.command_names.contains(&name.text);
            let remedy = "use lower case and '-', or list a name with '_' in the pragma \
                          command-name-exceptions";
            check_lower(name.into(), "command", Allowed { upper: false, underscore, remedy })
        }
        _ => check_type(keyword, name),
    }
}

/// The name of a member, without `*`.
pub(super) fn check_member(name: &str, at: Place, permissive: bool) -> Result<()> {
    check_lower(Name { shown: name, name, at }, "member", Allowed::by_type(permissive))?;
    let mapped = mapped(name);
    if mapped == "u" || mapped.starts_with("has_") {
        let mistake = format!("member name '{}' is reserved", Shortened(name));
        return Err(Fault::rule(at, mistake, "choose another than 'u' and 'has-...'"));
    }
    Ok(())
}

/// A value of an enumeration, which may start with a digit.
pub(super) fn check_value(value: &Text, permissive: bool) -> Result<()> {
    let digit = value.text.starts_with(|char: char| char.is_ascii_digit());
    let lettered = if digit { format!("d{}", value.text) } else { value.text.clone() };
    let name = Name { shown: &value.text, name: &lettered, at: value.at };
    check_lower(name, "value", Allowed::by_type(permissive))
}

/// The name of a feature, or of a form of an alternate.
pub(super) fn check_plain(name: &str, at: Place, role: &str) -> Result<()> {
    let remedy = "use lower case, digits and '-'";
    let allowed = Allowed { upper: false, underscore: false, remedy };
    check_lower(Name { shown: name, name, at }, role, allowed)
}

/// The name as C identifiers see it; two names that meet there must not stand side by side.
pub(crate) fn mapped(name: &str) -> String {
    name.replace(|char: char| !char.is_ascii_alphanumeric(), "_")
}

/// A name under check.
struct Name<'n> {
    /// As it is written.
    shown: &'n str,
    /// As it is checked.
    name: &'n str,
    at: Place,
}

impl<'n> From<&'n Text> for Name<'n> {
    fn from(text: &'n Text) -> Self {
        Self { shown: &text.text, name: &text.text, at: text.at }
    }
}

/// What a name may have besides lower case, digits and `-`.
struct Allowed {
    upper: bool,
    underscore: bool,
    remedy: &'static str,
}

impl Allowed {
    fn by_type(permissive: bool) -> Self {
        let remedy = "use lower case, digits and '-', or list the type in the pragma \
                      member-name-exceptions";
        Self { upper: permissive, underscore: permissive, remedy }
    }
}

fn check_lower(name: Name<'_>, role: &str, allowed: Allowed) -> Result<()> {
    let shown = Shortened(name.shown);
    let at = name.at;
    let stem = stem(name, role)?;
    let wrong = if !allowed.upper && stem.contains(|char: char| char.is_ascii_uppercase()) {
        "has upper case"
    } else if !allowed.underscore && stem.contains('_') {
        "has '_'"
    } else {
        return Ok(());
    };
    Err(Fault::rule(at, format!("{role} name '{shown}' {wrong}"), allowed.remedy))
}

fn check_event(name: &Text) -> Result<()> {
    let stem = stem(name.into(), "event")?;
    if stem.contains(|char: char| char.is_ascii_lowercase() || char == '-') {
        let mistake = format!("event name '{}' has lower case or '-'", Shortened(&name.text));
        return Err(Fault::rule(name.at, mistake, "use upper case, digits and '_'"));
    }
    Ok(())
}

fn check_type(keyword: &str, name: &Text) -> Result<()> {
    let stem = stem(name.into(), keyword)?;
    let camel = stem.starts_with(|char: char| char.is_ascii_uppercase())
        && stem.chars().all(|char| char.is_ascii_alphanumeric())
        && stem.contains(|char: char| char.is_ascii_lowercase());
    let shown = Shortened(&name.text);
    if !camel {
        let mistake = format!("{keyword} name '{shown}' is not CamelCase");
        return Err(Fault::rule(name.at, mistake, "write it LikeThis"));
    }
    if name.text.ends_with("List") {
        let mistake = format!("{keyword} name '{shown}' ends in 'List', as array types do");
        return Err(Fault::rule(name.at, mistake, "choose another"));
    }
    Ok(())
}

/// The name without the prefixes for vendors, `__com.example_`, and experiments, `x-`.
fn stem<'n>(name: Name<'n>, role: &str) -> Result<&'n str> {
    let valid = split_stem(name.name).filter(|_| !mapped(name.name).starts_with("q_"));
    valid.ok_or_else(|| {
        let mistake = format!("{role} name '{}' is not valid", Shortened(name.shown));
        let remedy = "begin with a letter but not 'q_', go on with letters, digits, '-' and '_'";
        Fault::rule(name.at, mistake, remedy)
    })
}

fn split_stem(name: &str) -> Option<&str> {
    let name = match name.strip_prefix("__") {
        None => name,
        Some(rest) => {
            let (vendor, name) = rest.split_once('_')?;
            let legal = |char: char| char.is_ascii_alphanumeric() || ".-".contains(char);
            (!vendor.is_empty() && vendor.chars().all(legal)).then_some(name)?
        }
    };
    let lettered = |name: &&str| name.starts_with(|char: char| char.is_ascii_alphabetic());
    let marked = name.strip_prefix("x-").or_else(|| name.strip_prefix("X-"));
    let stem = marked.filter(lettered).unwrap_or(name);
    let legal = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    (lettered(&stem) && stem.chars().all(legal)).then_some(stem)
}
