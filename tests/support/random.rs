//! Values by chance, the same for the same seed, with a liking for those at the limits.

use serde_json::{Value, json};
use std::{fs::File, os::fd::OwnedFd};
use zbus::{Array, Dict, ObjectPath, Signature, Structure, Variant, wire::Fd};

/// Nesting of values where their type leaves it open.
const DEPTH: usize = 4;

/// A source of chance (xorshift64*): no key to anything.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// One for a seed.
    pub fn new(seed: u64) -> Self {
        // The generator never leaves zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }

    /// One of these.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// The arguments of a call: of these types, or now and then of others. None if there are none.
    pub fn arguments(&mut self, types: &[Signature]) -> Option<Structure<'static>> {
        let mut types = types.to_vec();
        match self.below(8) {
            0 => types = (0..self.below(5)).map(|_| self.ty(DEPTH)).collect(),
            1 => types.push(dictionary()),
            2 => drop(types.pop()),
            3 => types = vec![dictionary()],
            _ => {}
        }
        let fields = types.iter().map(|ty| self.value(ty, DEPTH));
        let arguments = fields.fold(Structure::builder(), |all, field| all.append_field(field));
        arguments.build().ok()
    }

    /// A value of JSON.
    pub fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.integer()),
            3 => json!(self.integer() as i64),
            4 => json!(self.text()),
            5 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => {
                let members = (0..self.below(4)).map(|_| (self.key(), self.json(depth - 1)));
                Value::Object(members.collect())
            }
        }
    }

    /// Any text that D-Bus can hold.
    pub fn text(&mut self) -> String {
        let text = *self.choose(&TEXTS);
        match self.below(50) {
            0 => "ä".repeat(self.below(1 << 13)),
            _ => text.to_owned(),
        }
    }

    fn key(&mut self) -> String {
        (*self.choose(&KEYS)).to_owned()
    }

    fn integer(&mut self) -> u64 {
        let limits = [0, 1, 127, 1 << 31, (1 << 31) - 1, 1 << 53, 1 << 63, u64::MAX];
        if self.below(2) == 0 { *self.choose(&limits) } else { self.bits() }
    }

    fn float(&mut self) -> f64 {
        let floats = [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE];
        *self.choose(&floats)
    }

    fn ty(&mut self, depth: usize) -> Signature {
        let simple = ["y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "h", "v"];
        let text = (*self.choose(&simple)).to_owned();
        let text = match self.below(if depth == 0 { 1 } else { 6 }) {
            0..3 => text,
            3 => format!("a{}", self.ty(depth - 1)),
            4 => format!("a{{s{}}}", self.ty(depth - 1)),
            _ => format!("({}{})", self.ty(depth - 1), self.ty(depth - 1)),
        };
        Signature::try_from(text.as_str()).unwrap()
    }

    fn value(&mut self, ty: &Signature, depth: usize) -> Variant<'static> {
        match ty {
            Signature::U8 => Variant::U8(self.integer() as u8),
            Signature::Bool => Variant::Bool(self.below(2) == 0),
            Signature::I16 => Variant::I16(self.integer() as i16),
            Signature::U16 => Variant::U16(self.integer() as u16),
            Signature::I32 => Variant::I32(self.integer() as i32),
            Signature::U32 => Variant::U32(self.integer() as u32),
            Signature::I64 => Variant::I64(self.integer() as i64),
            Signature::U64 => Variant::U64(self.integer()),
            Signature::F64 => Variant::F64(self.float()),
            Signature::Str => Variant::Str(self.text().into()),
            Signature::ObjectPath => Variant::ObjectPath(ObjectPath::try_from("/a/b").unwrap()),
            Signature::Signature => Variant::Signature(self.ty(depth)),
            Signature::Fd => Variant::Fd(Fd::from(null())),
            Signature::Array(element) => self.array(element.signature(), depth),
            Signature::Dict { value, .. } => self.dict(value.signature(), depth),
            Signature::Structure(fields) => {
                let fields = fields.iter().map(|field| self.value(field, depth.saturating_sub(1)));
                let all = fields.fold(Structure::builder(), |all, field| all.append_field(field));
                Variant::Structure(all.build().unwrap())
            }
            _ => {
                let inner = self.ty(depth);
                Variant::Variant(Box::new(self.value(&inner, depth.saturating_sub(1))))
            }
        }
    }

    fn array(&mut self, element: &Signature, depth: usize) -> Variant<'static> {
        let mut array = Array::new(element);
        for _ in 0..self.count(depth) {
            array.append(self.value(element, depth.saturating_sub(1))).unwrap();
        }
        Variant::Array(array)
    }

    fn dict(&mut self, value: &Signature, depth: usize) -> Variant<'static> {
        let mut dict = Dict::new(&Signature::Str, value);
        for _ in 0..self.count(depth) {
            let key = Variant::Str(self.key().into());
            dict.append(key, self.value(value, depth.saturating_sub(1))).unwrap();
        }
        Variant::Dict(dict)
    }

    fn count(&mut self, depth: usize) -> usize {
        if depth == 0 { 0 } else { self.below(4) }
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Texts with a meaning somewhere, and some of every length in UTF-8.
const TEXTS: [&str; 12] = [
    "",
    "x",
    "query-status",
    "/dev/null",
    "\u{1}\u{7f}\u{80}\u{7ff}\u{800}",
    "\u{ffff}\u{fdd0}\u{10ffff}\u{1f600}",
    "\\\"'\n\r\t",
    "{\"execute\": \"query-name\"}",
    "{\"return\": {}}\r\n",
    "-9223372036854775809",
    "%s%n../../etc/passwd",
    "guest-sync-delimited",
];

/// Reserved keys, members of many commands, and nonsense.
const KEYS: [&str; 12] = [
    "@timeout",
    "@oob",
    "@other",
    "id",
    "driver",
    "node-name",
    "count",
    "device",
    "events",
    "",
    "é",
    "execute",
];

fn dictionary() -> Signature {
    Signature::try_from("a{sv}").unwrap()
}

fn null() -> OwnedFd {
    File::open("/dev/null").unwrap().into()
}
