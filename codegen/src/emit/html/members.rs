//! The members of an object: a term each, which a phone is wide enough for.

use super::{
    Site, Text,
    page::{badge, push, standing},
    prose, type_name,
};
use crate::{
    dbus::{Argument, Life, Member, Object, Shape, Union, names::OPTIONAL},
    prose::Description,
};

/// The members, and for a union what it adds. As arguments or data some of them are positional, and
/// the others keys of a dictionary.
pub(super) fn list(
    site: &Site<'_>,
    object: &Object,
    told: Option<&Description>,
    positional: Option<&[Argument]>,
) -> String {
    let members = site.interface.placed(object, positional.unwrap_or_default());
    let mut out = String::new();
    for member in members {
        push(
            &mut out,
            format_args!(
                "<dt id=\"member-{name}\"><code>{name}</code> <span class=\"type\">{} \
                 <code>{}</code></span>{}{}</dt>\n<dd>{}</dd>\n",
                type_name(&member.shape),
                member.shape.signature(),
                positional.map_or_else(|| optional(member), |it| argument(it, member)),
                life(&member.life),
                prose::member(told, &member.name),
                name = Text(&member.name),
            ),
        );
    }
    let union = object.union.as_ref().map(|union| branches(site, object, union));
    let list = if out.is_empty() { out } else { format!("<dl class=\"members\">\n{out}</dl>\n") };
    list + &union.unwrap_or_default()
}

fn branches(site: &Site<'_>, object: &Object, union: &Union) -> String {
    let tag = Text(&union.tag);
    let mut out = format!("<h3>What <code>{tag}</code> adds</h3>\n<dl class=\"branches\">\n");
    for (value, branch) in &union.branches {
        let (value, members) = (Text(value), type_name(&Shape::Object(branch.clone())));
        push(&mut out, format_args!("<dt><code>{value}</code></dt>\n<dd>{members}</dd>\n"));
    }
    out.push_str("</dl>\n");
    let bare = site.interface.values_without_branch(object);
    if !bare.is_empty() {
        let bare: Vec<_> = bare.iter().map(|it| format!("<code>{}</code>", Text(it))).collect();
        push(&mut out, format_args!("<p>Nothing is added by {}.</p>\n", bare.join(", ")));
    }
    out
}

/// An argument by its number, and its name where that is another; or a key of the dictionary.
fn argument(positional: &[Argument], member: &Member) -> String {
    let place = positional.iter().position(|argument| argument.member == member.name);
    match place.map(|at| (at + 1, &positional[at].name)) {
        Some((number, name)) if *name == member.name => badge("", &format!("argument {number}")),
        Some((number, name)) => badge("", &format!("argument {number}: {name}")),
        None => badge("", &format!("key of {OPTIONAL}")),
    }
}

/// Nothing for what is always there.
fn optional(member: &Member) -> String {
    if member.always { String::new() } else { badge("", "optional") }
}

/// Since when something is there and whether it will last.
pub(super) fn life(life: &Life) -> String {
    let since = life.since.as_ref().map(|since| badge("since", &format!("since {since}")));
    since.unwrap_or_default() + &standing(life.deprecated, life.unstable)
}
