//! The request's target, split and normalised.
//!
//! Rules are written for what Suricata makes of a URI, so that is what comes out here: percent signs and `%u` decoded in path and
//! query, back slashes made slashes, runs of slashes made one, dot segments resolved (RFC 3986, 5.2.4) in the path; letters keep
//! their case, `+` stays. Of a target with scheme and authority only path, query and fragment remain.

use super::bestfit;
use super::field::trim;

/// The parts of a target, as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) host: Option<&'a [u8]>,
    pub(super) port: Option<&'a [u8]>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) query: Option<&'a [u8]>,
    pub(super) fragment: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Splits a target; only one with a scheme can have a host.
    pub(super) fn parse(target: &'a [u8]) -> Self {
        let mut parts = Self::default();
        let mut rest = target;
        let scheme = memchr::memchr(b':', target).filter(|_| target.first() != Some(&b'/'));
        if let Some(colon) = scheme {
            rest = parts.authority(target.get(colon + 1..).unwrap_or_default());
        }
        let (before, fragment) = split(rest, b'#');
        parts.fragment = fragment;
        // A question mark behind a hash belongs to the fragment.
        let (path, query) = split(before, b'?');
        parts.query = query;
        parts.path = Some(path).filter(|p| !p.is_empty());
        parts
    }

    /// Credentials, host and port behind a scheme; what follows.
    fn authority(&mut self, target: &'a [u8]) -> &'a [u8] {
        let mut rest = target;
        if let [b'/', b'/', tail @ ..] = rest
            && tail.first() != Some(&b'/')
        {
            rest = match memchr::memchr(b'@', tail) {
                Some(at) => tail.get(at + 1..).unwrap_or_default(),
                None => tail,
            };
        } else if rest.first() == Some(&b'/') {
            return rest;
        }
        let (host, port, tail) = split_host(rest);
        self.host = Some(host).filter(|h| !h.is_empty());
        self.port = port;
        if self.host.is_none() { target } else { tail }
    }

    /// Path, query and fragment, normalised, into `out`; where in it the path ends.
    pub(super) fn normalise(&self, out: &mut Vec<u8>) -> usize {
        if let Some(path) = self.path {
            let start = out.len();
            decode_path(path, out);
            bestfit::fold_utf8(out, start);
            remove_dots(out, start);
        }
        let path_end = out.len();
        if let Some(query) = self.query {
            out.push(b'?');
            decode(query, out);
        }
        if let Some(fragment) = self.fragment {
            out.push(b'#');
            decode(fragment, out);
        }
        path_end
    }
}

fn split(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, bytes) {
        Some(i) => (bytes.get(..i).unwrap_or_default(), bytes.get(i + 1..)),
        None => (bytes, None),
    }
}

/// Host, port and what follows of `host[:port]…`; an IPv6 address is in brackets, which it keeps.
pub(super) fn split_host(bytes: &[u8]) -> (&[u8], Option<&[u8]>, &[u8]) {
    let blanks = bytes.iter().position(|b| *b != b' ').unwrap_or(bytes.len());
    let bytes = bytes.get(blanks..).unwrap_or_default();
    let ends = |b: &u8| matches!(b, b'/' | b'?' | b'#');
    let host_len = if bytes.first() == Some(&b'[') {
        match bytes.iter().position(|b| ends(b) || *b == b']') {
            Some(at) if bytes.get(at) == Some(&b']') => at + 1,
            Some(at) => at,
            None => bytes.len(),
        }
    } else {
        bytes.iter().position(|b| ends(b) || *b == b':').unwrap_or(bytes.len())
    };
    let (host, rest) = bytes.split_at(host_len);
    let host = host.get(..host.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1)).unwrap_or_default();
    let [b':', rest @ ..] = rest else { return (host, None, rest) };
    let (port, rest) = rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
    (host, Some(trim(port)), rest)
}

/// A port's number, if it is one.
pub(super) fn port_number(port: &[u8]) -> Option<u16> {
    let number = std::str::from_utf8(port).ok().filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?;
    number.parse().ok().filter(|p| *p != 0)
}

/// RFC 952 and 1123, with underscores, or an IPv6 address in brackets.
pub(super) fn host_is_valid(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > 255 {
        return false;
    }
    if let [b'[', inner @ .., b']'] = host {
        return std::str::from_utf8(inner).is_ok_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let host = host.strip_suffix(b".").unwrap_or(host);
    host.split(|b| *b == b'.').all(|label| {
        (1..=63).contains(&label.len()) && label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    (*byte? as char).to_digit(16).map(|d| d as u8)
}

fn hex2(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    Some(hex(high)? << 4 | hex(low)?)
}

/// The byte that an escape at the start of `rest` stands for, and its length; a percent sign that starts none stands for itself.
fn unescape(rest: &[u8]) -> (u8, usize) {
    match rest {
        [b'%', b'u' | b'U', tail @ ..] => {
            let high = hex2(tail.first(), tail.get(1));
            let low = hex2(tail.get(2), tail.get(3));
            match (high, low) {
                (Some(high), Some(low)) => (bestfit::byte(u16::from_be_bytes([high, low])), 6),
                _ => (b'%', 1),
            }
        }
        [b'%', tail @ ..] => hex2(tail.first(), tail.get(1)).map_or((b'%', 1), |b| (b, 3)),
        [byte, ..] => (*byte, 1),
        [] => (0, 0),
    }
}

/// Decodes escapes, once.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let (byte, len) = unescape(escape);
        out.push(byte);
        rest = escape.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Decodes escapes, makes back slashes slashes, and runs of them one.
fn decode_path(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = memchr::memchr3(b'%', b'\\', b'/', rest).unwrap_or(rest.len());
        let (before, special) = rest.split_at(plain);
        out.extend_from_slice(before);
        if special.is_empty() {
            return;
        }
        let (byte, len) = unescape(special);
        rest = special.get(len..).unwrap_or_default();
        let byte = if byte == b'\\' { b'/' } else { byte };
        if byte != b'/' || out.len() == start || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
}

/// Resolves dot segments of the path from `start` on.
fn remove_dots(out: &mut Vec<u8>, start: usize) {
    let path = out.get(start..).unwrap_or_default();
    if memchr::memmem::find(path, b"/.").is_none() && path.first() != Some(&b'.') {
        return;
    }
    let (mut read, mut write) = (0, 0);
    // Leading `./` and `../` go, however many.
    loop {
        let rest = out.get(start + read..).unwrap_or_default();
        read += match rest {
            [b'.', b'.', b'/', ..] => 3,
            [b'.', b'/', ..] => 2,
            b"." | b".." => rest.len(),
            _ => break,
        };
    }
    let mut dots = false;
    while let Some(rest) = out.get(start + read..).filter(|r| !r.is_empty()) {
        match rest {
            [b'/', b'.', b'/', ..] | b"/." => {
                read += 2;
                dots = true;
            }
            [b'/', b'.', b'.', b'/', ..] | b"/.." => {
                read += 3;
                let done = out.get(start..start + write).unwrap_or_default();
                write = done.iter().rposition(|b| *b == b'/').unwrap_or(0);
                dots = true;
            }
            // The slash behind a dot segment, and nothing more.
            b"/" if dots => read += 1,
            _ => {
                let len = 1 + memchr::memchr(b'/', rest.get(1..).unwrap_or_default()).unwrap_or(rest.len() - 1);
                out.copy_within(start + read..start + read + len, start + write);
                read += len;
                write += len;
                dots = false;
            }
        }
    }
    out.truncate(start + write);
}
