//! Values as D-Bus ones.

use std::{fmt, os::fd::OwnedFd};

use serde_json::Value;
use zbus::{Array, Dict, Str, Variant, wire::Signature};

use super::DEPTH;
use crate::{Fields, Items, Method, Signal, View, object::each_with_unlisted};

/// What D-Bus cannot carry as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The argument; empty for a result.
    pub argument: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.argument.as_str() {
            "" => write!(f, "the value {}", self.problem),
            argument => write!(f, "argument '{argument}' {}", self.problem),
        }
    }
}

impl std::error::Error for Unfit {}

/// The arguments of a method as it is declared: the positional ones, then the others in one
/// dictionary, together with `reserved`. Where there is something for a dictionary it is there,
/// declared or not.
///
/// # Errors
///
/// A positional argument is missing, or its declared type cannot hold it.
pub fn arguments(
    method: &Method,
    fields: &dyn Fields,
    fd: Option<OwnedFd>,
    reserved: impl IntoIterator<Item = (&'static str, Variant<'static>)>,
) -> Result<Vec<Variant<'static>>, Unfit> {
    let (mut laid, mut rest) = lay_out(method.positional, fields)?;
    for (name, value) in reserved {
        put(&mut rest, name, value)?;
    }
    if method.optional || rest.iter().next().is_some() {
        laid.push(Variant::Dict(rest));
    }
    laid.splice(..0, fd.map(|fd| Variant::Fd(fd.into())));
    Ok(laid)
}

/// The arguments of a signal as it is declared.
///
/// # Errors
///
/// A positional argument is missing, or its declared type cannot hold it.
pub fn data(signal: &Signal, fields: &dyn Fields) -> Result<Vec<Variant<'static>>, Unfit> {
    let (mut laid, rest) = lay_out(signal.positional, fields)?;
    laid.push(Variant::Dict(rest));
    Ok(laid)
}

/// The positional members, and the others.
fn lay_out(
    declared: &[(&str, &str)],
    fields: &dyn Fields,
) -> Result<(Vec<Variant<'static>>, Dict<'static, 'static>), Unfit> {
    let mut positional: Vec<_> = declared.iter().map(|_| None).collect();
    let mut rest = dictionary();
    let mut done = Ok(());
    each_with_unlisted(fields, &mut |name, value| {
        if done.is_err() {
            return;
        }
        let written = match declared.iter().position(|(member, _)| *member == name) {
            Some(at) => {
                variant(value.view(), declared[at].1).map(|variant| positional[at] = Some(variant))
            }
            None => held(value.view(), 3).and_then(|value| put(&mut rest, name, value)),
        };
        done = written.map_err(|error| Unfit { argument: name.into(), ..error });
    });
    done?;
    let missing = |name: &str| Unfit { argument: name.into(), problem: "is missing".into() };
    let named = declared.iter().zip(positional);
    let positional = named.map(|((name, _), value)| value.ok_or_else(|| missing(name)));
    Ok((positional.collect::<Result<_, _>>()?, rest))
}

/// A value as this D-Bus type.
///
/// # Errors
///
/// The type cannot hold it.
pub fn variant(view: View<'_>, signature: &str) -> Result<Variant<'static>, Unfit> {
    typed(view, signature, 1)
}

fn typed(view: View<'_>, signature: &str, depth: usize) -> Result<Variant<'static>, Unfit> {
    let view = settled(view);
    let element = signature.strip_prefix('a');
    Ok(match (signature, view) {
        ("v", view) => Variant::Variant(Box::new(held(view, depth)?)),
        ("b", View::Bool(value)) => value.into(),
        ("s", View::Str(text)) => Variant::Str(without_nul(text)),
        ("a{sv}", View::Object(fields)) => object(fields, depth)?,
        ("a{sv}", View::Any(Value::Object(members))) => object(members, depth)?,
        ("d", View::Number(value)) => value.into(),
        ("d", view) => match integer(view) {
            Some(value) => (value as f64).into(),
            None => return Err(misfit(view, signature)),
        },
        (_, View::List(_, items)) if element.is_some() => {
            list(items, element.unwrap_or_default(), depth)?
        }
        (_, View::Any(Value::Array(items))) if element.is_some() => {
            list(items, element.unwrap_or_default(), depth)?
        }
        (_, view) => {
            let number = integer(view).and_then(|value| narrowed(value, signature));
            number.ok_or_else(|| misfit(view, signature))?
        }
    })
}

/// What a variant within `depth` containers holds.
fn held(view: View<'_>, depth: usize) -> Result<Variant<'static>, Unfit> {
    let view = settled(view);
    match view {
        View::Null => Ok(Signature::Unit.into()),
        View::Str(text) if text.contains('\0') => Ok(text.as_bytes().to_vec().into()),
        View::Object(_) | View::List(..) | View::Any(_) if depth > DEPTH => {
            let text = serde_json::to_string(&view).unwrap_or_default();
            Ok(Variant::Structure((text,).into()))
        }
        View::List(_, items) if has_nul(items) => list(items, "v", depth + 1),
        View::List(element, items) => list(items, element, depth + 1),
        View::Any(Value::Array(items)) => list(items, "v", depth + 1),
        view => typed(view, natural(view), depth + 1),
    }
}

/// What no schema says anything of, as far as its JSON type tells.
fn settled(view: View<'_>) -> View<'_> {
    match view {
        View::Any(Value::Null) => View::Null,
        View::Any(Value::Bool(value)) => View::Bool(*value),
        View::Any(Value::String(text)) => View::Str(text),
        View::Any(Value::Number(number)) => number
            .as_i64()
            .map(View::I64)
            .or(number.as_u64().map(View::U64))
            .unwrap_or(View::Number(number.as_f64().unwrap_or_default())),
        view => view,
    }
}

fn natural(view: View<'_>) -> &'static str {
    match view {
        View::Bool(_) => "b",
        View::I16(_) => "n",
        View::I32(_) => "i",
        View::I64(_) => "x",
        View::U8(_) => "y",
        View::U16(_) => "q",
        View::U32(_) => "u",
        View::U64(_) => "t",
        View::Number(_) => "d",
        View::Str(_) => "s",
        View::Object(_) | View::Any(_) => "a{sv}",
        View::Null | View::List(..) => "v",
    }
}

fn integer(view: View<'_>) -> Option<i128> {
    Some(match view {
        View::I16(value) => value.into(),
        View::I32(value) => value.into(),
        View::I64(value) => value.into(),
        View::U8(value) => value.into(),
        View::U16(value) => value.into(),
        View::U32(value) => value.into(),
        View::U64(value) => value.into(),
        _ => return None,
    })
}

fn narrowed(value: i128, signature: &str) -> Option<Variant<'static>> {
    match signature {
        "n" => i16::try_from(value).map(Variant::I16).ok(),
        "i" => i32::try_from(value).map(Variant::I32).ok(),
        "x" => i64::try_from(value).map(Variant::I64).ok(),
        "y" => u8::try_from(value).map(Variant::U8).ok(),
        "q" => u16::try_from(value).map(Variant::U16).ok(),
        "u" => u32::try_from(value).map(Variant::U32).ok(),
        "t" => u64::try_from(value).map(Variant::U64).ok(),
        _ => None,
    }
}

fn list(items: &dyn Items, element: &str, depth: usize) -> Result<Variant<'static>, Unfit> {
    let signature = Signature::try_from(element).map_err(|error| impossible(error.into()))?;
    let mut array = Array::new(&signature);
    let mut done = Ok(());
    items.each(&mut |item| {
        if done.is_ok() {
            let item = typed(item.view(), element, depth + 1);
            done = item.and_then(|item| array.append(item).map_err(impossible));
        }
    });
    done.map(|()| Variant::Array(array))
}

fn object(fields: &dyn Fields, depth: usize) -> Result<Variant<'static>, Unfit> {
    let mut dict = dictionary();
    let mut done = Ok(());
    each_with_unlisted(fields, &mut |name, value| {
        if done.is_ok() {
            let value = held(value.view(), depth + 2);
            done = value.and_then(|value| put(&mut dict, name, value));
        }
    });
    done.map(|()| Variant::Dict(dict))
}

fn dictionary() -> Dict<'static, 'static> {
    Dict::new(&Signature::Str, &Signature::Variant)
}

fn put(dict: &mut Dict<'_, '_>, name: &str, value: Variant<'static>) -> Result<(), Unfit> {
    let (key, value) = (Variant::Str(without_nul(name)), Variant::Variant(Box::new(value)));
    dict.append(key, value).map_err(impossible)
}

fn has_nul(items: &dyn Items) -> bool {
    let mut found = false;
    items.each(&mut |item| {
        found |= matches!(item.view(), View::Str(text) if text.contains('\0'));
    });
    found
}

fn without_nul(text: &str) -> Str<'static> {
    text.replace('\0', "\u{FFFD}").into()
}

fn misfit(view: View<'_>, signature: &str) -> Unfit {
    let found = natural(view);
    let problem = format!("is of type '{found}' and its value has no place in '{signature}'");
    Unfit { argument: String::new(), problem }
}

/// zbus checks what its types here ensure.
fn impossible(error: zbus::Error) -> Unfit {
    Unfit { argument: String::new(), problem: error.to_string() }
}
