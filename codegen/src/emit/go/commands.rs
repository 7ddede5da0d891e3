//! A method for each command.

use super::{Names, documentation, type_of, types};
use crate::dbus::{Interface, Member, Method, names};

pub(super) fn command(interface: &Interface, method: &Method, names: &Names<'_>) -> String {
    let Method { name, command, positional, arguments, .. } = method;
    let mut parameters = vec!["ctx context.Context".to_owned()];
    let mut out = String::new();
    let members: Vec<_> =
        positional.iter().map(|argument| format!("{:?}", argument.member)).collect();
    let result = if method.result.is_some() { "&result" } else { "nil" };
    let call = if arguments.union.is_some() {
        let members = members.join(", ");
        parameters.push(format!("arguments {}", names.union(method)));
        format!("c.InvokeUnion(ctx, {name:?}, []string{{{members}}}, arguments, {result})")
    } else {
        let known: Vec<_> = positional.iter().filter_map(|it| find(method, &it.member)).collect();
        for member in &known {
            parameters.push(format!("{} {}", parameter(&member.name), type_of(&member.shape)));
        }
        let is_option = |name: &str| !positional.iter().any(|argument| argument.member == name);
        let mut given = "nil";
        if arguments.members.iter().any(|member| is_option(&member.name)) {
            let options = &names.options[command.as_str()];
            let about = format!("{options} are what {command} can be given.");
            out += &types::fields(interface, options, &about, arguments, &is_option);
            parameters.push(format!("options ...{options}"));
            given = "qapidbus.Members(options)";
        }
        let values: Vec<_> = known.iter().map(|member| parameter(&member.name)).collect();
        let values = match values.as_slice() {
            [] => "nil".to_owned(),
            values => format!("[]any{{{}}}", values.join(", ")),
        };
        let declared = method.optional;
        format!("c.Invoke(ctx, {name:?}, {values}, {declared}, {given}, {result})")
    };
    out += "\n";
    out += &documentation(&method.documentation(), &format!("{name} is {command}."));
    let parameters = parameters.join(", ");
    out += &match &method.result {
        None => format!("func (c *Client) {name}({parameters}) error {{\n\treturn {call}\n}}\n"),
        Some(shape) => format!(
            "func (c *Client) {name}({parameters}) (result {}, err error) {{\n\t\
             err = {call}\n\treturn result, err\n}}\n",
            type_of(shape)
        ),
    };
    out
}

fn find<'a>(method: &'a Method, name: &str) -> Option<&'a Member> {
    method.arguments.members.iter().find(|member| member.name == name)
}

/// `node-name` is `nodeName`.
fn parameter(member: &str) -> String {
    const TAKEN: [&str; 21] = [
        "any",
        "arguments",
        "break",
        "c",
        "case",
        "chan",
        "const",
        "ctx",
        "default",
        "err",
        "error",
        "func",
        "go",
        "interface",
        "map",
        "options",
        "package",
        "range",
        "result",
        "string",
        "type",
    ];
    let camel = names::camel(member);
    let mut name = camel[..1].to_lowercase() + &camel[1..];
    if TAKEN.contains(&name.as_str()) || names::is_keyword(&name) {
        name.push('_');
    }
    name
}
