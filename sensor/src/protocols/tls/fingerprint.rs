//! JA3, JA3S (<https://github.com/salesforce/ja3>) and JA4 (<https://github.com/FoxIO-LLC/ja4>): what a hello says of the
//! software that sent it.

use super::hello::{Hello, extension, is_grease};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A JA3 or JA3S.
#[derive(Clone, Debug)]
pub struct Ja3 {
    /// Numbers, in decimal.
    pub string: String,
    /// Their MD5, in lower-case hexadecimal.
    pub hash: [u8; 32],
}

impl Ja3 {
    /// Of a client's hello, or of a server's.
    #[must_use]
    pub fn of(hello: &Hello, is_client: bool) -> Self {
        let mut string = String::with_capacity(256);
        list(&mut string, std::iter::once(hello.legacy_version.0));
        string.push(',');
        list(&mut string, hello.ciphers().filter(|&c| !is_grease(c)));
        string.push(',');
        list(&mut string, hello.extensions().filter(|&e| !is_grease(e)));
        if is_client {
            string.push(',');
            list(&mut string, hello.groups().filter(|&g| !is_grease(g)));
            string.push(',');
            list(&mut string, hello.formats().iter().map(|&f| u16::from(f)));
        }
        let mut hash = [0; 32];
        hex(&mut hash, &Md5::digest(string.as_bytes()));
        Self { string, hash }
    }
}

/// Decimal numbers with dashes between them.
fn list(out: &mut String, numbers: impl Iterator<Item = u16>) {
    for (i, number) in numbers.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}{number}", if i == 0 { "" } else { "-" });
    }
}

/// Lower-case hexadecimal, as much as there is room for.
fn hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// What a hello came over, as JA4 says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// TLS.
    #[default]
    Tcp,
    /// DTLS.
    Datagrams,
    /// QUIC.
    Quic,
}

/// A JA4: `t13d1516h2_8daaf6152771_b186095e22b6`.
#[derive(Clone, Copy, Debug)]
pub struct Ja4(pub [u8; 36]);

impl Ja4 {
    /// Of a client's hello.
    #[must_use]
    pub fn of(hello: &Hello, carrier: Carrier) -> Self {
        let mut ciphers: Vec<u16> = hello.ciphers().filter(|&c| !is_grease(c)).collect();
        let mut extensions: Vec<u16> = hello.extensions().filter(|&e| !is_grease(e)).collect();
        let newest = if carrier == Carrier::Datagrams { hello.versions().min() } else { hello.versions().max() };
        let version = newest.unwrap_or(hello.legacy_version);
        let mut out = [b'0'; 36];
        out[0] = match carrier {
            Carrier::Tcp => b't',
            Carrier::Datagrams => b'd',
            Carrier::Quic => b'q',
        };
        out[1..3].copy_from_slice(match version.0 {
            0x0304 => b"13",
            0x0303 => b"12",
            0x0302 => b"11",
            0x0301 => b"10",
            0x0300 => b"s3",
            0x0002 => b"s2",
            0xfeff => b"d1",
            0xfefd => b"d2",
            0xfefc => b"d3",
            _ => b"00",
        });
        out[3] = if hello.sni().is_some() { b'd' } else { b'i' };
        out[4..6].copy_from_slice(&two_digits(ciphers.len()));
        out[6..8].copy_from_slice(&two_digits(extensions.len()));
        out[8..10].copy_from_slice(&ends(hello.alpns().next().unwrap_or_default()));
        out[10] = b'_';
        ciphers.sort_unstable();
        let mut text = String::with_capacity(512);
        hexadecimal(&mut text, ciphers.into_iter());
        digest(&mut out[11..23], &text);
        out[23] = b'_';
        extensions.retain(|e| ![extension::SERVER_NAME, extension::ALPN].contains(e));
        extensions.sort_unstable();
        text.clear();
        hexadecimal(&mut text, extensions.into_iter());
        // FoxIO leaves the underscore out if no algorithms follow; Suricata does not, and lists of fingerprints are shared.
        text.push('_');
        hexadecimal(&mut text, hello.signature_algorithms().filter(|&s| !is_grease(s)));
        digest(&mut out[24..36], &text);
        Self(out)
    }
}

fn two_digits(n: usize) -> [u8; 2] {
    let n = n.min(99) as u8;
    [b'0' + n / 10, b'0' + n % 10]
}

/// First and last character of a name; of its hexadecimal form if one of them is neither letter nor digit.
fn ends(name: &[u8]) -> [u8; 2] {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return *b"00" };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last];
    }
    let mut digits = [0; 4];
    hex(&mut digits, &[first, last]);
    [digits[0], digits[3]]
}

/// Hexadecimal numbers with commas between them.
fn hexadecimal(out: &mut String, numbers: impl Iterator<Item = u16>) {
    for (i, number) in numbers.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}{number:04x}", if i == 0 { "" } else { "," });
    }
}

/// The first half dozen bytes of the SHA-256.
fn digest(out: &mut [u8], text: &str) {
    hex(out, &Sha256::digest(text.as_bytes()));
}
