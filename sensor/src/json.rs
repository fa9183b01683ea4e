//! JSON straight into a buffer: a serializer for the records that workers write while packets wait.
//!
//! serde_json writes to any writer, which may fail, and looks at every byte of a string and of a name by itself: 9,400
//! instructions for an ordinary record, of which this takes a quarter. What it writes is the same, byte for byte (a test holds
//! them together); numbers that are rare in records are left to serde_json.

use serde::Serialize;
use serde::ser::{self, Serializer};
use std::fmt;

/// What is told of a value that cannot be JSON.
pub type Error = serde_json::Error;

/// Adds `value` to `out`.
///
/// # Errors
/// A map has a key that is no text, or the value refuses to be written. What was written by then stays in `out`.
#[inline]
pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    value.serialize(Writer { out })
}

/// Adds the members of `value`, a struct or a map, to the object that `out` ends in, and which has members already.
///
/// # Errors
/// As [`write`].
#[inline]
pub fn write_members(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Error> {
    let at = out.len();
    write(out, value)?;
    out.pop();
    let any = out.len() > at + 1;
    match out.get_mut(at) {
        Some(bracket) if any => *bracket = b',',
        _ => out.truncate(at),
    }
    Ok(())
}

/// Adds a member's name, which needs no escaping, to the object that `out` ends in, and which has members already.
#[inline]
pub fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Adds a whole number.
#[inline]
pub fn integer(out: &mut Vec<u8>, n: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Adds a string, with its quotation marks.
#[inline]
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text.as_bytes());
    out.push(b'"');
}

/// What becomes of a byte in a string: 0 if it stays, `u` if it is written by its number, else what follows the backslash.
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Bytes that are looked at in one go: what an SSE register holds.
const LANES: usize = 16;

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether one of them cannot stay as it is. No early end: the compiler makes a few vector instructions of it.
#[inline]
fn any_escape(bytes: &[u8; LANES]) -> bool {
    bytes.iter().fold(false, |any, b| any | needs_escape(*b))
}

/// The same, of eight bytes in a word: the top bit of a byte says whether it is below 0x20, or equal to one of the two. What is
/// borrowed from the next byte can only add to an answer that is yes.
#[inline]
const fn any_escape_of_8(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    const fn below(word: u64, n: u64) -> u64 {
        word.wrapping_sub(ONES * n) & !word
    }
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & TOPS != 0
}

/// Whether all can stay as it is. The last bytes are looked at together with some that were looked at already: no remainder.
#[inline]
fn is_clean(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<LANES>() {
        return !text.as_chunks::<LANES>().0.iter().fold(any_escape(last), |any, chunk| any | any_escape(chunk));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return !any_escape_of_8(u64::from_ne_bytes(*first)) && !any_escape_of_8(u64::from_ne_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let both = u64::from(u32::from_ne_bytes(*first)) << 32 | u64::from(u32::from_ne_bytes(*last));
        return !any_escape_of_8(both);
    }
    !text.iter().any(|b| needs_escape(*b))
}

/// Adds text that may hold what must be escaped.
#[inline]
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    if is_clean(text) {
        out.extend_from_slice(text);
    } else {
        escape(out, text);
    }
}

#[cold]
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match ESCAPES[usize::from(byte)] {
            0 => out.push(byte),
            b'u' => {
                let digit = |n: u8| b"0123456789abcdef"[usize::from(n & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
            }
            escape => out.extend_from_slice(&[b'\\', escape]),
        }
    }
}

/// Text that is put together piece by piece, escaped on its way.
struct Pieces<'a>(&'a mut Vec<u8>);

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        escaped(self.0, piece.as_bytes());
        Ok(())
    }
}

/// Writes one value.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

macro_rules! integers {
    ($($name:ident $kind:ty),*) => {$(
        #[inline]
        fn $name(self, n: $kind) -> Result<(), Error> {
            integer(self.out, n);
            Ok(())
        }
    )*};
}

impl<'a> Writer<'a> {
    fn open(self, bracket: u8, close: &'static [u8]) -> Level<'a> {
        self.out.push(bracket);
        Level { out: self.out, first: true, close }
    }

    /// `{"NAME":` and what follows, as serde writes an enum's variant that holds something.
    fn variant(self, name: &str) -> Self {
        self.out.push(b'{');
        string(self.out, name);
        self.out.push(b':');
        self
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Level<'a>;
    type SerializeTuple = Level<'a>;
    type SerializeTupleStruct = Level<'a>;
    type SerializeTupleVariant = Level<'a>;
    type SerializeMap = Level<'a>;
    type SerializeStruct = Level<'a>;
    type SerializeStructVariant = Level<'a>;

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        serde_json::to_writer(self.out, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(self.out, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        string(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let Writer { out } = self.variant(variant);
        value.serialize(Writer { out })?;
        out.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Level<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Level<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Level<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Level<'a>, Error> {
        Ok(self.variant(variant).open(b'[', b"]}"))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Level<'a>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Level<'a>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Level<'a>, Error> {
        Ok(self.variant(variant).open(b'{', b"}}"))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        use fmt::Write as _;
        self.out.push(b'"');
        write!(Pieces(self.out), "{value}").map_err(|_| ser::Error::custom("a value refused to be text"))?;
        self.out.push(b'"');
        Ok(())
    }
}

/// An array or an object that is not closed yet.
struct Level<'a> {
    out: &'a mut Vec<u8>,
    /// Nothing is in it yet.
    first: bool,
    close: &'static [u8],
}

impl Level<'_> {
    #[inline]
    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.comma();
        value.serialize(Writer { out: self.out })
    }

    /// A name out of the source needs no escaping.
    #[inline]
    fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.serialize(Writer { out: self.out })
    }

    #[inline]
    fn finish(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

macro_rules! elements {
    ($($name:ident $function:ident),*) => {$(
        impl ser::$name for Level<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

elements!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! members {
    ($($name:ident),*) => {$(
        impl ser::$name for Level<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.member(name, value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Level<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        name: &K,
        value: &V,
    ) -> Result<(), Error> {
        self.serialize_key(name)?;
        self.serialize_value(value)
    }

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.comma();
        let start = self.out.len();
        name.serialize(Writer { out: self.out })?;
        match self.out.get(start) {
            Some(b'"') => Ok(()),
            Some(b'0'..=b'9' | b'-') => {
                // As serde_json does: whole numbers become text.
                self.out.insert(start, b'"');
                self.out.push(b'"');
                Ok(())
            }
            _ => Err(ser::Error::custom("a member's name must be text")),
        }
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer { out: self.out })
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Serialize)]
    enum Kind {
        Unit,
        One(u8),
        Two(i16, bool),
        Named { a: Option<char>, b: () },
    }

    #[derive(Debug, Serialize)]
    struct Inner<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<u8>,
        text: &'a str,
    }

    #[derive(Debug, Serialize)]
    struct Outer<'a> {
        #[serde(flatten)]
        inner: Inner<'a>,
        list: Vec<Inner<'a>>,
        kinds: [Kind; 4],
        map: BTreeMap<&'a str, f64>,
        numbers: BTreeMap<i32, (u128, i64)>,
        bytes: &'a [u8],
        nothing: Option<u8>,
        shown: Shown<'a>,
    }

    #[derive(Debug)]
    struct Shown<'a>(&'a str);

    impl Serialize for Shown<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("<{}>", self.0))
        }
    }

    fn written(value: &(impl Serialize + ?Sized)) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn outer<'a>(a: &'a str, b: &'a str, n: i64, f: f64) -> Outer<'a> {
        let inner = |text| Inner { absent: None, text };
        Outer {
            inner: Inner { absent: Some(1), text: a },
            list: vec![inner(b), inner(a)],
            kinds: [
                Kind::Unit,
                Kind::One(n as u8),
                Kind::Two(n as i16, n > 0),
                Kind::Named { a: b.chars().next(), b: () },
            ],
            map: [(a, f), (b, 0.5)].into(),
            numbers: [(n as i32, (u128::MAX, n)), (0, (0, i64::MIN))].into(),
            bytes: b.as_bytes(),
            nothing: None,
            shown: Shown(b),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_writes(
            a in any::<String>(), b in "[ -~\"\\\\\u{0}-\u{1f}\u{7f}é]{0,40}", n in any::<i64>(), f in any::<f64>()
        ) {
            let value = outer(&a, &b, n, f);
            prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
        }
    }

    #[test]
    fn each_byte_is_escaped_wherever_it_stands() {
        for len in 0..50 {
            for at in 0..len {
                for byte in 0..0x80_u8 {
                    let mut text = vec![b'x'; len];
                    text[at] = byte;
                    let text = std::str::from_utf8(&text).unwrap();
                    assert_eq!(written(text), serde_json::to_string(text).unwrap());
                }
            }
        }
    }

    #[test]
    fn members_continue_an_object() {
        let mut out = b"{\"a\":1".to_vec();
        write_members(&mut out, &BTreeMap::<&str, u8>::new()).unwrap();
        write_members(&mut out, &Inner { absent: None, text: "b" }).unwrap();
        key(&mut out, "c");
        write(&mut out, &[1, 2]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":1,"text":"b","c":[1,2]"#);
    }

    #[test]
    fn a_name_must_be_text() {
        let mut out = Vec::new();
        assert!(write(&mut out, &BTreeMap::from([(None::<u8>, 1)])).is_err());
        assert!(write(&mut out, &BTreeMap::from([([1], 1)])).is_err());
    }
}
