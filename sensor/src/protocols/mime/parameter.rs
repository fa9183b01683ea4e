//! The parameters of a header field (RFC 2045, 5.1; RFC 2231): `…; name=value; name*0*=utf-8''…; name*1=…`.

/// Pieces of a value in pieces that are put together.
const MAX_PIECES: usize = 64;

/// The value of a parameter: plain, or else in RFC 2231's encoding or in pieces, put together and decoded.
pub(super) fn parameter(field: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    if let Some((_, value)) = Parameters::of(field).find(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return Some(unquote(value));
    }
    let mut whole: Option<Vec<u8>> = None;
    for piece in 0..MAX_PIECES {
        let found = Parameters::of(field).find_map(|(n, value)| extended(n, name, piece).map(|coded| (coded, value)));
        let Some((coded, value)) = found else { break };
        let value = unquote(value);
        let whole = whole.get_or_insert_default();
        if coded {
            let text = if piece == 0 { behind_language(&value) } else { &value };
            percent_decode(text, whole);
        } else {
            whole.extend_from_slice(&value);
        }
    }
    whole
}

/// Whether the parameter `found` is piece number `piece` of `name`, and if so whether it is percent-encoded.
fn extended(found: &[u8], name: &[u8], piece: usize) -> Option<bool> {
    let (start, rest) = found.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let rest = rest.strip_prefix(b"*")?;
    if rest.is_empty() {
        return (piece == 0).then_some(true);
    }
    let (number, coded) = rest.strip_suffix(b"*").map_or((rest, false), |number| (number, true));
    let number: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    (number == piece).then_some(coded)
}

/// What follows `charset'language'`.
fn behind_language(value: &[u8]) -> &[u8] {
    value.splitn(3, |b| *b == b'\'').nth(2).unwrap_or(value)
}

fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%'
            && let Some((&[high, low], behind)) = tail.split_first_chunk::<2>()
            && let (Some(high), Some(low)) = (super::transfer::hex(high), super::transfer::hex(low))
        {
            out.push(high << 4 | low);
            rest = behind;
        } else {
            out.push(byte);
        }
    }
}

/// Takes the quotation marks off, and the backslash of what they escape.
fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => break,
            // Only these are escaped: names of files from Windows have bare backslashes.
            b'\\' if matches!(bytes.as_slice().first(), Some(b'"' | b'\\')) => out.extend(bytes.next()),
            _ => out.push(byte),
        }
    }
    out
}

/// The parameters behind a field's first word, as `(name, value)` with the value's quotation marks.
struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    fn of(field: &'a [u8]) -> Self {
        let first = field.iter().position(|b| *b == b';').unwrap_or(field.len());
        Self(field.get(first..).unwrap_or_default())
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.strip_prefix(b";")?;
            let end = end_of_parameter(rest);
            let (whole, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.0 = behind;
            let Some(equals) = whole.iter().position(|b| *b == b'=') else { continue };
            let (name, value) = whole.split_at(equals);
            return Some((name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii()));
        }
    }
}

/// Where the parameter ends that begins here: at a semicolon outside quotation marks.
fn end_of_parameter(bytes: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return at,
            _ => {}
        }
    }
    // A mark without its other half does not swallow what follows.
    if quoted { bytes.iter().position(|b| *b == b';').unwrap_or(bytes.len()) } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_plain_quoted_and_in_pieces() {
        let get = |field: &str| parameter(field.as_bytes(), b"filename").map(|v| String::from_utf8(v).unwrap());
        assert_eq!(get("attachment; filename=a.exe").as_deref(), Some("a.exe"));
        assert_eq!(
            get("attachment; x=\"; filename=no\"; FileName = \"a;b \\\"c\\\".exe\" ;y").as_deref(),
            Some("a;b \"c\".exe")
        );
        assert_eq!(get("attachment; filename=\"C:\\tmp\\a.exe\"").as_deref(), Some("C:\\tmp\\a.exe"));
        assert_eq!(get("attachment; filename*=utf-8'en'a%20%c3%a9%zz.exe").as_deref(), Some("a é%zz.exe"));
        assert_eq!(get("x; filename*1*=%2Ee; filename*0=\"long\"; filename*2=xe").as_deref(), Some("long.exe"));
        assert_eq!(get("attachment; filename=\"open.exe; x=y").as_deref(), Some("open.exe"));
        assert_eq!(get("attachment; filenames=a; file=b; filename"), None);
        assert_eq!(get(""), None);
    }
}
