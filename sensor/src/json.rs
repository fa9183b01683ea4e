//! JSON straight into a buffer: records that workers write while packets wait.
//!
//! serde_json writes what a record says of itself; what all records begin with, and what would be a map made only to be written, is put
//! together here piece by piece.

use serde::Serialize;

/// What is told of a value that cannot be JSON.
pub type Error = serde_json::Error;

/// Adds `value` to `out`.
///
/// # Errors
/// A map has a key that is no text, or the value refuses to be written. What was written by then stays in `out`.
#[inline]
pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    serde_json::to_writer(out, value)
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
    // A string is always JSON, and a buffer takes all.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_object_is_put_together() {
        let mut out = b"{\"a\":1".to_vec();
        key(&mut out, "b");
        integer(&mut out, -7_i64);
        key(&mut out, "c");
        string(&mut out, "\"\\\n\u{1}é");
        write_members(&mut out, &json!({"d": [null, 1.5], "e": {}})).unwrap();
        write_members(&mut out, &json!({})).unwrap();
        out.push(b'}');
        let read: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read, json!({"a": 1, "b": -7, "c": "\"\\\n\u{1}é", "d": [null, 1.5], "e": {}}));
    }
}
