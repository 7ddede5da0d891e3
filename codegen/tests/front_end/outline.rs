//! The model as text, a definition a line, members below it.

use qapi_codegen::model::{
    Branch, Command, Condition, Event, Feature, Info, Kind, Member, Schema, TypeId, Value,
};
use std::fmt::Write;

/// Everything but the predefined types.
pub(crate) fn outline(schema: &Schema) -> String {
    let mut text = String::new();
    for ty in &schema.types {
        let own = ty.info.module.is_some() || matches!(ty.kind, Kind::Array(_));
        if own {
            let head = head(schema, &ty.info);
            text += &format!("{} {head}\n{}", keyword(schema, &ty.kind), parts(schema, &ty.kind));
        }
    }
    schema.commands.iter().for_each(|command| text += &self::command(schema, command));
    schema.events.iter().for_each(|event| text += &self::event(schema, event));
    text
}

fn keyword(schema: &Schema, kind: &Kind) -> String {
    let based = |base: &Option<TypeId>| match base {
        Some(base) => format!(" ({})", name(schema, *base)),
        None => String::new(),
    };
    match kind {
        Kind::Builtin(builtin) => format!("{builtin:?}"),
        Kind::Enum { prefix, .. } => format!("enum {prefix:?}"),
        Kind::Struct { implicit: true, .. } => "in place".to_owned(),
        Kind::Struct { base, inherited, .. } => format!("struct{} {inherited}+", based(base)),
        Kind::Union { base, tag, .. } => format!("union{} by {tag}", based(base)),
        Kind::Alternate { .. } => "alternate".to_owned(),
        Kind::Array(element) => format!("array of {}", name(schema, *element)),
    }
}

fn parts(schema: &Schema, kind: &Kind) -> String {
    match kind {
        Kind::Enum { values, .. } => values.iter().map(value).collect(),
        Kind::Struct { members, .. } => members.iter().map(|it| member(schema, it)).collect(),
        Kind::Union { members, branches, .. } => {
            let members = members.iter().map(|it| member(schema, it));
            members.chain(branches.iter().map(|it| branch(schema, it))).collect()
        }
        Kind::Alternate { branches } => branches.iter().map(|it| branch(schema, it)).collect(),
        Kind::Builtin(_) | Kind::Array(_) => String::new(),
    }
}

fn value(value: &Value) -> String {
    let Value { name, condition, features, since } = value;
    format!("  {name}{}{}{}\n", since_of(since), if_of(condition), features_of(features))
}

fn member(schema: &Schema, member: &Member) -> String {
    let Member { name, ty, optional, condition, features, since } = member;
    let (star, ty) = (if *optional { "*" } else { "" }, self::name(schema, *ty));
    let (since, condition) = (since_of(since), if_of(condition));
    format!("  {star}{name}: {ty}{since}{condition}{}\n", features_of(features))
}

fn branch(schema: &Schema, branch: &Branch) -> String {
    let Branch { name, ty, condition } = branch;
    format!("  {name} => {}{}\n", self::name(schema, *ty), if_of(condition))
}

fn command(schema: &Schema, command: &Command) -> String {
    let mut text = format!("command {}", head(schema, &command.info));
    text += &arrow(schema, " takes", command.data);
    text += &arrow(schema, " returns", command.returns);
    for (flag, set) in [
        ("boxed", command.boxed),
        ("not generated", !command.generated),
        ("no success response", !command.success_response),
        ("oob", command.allow_oob),
        ("preconfig", command.allow_preconfig),
        ("coroutine", command.coroutine),
    ] {
        if set {
            write!(text, ", {flag}").unwrap();
        }
    }
    text + "\n"
}

fn event(schema: &Schema, event: &Event) -> String {
    let boxed = if event.boxed { ", boxed" } else { "" };
    let data = arrow(schema, " carries", event.data);
    format!("event {}{data}{boxed}\n", head(schema, &event.info))
}

fn arrow(schema: &Schema, verb: &str, id: Option<TypeId>) -> String {
    id.map(|id| format!("{verb} {}", name(schema, id))).unwrap_or_default()
}

fn head(schema: &Schema, info: &Info) -> String {
    let Info { name, module, condition, features, since } = info;
    let module = module.map(|module| format!(" in {}", schema.modules[module.0 as usize].name));
    let (module, since) = (module.unwrap_or_default(), since_of(since));
    format!("{name}{module}{since}{}{}", if_of(condition), features_of(features))
}

fn name(schema: &Schema, id: TypeId) -> &str {
    &schema.ty(id).info.name
}

fn since_of(since: &Option<String>) -> String {
    since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default()
}

fn if_of(condition: &Option<Condition>) -> String {
    condition.as_ref().map(|condition| format!(" if {}", term(condition))).unwrap_or_default()
}

fn term(condition: &Condition) -> String {
    let joined = |terms: &[Condition], by: &str| {
        format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(by))
    };
    match condition {
        Condition::Symbol(symbol) => symbol.clone(),
        Condition::All(terms) => joined(terms, " & "),
        Condition::Any(terms) => joined(terms, " | "),
        Condition::Not(negated) => format!("!{}", term(negated)),
    }
}

fn features_of(features: &[Feature]) -> String {
    let feature = |feature: &Feature| format!(" #{}{}", feature.name, if_of(&feature.condition));
    features.iter().map(feature).collect()
}
