//! A cursor over the bytes of a D-Bus body. It copies nothing and trusts nothing.

use std::str;

use super::limits::DBUS_DEPTH;

/// Where in a body the next value begins. A copy of it looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

/// The bytes are not values of their signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

impl<'a> Reader<'a> {
    /// A cursor at the start of a body.
    pub(super) fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, at: 0, big_endian }
    }

    /// Whether more elements come before the end of an array.
    ///
    /// # Errors
    ///
    /// The last element ran past the end.
    pub(super) fn is_before(&self, end: usize) -> Result<bool> {
        if self.at > end { Err(Malformed) } else { Ok(self.at < end) }
    }

    /// Whether the body ends here.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// `b`
    pub(super) fn bool(&mut self) -> Result<bool> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// The integer of this type code: `y n q i u x t`, or `h`, which is an index.
    pub(super) fn integer(&mut self, code: u8) -> Result<i128> {
        Ok(match code {
            b'y' => self.array::<1>()?[0].into(),
            b'n' => i16::from_le_bytes(self.array()?).into(),
            b'q' => u16::from_le_bytes(self.array()?).into(),
            b'i' => i32::from_le_bytes(self.array()?).into(),
            b'u' | b'h' => self.u32()?.into(),
            b'x' => i64::from_le_bytes(self.array()?).into(),
            b't' => u64::from_le_bytes(self.array()?).into(),
            _ => return Err(Malformed),
        })
    }

    /// `d`
    pub(super) fn float(&mut self) -> Result<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// `s` or `o`
    pub(super) fn string(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        self.terminated(length)
    }

    /// `g`, also as the start of a variant.
    pub(super) fn signature(&mut self) -> Result<&'a str> {
        let [length] = self.array()?;
        self.terminated(length.into())
    }

    /// The start of a variant: the type of the value that follows.
    pub(super) fn variant(&mut self) -> Result<&'a [u8]> {
        let signature = self.signature()?.as_bytes();
        match first_type(signature)? {
            (single, []) => Ok(single),
            _ => Err(Malformed),
        }
    }

    /// Goes into the variants around the next value: its type.
    pub(super) fn unwrap(&mut self, mut ty: &'a [u8]) -> Result<&'a [u8]> {
        for _ in 0..DBUS_DEPTH {
            if ty != b"v" {
                return Ok(ty);
            }
            ty = self.variant()?;
        }
        Err(Malformed)
    }

    /// `ay`
    pub(super) fn byte_array(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    /// The start of an array of such elements: where it ends.
    pub(super) fn elements(&mut self, element: &[u8]) -> Result<usize> {
        let length = self.length()?;
        self.align(alignment(element)?)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        end.ok_or(Malformed)
    }

    /// The start of a structure or dictionary entry.
    pub(super) fn structure(&mut self) -> Result<()> {
        self.align(8)
    }

    /// Passes over a value of this type. Costs nothing for arrays, whatever they hold.
    pub(super) fn skip(&mut self, ty: &'a [u8]) -> Result<()> {
        self.skip_within(ty, 0)
    }

    fn skip_within(&mut self, ty: &'a [u8], depth: usize) -> Result<()> {
        if depth > DBUS_DEPTH {
            return Err(Malformed);
        }
        match ty {
            [b's' | b'o'] => self.string().map(drop),
            [b'g'] => self.signature().map(drop),
            [b'b'] => self.bool().map(drop),
            [b'd'] => self.float().map(drop),
            [b'v'] => {
                let inner = self.variant()?;
                self.skip_within(inner, depth + 1)
            }
            [b'a', element @ ..] => {
                self.at = self.elements(element)?;
                Ok(())
            }
            [b'(', fields @ .., b')'] => self.skip_fields(fields, depth + 1),
            [code] => self.integer(*code).map(drop),
            _ => Err(Malformed),
        }
    }

    fn skip_fields(&mut self, mut fields: &'a [u8], depth: usize) -> Result<()> {
        self.structure()?;
        while !fields.is_empty() {
            let (field, rest) = first_type(fields)?;
            self.skip_within(field, depth)?;
            fields = rest;
        }
        Ok(())
    }

    fn terminated(&mut self, length: usize) -> Result<&'a str> {
        let text = self.take(length)?;
        if self.take(1)? != [0] || text.contains(&0) {
            return Err(Malformed);
        }
        str::from_utf8(text).map_err(|_| Malformed)
    }

    fn length(&mut self) -> Result<usize> {
        usize::try_from(self.u32()?).map_err(|_| Malformed)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next number of `N` bytes, aligned to them, least significant byte first.
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.align(N)?;
        let mut bytes: [u8; N] = self.take(N)?.try_into().map_err(|_| Malformed)?;
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn align(&mut self, alignment: usize) -> Result<()> {
        let padding = self.at.wrapping_neg() & (alignment - 1);
        self.take(padding).map(drop)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).ok_or(Malformed)?;
        let taken = rest.get(..length).ok_or(Malformed)?;
        self.at += length;
        Ok(taken)
    }
}

/// The entries of a dictionary with string keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'a> {
    entry: &'a [u8],
    value: &'a [u8],
    end: usize,
}

/// An entry of a dictionary; its value, of type `ty`, comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) ty: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Those of a dictionary of type `ty`, which comes next.
    pub(super) fn new(reader: &mut Reader<'a>, ty: &'a [u8]) -> Result<Self> {
        let [b'a', entry @ ..] = ty else { return Err(Malformed) };
        let [b'{', _, value @ .., b'}'] = entry else { return Err(Malformed) };
        match first_type(value)? {
            (_, []) => Ok(Self { entry, value, end: reader.elements(entry)? }),
            _ => Err(Malformed),
        }
    }

    /// The next entry. Its value must be read or skipped before the one after it.
    pub(super) fn next(&self, reader: &mut Reader<'a>) -> Result<Option<Entry<'a>>> {
        if !reader.is_before(self.end)? {
            return Ok(None);
        }
        reader.structure()?;
        let key = match self.entry {
            [_, b's' | b'o', ..] => reader.string()?,
            [_, b'g', ..] => reader.signature()?,
            _ => return Err(Malformed),
        };
        Ok(Some(Entry { key, ty: self.value }))
    }
}

/// The first complete type of a signature, and the rest.
pub(super) fn first_type(signature: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut open = 0_usize;
    for (index, code) in signature.iter().enumerate() {
        match code {
            b'a' => continue,
            b'(' | b'{' => open += 1,
            b')' | b'}' => open = open.checked_sub(1).ok_or(Malformed)?,
            _ => {}
        }
        // A structure has at least one field: an element without bytes would never end.
        if open == 0 && !signature[..=index].ends_with(b"()") {
            return Ok(signature.split_at(index + 1));
        }
    }
    Err(Malformed)
}

/// The alignment of values of this type.
pub(super) fn alignment(ty: &[u8]) -> Result<usize> {
    Ok(match ty.first().ok_or(Malformed)? {
        b'y' | b'g' | b'v' => 1,
        b'n' | b'q' => 2,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        b'b' | b'i' | b'u' | b'h' | b's' | b'o' | b'a' => 4,
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_split_off() {
        for (signature, first) in [
            ("s", "s"),
            ("aa{sv}u", "aa{sv}"),
            ("(s(ii))a{sv}", "(s(ii))"),
            ("a(ii)s", "a(ii)"),
            ("h", "h"),
        ] {
            let (ty, rest) = first_type(signature.as_bytes()).unwrap();
            assert_eq!((ty, rest), signature.as_bytes().split_at(first.len()));
        }
        for signature in ["", "a", "(", "(s", ")", "()", "a()", "a{sv", "}"] {
            assert_eq!(first_type(signature.as_bytes()), Err(Malformed), "{signature}");
        }
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let string = b"\x02\0\0\0ab\0";
        assert_eq!(Reader::new(string, false).string(), Ok("ab"));
        assert_eq!(Reader::new(b"\0\0\0\x02ab\0", true).string(), Ok("ab"));
        for length in 0..string.len() {
            assert_eq!(Reader::new(&string[..length], false).string(), Err(Malformed));
        }
        for bytes in [&b"\x02\0\0\0a\0\0"[..], b"\x02\0\0\0abc", b"\x01\0\0\0\xff\0"] {
            assert_eq!(Reader::new(bytes, false).string(), Err(Malformed));
        }
        assert_eq!(Reader::new(&[0xff; 8], false).elements(b"y"), Err(Malformed));
    }

    #[test]
    fn variants_are_limited_in_depth() {
        let nested = |levels: usize| [&b"\x01v\0".repeat(levels)[..], b"\x01y\0\x07"].concat();
        let body = nested(DBUS_DEPTH - 1);
        let mut reader = Reader::new(&body, false);
        assert_eq!(reader.skip(b"v"), Ok(()));
        assert!(reader.is_at_end());
        let body = nested(100_000);
        assert_eq!(Reader::new(&body, false).skip(b"v"), Err(Malformed));
        assert_eq!(Reader::new(&body, false).unwrap(b"v"), Err(Malformed));
    }
}
