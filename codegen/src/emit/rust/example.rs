//! A call, and what waits for an event, as a user of the client writes them.

use serde_json::{Map, Value};

use super::{commands::takes_fd, names, types::Types};
use crate::{
    dbus::{Interface, Member, Method, Object, Shape, Signal, names::argument},
    emit::Release,
};

/// An expression that calls a method of `agent` or `monitor` with these arguments.
pub fn emit_rust_call(
    interface: &Interface,
    release: &Release<'_>,
    method: &Method,
    arguments: &Map<String, Value>,
) -> String {
    let types = Types::new(interface, release.protocol);
    let example = Example { types: &types };
    let peer = release.peer();
    let function = names::function(&method.command);
    if let Some(name) = types.boxed(method) {
        let built = example.object(&types.path(name), &method.arguments, arguments);
        return format!("{peer}.{function}({built}).await?");
    }
    let fd = takes_fd(method).then(|| "std::fs::File::open(\"/dev/null\")?".to_owned());
    let branch = format!("{}::command::{}", types.schema(), names::branch(&method.name));
    let (must, may) = example.members(&branch, &method.arguments, arguments);
    let must: Vec<_> = fd.into_iter().chain(must).collect();
    format!("{peer}.{function}({}){}.await?", must.join(", "), may.concat())
}

/// An expression that waits for an event of `monitor`.
pub fn emit_rust_event(signal: &Signal) -> String {
    format!("monitor.events().await?.next_of::<qmp::event::{}>().await", signal.name)
}

struct Example<'a> {
    types: &'a Types<'a>,
}

impl Example<'_> {
    /// An expression that builds a struct or union.
    fn object(&self, path: &str, object: &Object, values: &Map<String, Value>) -> String {
        let (must, may) = self.members(&names::branch(path), object, values);
        format!("{path}::new({}){}", must.join(", "), may.concat())
    }

    /// What is given at once, the tag with its branch in front; and what follows by name.
    fn members(
        &self,
        branch: &str,
        object: &Object,
        values: &Map<String, Value>,
    ) -> (Vec<String>, Vec<String>) {
        let members = self.types.ordered(object).into_iter();
        let given = members.filter_map(|member| Some((member, values.get(&member.name)?)));
        let (must, may): (Vec<_>, Vec<_>) = given.partition(|(member, _)| member.always);
        let tag = object.union.as_ref().map(|_| self.branch(branch, object, values));
        let value = |(member, value): (&Member, &Value)| self.value(&member.shape, value);
        let may = may.into_iter().map(|(member, given)| {
            format!(".{}({})", argument(&member.name), value((member, given)))
        });
        (tag.into_iter().chain(must.into_iter().map(value)).collect(), may.collect())
    }

    fn branch(&self, path: &str, object: &Object, values: &Map<String, Value>) -> String {
        let tag = object.union.as_ref().and_then(|union| values.get(&union.tag)?.as_str());
        let variants = self.types.variants(object);
        let found = variants.iter().find(|(value, ..)| Some(*value) == tag);
        let Some((_, data, variant)) = found else {
            return format!("{path}::Unlisted(\"{}\".into())", tag.unwrap_or_default());
        };
        let Some((name, inner)) =
            data.and_then(|name| Some((name, self.types.interface.object(name)?)))
        else {
            return format!("{path}::{variant}");
        };
        let built = self.object(&self.types.path(name), inner, values);
        if self.types.reaches(name, &object.name) {
            return format!("{path}::{variant}(Box::new({built}))");
        }
        format!("{path}::{variant}({built})")
    }

    /// A value of its type, or of one that converts to it where the client converts.
    fn value(&self, shape: &Shape, value: &Value) -> String {
        match (shape, value) {
            (Shape::Enum(name), Value::String(value)) => self.enumeration(name, value),
            (Shape::Object(name), Value::Object(values)) => {
                match self.types.interface.object(name) {
                    Some(object) => self.object(&self.types.path(name), object, values),
                    None => format!("{}::new()", self.types.path(name)),
                }
            }
            (Shape::Dictionary, _) => "types::Members::new()".into(),
            (Shape::List(element), Value::Array(values)) => {
                let values: Vec<_> =
                    values.iter().map(|value| self.value(element, value)).collect();
                format!("[{}]", values.join(", "))
            }
            (Shape::Alternate(_, forms), value) => self.form(forms, value),
            (Shape::Null, _) => "types::Null".into(),
            (Shape::Number, value) => format!("{value}f64"),
            (_, Value::String(text)) => format!("{text:?}"),
            (_, value) => value.to_string(),
        }
    }

    /// The name alone would do, but the variant is checked by the compiler.
    fn enumeration(&self, name: &str, value: &str) -> String {
        let all = self.types.interface.enumerations.iter().find(|each| each.name == name);
        let values: Vec<_> = all.into_iter().flat_map(|all| all.names()).collect();
        let variants = names::variants(values.iter().copied());
        let found = values.iter().zip(variants).find(|(name, _)| **name == value);
        match found {
            Some((_, variant)) => format!("{}::{variant}", self.types.path(name)),
            None => format!("{}::from({value:?})", self.types.path(name)),
        }
    }

    /// One form of an alternate, which its type tells from the others.
    fn form(&self, forms: &[Shape], value: &Value) -> String {
        let integer = forms.iter().find(|form| form.is_integer());
        match (value, integer) {
            (Value::String(text), _) => format!("{text:?}"),
            (Value::Number(number), Some(integer)) => {
                format!("{number}{}", self.types.ty(integer))
            }
            (Value::Null, _) => "types::Null".into(),
            (Value::Object(_), _) => {
                let form = forms.iter().find(|form| matches!(form, Shape::Object(_)));
                form.map_or_else(String::new, |form| self.value(form, value))
            }
            (value, _) => value.to_string(),
        }
    }
}
