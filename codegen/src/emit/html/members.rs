//! The members of an object: a term each, which a phone is wide enough for.

use super::{
    Site, Text,
    page::{badge, push},
    prose, type_name,
};
use crate::{
    dbus::{Life, Object, Shape, Union},
    prose::Description,
};

/// Where a member of this name goes on D-Bus, as markup.
pub(super) type Placed<'a> = &'a dyn Fn(&str) -> String;

/// The members, and for a union what it adds.
pub(super) fn list(
    site: &Site<'_>,
    object: &Object,
    told: Option<&Description>,
    placed: Placed<'_>,
) -> String {
    let mut members = site.interface.common(object);
    // Descriptors travel in arguments of their own.
    members.extend(object.members.iter().filter(|it| it.shape == Shape::Fd));
    members.dedup_by(|a, b| a.name == b.name);
    let mut out = String::new();
    for member in members {
        let optional = if member.always { String::new() } else { badge("", "optional") };
        push(
            &mut out,
            format_args!(
                "<dt id=\"member-{name}\"><code>{name}</code> <span class=\"type\">{} \
                 <code>{}</code></span>{optional}{}</dt>\n<dd>{}{}</dd>\n",
                type_name(&member.shape),
                member.shape.signature(),
                life(&member.life),
                placed(&member.name),
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
        let members = type_name(&Shape::Object(branch.clone()));
        let value = Text(value);
        push(
            &mut out,
            format_args!("<dt><code>{value}</code></dt>\n<dd>the members of {members}</dd>\n"),
        );
    }
    out.push_str("</dl>\n");
    let bare = site.interface.values_without_branch(object);
    if !bare.is_empty() {
        let bare: Vec<_> = bare.iter().map(|it| format!("<code>{}</code>", Text(it))).collect();
        push(&mut out, format_args!("<p>Nothing is added by {}.</p>\n", bare.join(", ")));
    }
    out
}

/// Since when something is there and whether it will last.
pub(super) fn life(life: &Life) -> String {
    let since = life.since.as_ref().map(|since| badge("since", &format!("since {since}")));
    let deprecated = life.deprecated.then(|| badge("warn", "deprecated"));
    let unstable = life.unstable.then(|| badge("warn", "unstable"));
    [since, deprecated, unstable].into_iter().flatten().collect()
}
