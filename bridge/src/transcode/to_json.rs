//! D-Bus to JSON: the arguments of a command from the body of a method call (mapping, section 3).

use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use zbus::wire::Endian;

use super::{
    at::At,
    members::Members,
    reader::{Entries, Entry, Malformed, Reader, first_type},
    refusal::{Problem, Refused},
    shape::{Member, Method, Shape},
    values::{
        Result, Values, accepts, find_string, is_dictionary, is_integer, mismatch, read_string,
        refuse_repeated,
    },
};

/// What a method call asks for.
#[derive(Debug, Default)]
pub struct Call {
    /// JSON text of the `arguments` object: escaped ASCII within the peer's limits; empty without
    /// members.
    pub arguments: Vec<u8>,
    /// The file descriptor, for commands that take one.
    pub fd: Option<OwnedFd>,
    /// `@timeout`
    pub timeout: Timeout,
    /// `@oob`, for commands that allow it; `None` if not given.
    pub oob: Option<bool>,
}

/// How long a caller is willing to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// As configured.
    #[default]
    Default,
    /// For ever.
    Never,
    /// From now on.
    After(Duration),
}

/// Reads a method call by the signature that really arrived, as tolerantly as the mapping says.
///
/// # Errors
///
/// [`Refused`] names both signatures, the argument at fault and what is wrong with it.
pub fn call(method: &Method, body: &zbus::message::Body) -> std::result::Result<Call, Refused> {
    let signature = body.signature().to_string_no_parens();
    let data = body.data();
    let reader = Reader::new(data.bytes(), data.context().endian() == Endian::Big);
    let descriptor = |index| {
        let descriptor = data.fds().get(usize::try_from(index).ok()?)?;
        descriptor.as_fd().try_clone_to_owned().ok()
    };
    read(method, signature.as_bytes(), reader, &descriptor)
        .map_err(|problem| Problem::refuse(problem, method, &signature))
}

impl Timeout {
    /// The time to wait, `None` for ever, where `default` is configured.
    pub fn or(self, default: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Default => default,
            Self::Never => None,
            Self::After(time) => Some(time),
        }
    }
}

/// Where one argument begins, and its type.
#[derive(Clone, Copy)]
struct Argument<'a> {
    ty: &'a [u8],
    reader: Reader<'a>,
}

/// Which argument is what.
struct Layout<'a, 'm> {
    positional: Vec<(&'m Member, Argument<'a>)>,
    dictionary: Option<Argument<'a>>,
}

/// A call as far as it is read.
struct Reading<'a, 'f> {
    values: Values<'a>,
    call: Call,
    descriptor: &'f dyn Fn(i128) -> Option<OwnedFd>,
    allows_oob: bool,
    is_empty: bool,
}

/// [`call`] on plain bytes; `descriptor` duplicates the file descriptor of an index.
pub(super) fn read<'a>(
    method: &Method,
    signature: &'a [u8],
    body: Reader<'a>,
    descriptor: &dyn Fn(i128) -> Option<OwnedFd>,
) -> Result<Call> {
    let layout = Layout::new(method, split(signature, body)?)?;
    let known = Members::new(method.arguments, |tag| layout.find_string(tag));
    let mut reading = Reading {
        values: Values::new(body),
        call: Call::default(),
        descriptor,
        allows_oob: method.oob,
        is_empty: true,
    };
    let mut names = Vec::new();
    reading.values.writer.open_object()?;
    for (member, argument) in &layout.positional {
        names.push(member.name);
        reading.values.reader = argument.reader;
        // Where the declared type is an older form of the argument, this is the newest one.
        let newest = method.arguments.member(member.name);
        reading.member(member.name, argument.ty, newest.unwrap_or(member.shape))?;
    }
    if let Some(argument) = layout.dictionary {
        reading.values.reader = argument.reader;
        let entries = Entries::new(&mut reading.values.reader, argument.ty)?;
        while let Some(entry) = entries.next(&mut reading.values.reader)? {
            names.push(entry.key);
            reading.entry(entry, &known)?;
        }
    }
    refuse_repeated(&names)?;
    reading.finish()
}

impl<'a> Reading<'a, '_> {
    fn entry(&mut self, entry: Entry<'a>, known: &Members) -> Result<()> {
        let read = match entry.key {
            "@timeout" => self.timeout(entry.ty),
            "@oob" => self.oob(entry.ty),
            key if key.starts_with('@') => Err(Problem::Reserved(RESERVED).into()),
            key => return self.member(key, entry.ty, known.shape(key)),
        };
        read.map_err(|problem| problem.in_member(entry.key))
    }

    fn member(&mut self, name: &str, ty: &'a [u8], shape: Shape) -> Result<()> {
        let read = if let Shape::Fd = shape {
            self.descriptor(ty)
        } else {
            self.is_empty = false;
            let key = self.values.writer.key(name).map_err(At::from);
            key.and_then(|()| self.values.value(ty, shape))
        };
        read.map_err(|problem| problem.in_member(name))
    }

    fn descriptor(&mut self, ty: &'a [u8]) -> Result<()> {
        let ty = self.values.reader.unwrap(ty)?;
        if ty != b"h" {
            return Err(mismatch(Shape::Fd, ty).into());
        }
        let index = self.values.reader.integer(b'h')?;
        self.call.fd = Some((self.descriptor)(index).ok_or(Problem::Descriptor)?);
        Ok(())
    }

    fn timeout(&mut self, ty: &'a [u8]) -> Result<()> {
        let (shape, ty) = (Shape::Uint64, self.values.reader.unwrap(ty)?);
        let [code] = *ty else { return Err(mismatch(shape, ty).into()) };
        if !is_integer(ty) {
            return Err(mismatch(shape, ty).into());
        }
        let value = self.values.reader.integer(code)?;
        self.call.timeout = match u64::try_from(value) {
            // Clocks overflow on what nobody lives to see.
            Ok(0 | CENTURY..) => Timeout::Never,
            Ok(milliseconds) => Timeout::After(Duration::from_millis(milliseconds)),
            Err(_) => return Err(Problem::Range { shape, value }.into()),
        };
        Ok(())
    }

    fn oob(&mut self, ty: &'a [u8]) -> Result<()> {
        if !self.allows_oob {
            return Err(Problem::Reserved(IN_BAND).into());
        }
        let ty = self.values.reader.unwrap(ty)?;
        if ty != b"b" {
            return Err(mismatch(Shape::Bool, ty).into());
        }
        self.call.oob = Some(self.values.reader.bool()?);
        Ok(())
    }

    fn finish(mut self) -> Result<Call> {
        self.values.writer.close_object()?;
        if !self.is_empty {
            self.call.arguments = self.values.writer.into_text().into_bytes();
        }
        Ok(self.call)
    }
}

impl<'a, 'm> Layout<'a, 'm> {
    fn new(method: &'m Method, mut arguments: Vec<Argument<'a>>) -> Result<Self> {
        let positional = method.positional;
        let dictionary = match arguments.len() {
            1 if is_by_name(positional, arguments[0].ty) => arguments.pop(),
            count if count == positional.len() => None,
            count if count == positional.len() + 1 => arguments.pop(),
            _ => return Err(Problem::Arguments(usage(positional)).into()),
        };
        Ok(Self {
            positional: positional.iter().zip(arguments).collect(),
            dictionary: dictionary.map(Argument::into_dictionary).transpose()?,
        })
    }

    fn find_string(&self, name: &str) -> Option<&'a str> {
        let positional = self.positional.iter().find(|(member, _)| member.name == name);
        match (positional, &self.dictionary) {
            (Some((_, argument)), _) => read_string(argument.reader, argument.ty),
            (None, Some(dictionary)) => find_string(dictionary.reader, dictionary.ty, name),
            (None, None) => None,
        }
    }
}

impl Argument<'_> {
    fn into_dictionary(mut self) -> Result<Self> {
        self.ty = self.reader.unwrap(self.ty)?;
        if is_dictionary(self.ty) {
            return Ok(self);
        }
        let found = String::from_utf8_lossy(self.ty);
        let text = format!("the last argument must be a dictionary ('a{{sv}}'), not '{found}'");
        Err(Problem::Arguments(text).into())
    }
}

/// In milliseconds.
const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
const RESERVED: &str = "is not a reserved key; those are '@timeout' and '@oob'";
const IN_BAND: &str = "is for commands that the peer takes out of band; leave it out";

fn split<'a>(mut signature: &'a [u8], mut reader: Reader<'a>) -> Result<Vec<Argument<'a>>> {
    let mut arguments = Vec::new();
    while !signature.is_empty() {
        let (ty, rest) = first_type(signature)?;
        arguments.push(Argument { ty, reader });
        reader.skip(ty)?;
        signature = rest;
    }
    if reader.is_at_end() { Ok(arguments) } else { Err(Malformed.into()) }
}

/// Whether a single argument of this type holds all members by name.
fn is_by_name(positional: &[Member], ty: &[u8]) -> bool {
    let is_declared = matches!(positional, [member] if accepts(member.shape, ty));
    is_dictionary(ty) && !is_declared
}

fn usage(positional: &[Member]) -> String {
    if positional.is_empty() {
        return "give no arguments, or one dictionary ('a{sv}') of members by name".into();
    }
    let names: Vec<_> = positional.iter().map(|member| format!("'{}'", member.name)).collect();
    format!(
        "give {}, then at most one dictionary ('a{{sv}}') of further members; \
         or one dictionary of all members by name",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests;
