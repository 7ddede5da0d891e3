//! JSON Schema, draft 2020-12, of what goes over a peer's socket: the arguments and the result of
//! each command, the data of each event.
//!
//! It is as open as QAPI's promise: unknown members are allowed, an enumeration is any string, and
//! a union's unknown tag demands nothing.

use serde_json::{Map, Value, json};

use super::Release;
use crate::dbus::{
    Alternate, Documentation, Enumeration, Interface, Member, Method, Object, Shape, Signal,
};

/// The document of one interface. Its `$defs` are `COMMAND.arguments`, `COMMAND.result`,
/// `EVENT.data`, and the types by their QAPI names.
pub fn emit_json_schema(interface: &Interface, release: &Release<'_>) -> String {
    let mut definitions = Map::new();
    for method in &interface.methods {
        let Method { command, arguments, result, .. } = method;
        let documentation = method.documentation();
        let arguments = documented(object(arguments), &documentation);
        definitions.insert(format!("{command}.arguments"), arguments);
        let result = result.as_ref().map_or(json!({ "type": "object" }), schema);
        definitions.insert(format!("{command}.result"), result);
    }
    for signal in &interface.signals {
        let Signal { event, data, .. } = signal;
        let data = documented(object(data), &signal.documentation());
        definitions.insert(format!("{event}.data"), data);
    }
    let types = interface.objects.iter().map(|each| (&each.name, object(each)));
    let enumerations = interface.enumerations.iter().map(|each| (&each.name, enumeration(each)));
    let alternates = interface.alternates.iter().map(|each| (&each.name, alternate(each)));
    let types = types.chain(enumerations).chain(alternates);
    definitions.extend(types.map(|(name, schema)| (name.clone(), schema)));
    document(interface, release, &definitions)
}

/// A definition a line.
fn document(
    interface: &Interface,
    release: &Release<'_>,
    definitions: &Map<String, Value>,
) -> String {
    let lines: Vec<_> = definitions
        .iter()
        .map(|(name, schema)| format!("    {}: {schema}", Value::from(name.as_str())))
        .collect();
    let comment = release.header("").trim_end().replace('\n', " ");
    let title = format!(
        "Arguments, results and events of {}, from the schemas of QEMU {}",
        interface.name, release.versions
    );
    format!(
        "{{\n  \"$comment\": {},\n  \
         \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \
         \"title\": {},\n  \"$defs\": {{\n{}\n  }}\n}}\n",
        Value::from(comment),
        Value::from(title),
        lines.join(",\n")
    )
}

fn object(object: &Object) -> Value {
    // Descriptors travel beside the text.
    let in_text = |member: &&Member| member.shape != Shape::Fd;
    let members: Vec<_> = object.members.iter().filter(in_text).collect();
    let mut value = Map::from_iter([("type".to_owned(), json!("object"))]);
    if !members.is_empty() {
        let properties = members.iter().map(|each| (each.name.clone(), property(each)));
        value.insert("properties".into(), Value::Object(properties.collect()));
    }
    let required: Vec<_> = members.iter().filter(|it| it.always).map(|it| &it.name).collect();
    if !required.is_empty() {
        value.insert("required".into(), json!(required));
    }
    if let Some(union) = &object.union {
        let branch = |(tag, branch): &(String, String)| {
            json!({
                "if": { "properties": { &union.tag: { "const": tag } }, "required": [union.tag] },
                "then": reference(branch),
            })
        };
        value.insert("allOf".into(), union.branches.iter().map(branch).collect());
    }
    Value::Object(value)
}

fn property(member: &Member) -> Value {
    let mut value = schema(&member.shape);
    if let (true, Some(value)) = (member.life.deprecated, value.as_object_mut()) {
        value.insert("deprecated".into(), true.into());
    }
    value
}

fn enumeration(each: &Enumeration) -> Value {
    json!({ "anyOf": [{ "enum": each.names().collect::<Vec<_>>() }, { "type": "string" }] })
}

fn alternate(each: &Alternate) -> Value {
    json!({ "anyOf": each.forms.iter().map(|(_, form)| schema(form)).collect::<Vec<_>>() })
}

fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Str => json!({ "type": "string" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Null => json!({ "type": "null" }),
        Shape::Any | Shape::Fd => json!({}),
        Shape::Dictionary => json!({ "type": "object" }),
        Shape::Int8 => integer(i8::MIN, i8::MAX),
        Shape::Int16 => integer(i16::MIN, i16::MAX),
        Shape::Int32 => integer(i32::MIN, i32::MAX),
        Shape::Int64 => integer(i64::MIN, i64::MAX),
        Shape::Uint8 => integer(0, u8::MAX),
        Shape::Uint16 => integer(0, u16::MAX),
        Shape::Uint32 => integer(0, u32::MAX),
        Shape::Uint64 => integer(0, u64::MAX),
        Shape::List(element) => json!({ "type": "array", "items": schema(element) }),
        Shape::Alternate(name, forms) if name.is_empty() => {
            json!({ "anyOf": forms.iter().map(schema).collect::<Vec<_>>() })
        }
        Shape::Object(name) | Shape::Enum(name) | Shape::Alternate(name, _) => reference(name),
    }
}

fn integer<T: Into<Value>>(minimum: T, maximum: T) -> Value {
    json!({ "type": "integer", "minimum": minimum.into(), "maximum": maximum.into() })
}

/// Names of types hold nothing that a pointer would have to escape.
fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn documented(mut schema: Value, documentation: &Documentation<'_>) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), documentation.to_string().into());
        if documentation.deprecated {
            schema.insert("deprecated".into(), true.into());
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dbus::{Protocol, tests::interface};

    const MACHINE: &str = "
        { 'enum': 'Kind', 'data': [ 'file', 'none' ] }
        { 'struct': 'File', 'data': { 'path': 'str', '*size': 'uint64', '*at': [ 'int8' ] } }
        { 'union': 'Target', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
          'data': { 'file': 'File' } }
        { 'alternate': 'Either', 'data': { 'name': 'str', 'none': 'null' } }
        { 'command': 'run', 'data': { 'to': 'Target',
            '*or': { 'type': 'Either', 'features': [ 'deprecated' ] } }, 'returns': [ 'Target' ] }
        { 'command': 'stop' }
        { 'command': 'getfd', 'data': { 'fdname': 'str' } }
        { 'event': 'STOP', 'data': { 'reason': 'Kind' } }
    ";

    #[test]
    fn definitions_are_as_expected() {
        let release = Release { protocol: Protocol::Qmp, versions: "1.0" };
        let text = emit_json_schema(&interface(&[MACHINE]), &release);
        let document: Value = serde_json::from_str(&text).unwrap();
        let expected = [
            ("Kind", r#"{"anyOf":[{"enum":["file","none"]},{"type":"string"}]}"#),
            ("Either", r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#),
            (
                "File",
                r#"{"type":"object","required":["path"],"properties":{"path":{"type":"string"},
                    "size":{"type":"integer","minimum":0,"maximum":18446744073709551615},
                    "at":{"type":"array","items":{"type":"integer","minimum":-128,"maximum":127}}}}"#,
            ),
            (
                "Target",
                r##"{"type":"object","required":["kind"],"properties":{"kind":{"$ref":"#/$defs/Kind"}},
                    "allOf":[{"if":{"properties":{"kind":{"const":"file"}},"required":["kind"]},
                              "then":{"$ref":"#/$defs/File"}}]}"##,
            ),
            ("run.result", r##"{"type":"array","items":{"$ref":"#/$defs/Target"}}"##),
            ("stop.result", r#"{"type":"object"}"#),
        ];
        for (name, schema) in expected {
            let schema: Value = serde_json::from_str(schema).unwrap();
            assert_eq!(document["$defs"][name], schema, "{name}");
        }
        let arguments = &document["$defs"]["run.arguments"];
        assert_eq!(arguments["properties"]["or"]["deprecated"], true);
        assert_eq!(arguments["required"], json!(["to"]));
        assert_eq!(document["$defs"]["getfd.arguments"]["required"], json!(["fdname"]));
        assert_eq!(document["$defs"]["STOP.data"]["properties"]["reason"]["$ref"], "#/$defs/Kind");
    }
}
