//! D-Bus values as JSON text.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    at::At,
    integer::range,
    json::{Json, repeated},
    limits::DBUS_DEPTH,
    members::Members,
    reader::{Entries, Entry, Malformed, Reader},
    refusal::Problem,
    shape::{Shape, UNKNOWN},
    writer::Writer,
};

pub(super) type Result<T> = std::result::Result<T, At<Problem>>;

/// Reads values and writes them.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) writer: Writer,
    /// Containers around the value that is read.
    depth: usize,
}

impl<'a> Values<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        Self { reader, writer: Writer::for_peer(), depth: 0 }
    }

    /// Passes on the next value, which has type `ty` on D-Bus and should have `shape` in QAPI.
    pub(super) fn value(&mut self, ty: &'a [u8], shape: Shape) -> Result<()> {
        if ty == b"v" {
            return self.deeper(|values| {
                let ty = values.reader.variant()?;
                match ty {
                    b"g" => values.signature(shape, true),
                    _ => values.value(ty, shape),
                }
            });
        }
        let shape = branch(shape, ty);
        match ty {
            b"(s)" => return self.json_text(),
            b"g" => return self.signature(shape, false),
            _ if !accepts(shape, ty) => return Err(mismatch(shape, ty).into()),
            _ => {}
        }
        match ty {
            b"s" | b"o" if matches!(shape, Shape::Bytes) => {
                self.writer.string(&STANDARD.encode(self.reader.string()?))?;
            }
            b"ay" if matches!(shape, Shape::Bytes) => {
                self.writer.string(&STANDARD.encode(self.reader.byte_array()?))?;
            }
            b"s" | b"o" => self.writer.string(self.reader.string()?)?,
            b"b" => self.writer.bool(self.reader.bool()?)?,
            b"d" => self.writer.float(self.reader.float()?)?,
            [b'a', b'{', ..] => self.object(ty, shape)?,
            b"ay" if !matches!(shape, Shape::List(_)) => self.bytes()?,
            [b'a', element @ ..] => self.list(element, shape)?,
            [code] => self.integer(*code, shape)?,
            _ => return Err(mismatch(Shape::Any, ty).into()),
        }
        Ok(())
    }

    fn object(&mut self, ty: &'a [u8], shape: Shape) -> Result<()> {
        let object = if let Shape::Object(object) = shape { object } else { &UNKNOWN };
        let known = Members::new(object, |tag| find_string(self.reader, ty, tag));
        let entries = Entries::new(&mut self.reader, ty)?;
        let mut names = Vec::new();
        self.writer.open_object()?;
        self.deeper(|values| {
            while let Some(entry) = entries.next(&mut values.reader)? {
                names.push(entry.key);
                values.entry(entry, known.shape(entry.key))?;
            }
            Ok(())
        })?;
        self.writer.close_object()?;
        refuse_repeated(&names)
    }

    fn entry(&mut self, entry: Entry<'a>, shape: Shape) -> Result<()> {
        let key = self.writer.key(entry.key).map_err(At::from);
        let read = key.and_then(|()| self.value(entry.ty, shape));
        read.map_err(|problem| problem.in_member(entry.key))
    }

    fn list(&mut self, element: &'a [u8], shape: Shape) -> Result<()> {
        let shape = if let Shape::List(element) = shape { *element } else { Shape::Any };
        let end = self.reader.elements(element)?;
        self.writer.open_list()?;
        self.deeper(|values| {
            let mut index = 0;
            while values.reader.is_before(end)? {
                let read = values.value(element, shape);
                read.map_err(|problem| problem.in_element(index))?;
                index += 1;
            }
            Ok(())
        })?;
        Ok(self.writer.close_list()?)
    }

    fn integer(&mut self, code: u8, shape: Shape) -> Result<()> {
        let value = self.reader.integer(code)?;
        match range(shape) {
            Some(range) if !range.contains(&value) => Err(Problem::Range { shape, value }.into()),
            _ => Ok(self.writer.integer(value)?),
        }
    }

    /// An empty signature is null, save where it stands for a declared string.
    fn signature(&mut self, shape: Shape, wrapped: bool) -> Result<()> {
        let text = self.reader.signature()?;
        match branch(shape, b"g") {
            Shape::Str if !wrapped => self.writer.string(text)?,
            _ if text.is_empty() => self.writer.null()?,
            Shape::Str | Shape::Any => self.writer.string(text)?,
            shape => return Err(mismatch(shape, b"g").into()),
        }
        Ok(())
    }

    /// A string with U+0000.
    fn bytes(&mut self) -> Result<()> {
        let bytes = self.reader.byte_array()?;
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::NotUtf8)?;
        Ok(self.writer.string(text)?)
    }

    /// What D-Bus had no room for.
    fn json_text(&mut self) -> Result<()> {
        self.reader.structure()?;
        let text = self.reader.string()?;
        Ok(Json::parse(text.as_bytes())?.write_to(&mut self.writer)?)
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        if self.depth > DBUS_DEPTH {
            return Err(Malformed.into());
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }
}

/// The string of this name in the dictionary that comes next.
pub(super) fn find_string<'a>(mut reader: Reader<'a>, ty: &'a [u8], name: &str) -> Option<&'a str> {
    let entries = Entries::new(&mut reader, ty).ok()?;
    while let Some(entry) = entries.next(&mut reader).ok()? {
        if entry.key == name {
            return read_string(reader, entry.ty);
        }
        reader.skip(entry.ty).ok()?;
    }
    None
}

/// The string that comes next, in variants or not.
pub(super) fn read_string<'a>(mut reader: Reader<'a>, ty: &'a [u8]) -> Option<&'a str> {
    match reader.unwrap(ty).ok()? {
        b"s" | b"o" => reader.string().ok(),
        b"g" => reader.signature().ok(),
        _ => None,
    }
}

/// Refuses a name that is given twice.
pub(super) fn refuse_repeated(names: &[&str]) -> Result<()> {
    match repeated(names.iter().copied()) {
        Some(name) => Err(Problem::Repeated(name.into()).into()),
        None => Ok(()),
    }
}

/// The problem of a type that the shape does not accept.
pub(super) fn mismatch(expected: Shape, ty: &[u8]) -> Problem {
    let found = String::from_utf8_lossy(ty).into_owned();
    match expected {
        Shape::Any => Problem::Formless(found),
        _ => Problem::Type { expected, found },
    }
}

/// Whether a dictionary of this type can be an object.
pub(super) fn is_dictionary(ty: &[u8]) -> bool {
    matches!(ty, [b'a', b'{', b's' | b'o' | b'g', ..])
}

/// The branch of an alternate for a value of this type; one that the schema does not know can be
/// anything.
fn branch(shape: Shape, ty: &[u8]) -> Shape {
    let Shape::Alternate(branches) = shape else { return shape };
    let fitting = branches.iter().find(|branch| accepts(**branch, ty));
    fitting.copied().unwrap_or(Shape::Any)
}

/// Whether a value of this type on D-Bus, out of its variants, can stand for the shape.
pub(super) fn accepts(shape: Shape, ty: &[u8]) -> bool {
    match shape {
        Shape::Any => ty != b"h" && (is_dictionary(ty) || !ty.starts_with(b"a{")),
        Shape::Str => matches!(ty, b"s" | b"o" | b"g" | b"ay"),
        Shape::Bytes => matches!(ty, b"ay" | b"s"),
        Shape::Bool => ty == b"b",
        Shape::Number => is_integer(ty) || ty == b"d",
        Shape::Object(_) => is_dictionary(ty),
        Shape::List(_) => ty.starts_with(b"a") && !ty.starts_with(b"a{"),
        Shape::Alternate(branches) => branches.iter().any(|branch| accepts(*branch, ty)),
        Shape::Null | Shape::Fd => false,
        _ => is_integer(ty),
    }
}

/// Whether this is one of D-Bus' integer types.
pub(super) fn is_integer(ty: &[u8]) -> bool {
    matches!(ty, [b'y' | b'n' | b'q' | b'i' | b'u' | b'x' | b't'])
}
