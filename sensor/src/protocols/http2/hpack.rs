//! Decompression of header blocks (HPACK, RFC 7541).

use super::headers::Headers;
use super::huffman;
use std::collections::VecDeque;

/// Most bytes of the table of one direction, counted as the standard does.
pub const TABLE_LIMIT: usize = 64 * 1024;

/// What each entry costs beside its name and value (4.1).
const ENTRY_COST: usize = 32;

/// The table that is always there (appendix A).
static STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// Why a block cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A number that is too large.
    Overflow,
    /// Something else.
    Invalid,
    /// All is well, but there are more fields than are kept.
    TooMany,
}

/// An entry of the table.
#[derive(Debug)]
struct Entry {
    /// Name and value.
    bytes: Box<[u8]>,
    name_len: usize,
}

impl Entry {
    fn cost(&self) -> usize {
        self.bytes.len() + ENTRY_COST
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.name_len).unwrap_or_default()
    }
}

/// One direction's.
#[derive(Debug)]
pub struct Decoder {
    /// The newest in front.
    table: VecDeque<Entry>,
    size: usize,
    limit: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        // SETTINGS_HEADER_TABLE_SIZE, if nothing else is said (RFC 9113, 6.5.2).
        Self { table: VecDeque::new(), size: 0, limit: 4096, name: Vec::new(), value: Vec::new() }
    }
}

/// A number with a prefix of so many bits (5.1).
fn integer(bytes: &mut &[u8], prefix: u8) -> Result<usize, Broken> {
    let (first, mut rest) = bytes.split_first().ok_or(Broken::Invalid)?;
    let mask = (1u16 << prefix) - 1;
    let mut value = u64::from(u16::from(*first) & mask);
    if value == u64::from(mask) {
        let mut shift = 0;
        loop {
            let (byte, more) = rest.split_first().ok_or(Broken::Invalid)?;
            rest = more;
            value += u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(u64::MAX).min(1 << 40);
            shift += 7;
            if value > u64::from(u32::MAX) || shift > 35 {
                return Err(Broken::Overflow);
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *bytes = rest;
    usize::try_from(value).map_err(|_| Broken::Overflow)
}

/// A string, decoded into `out` (5.2).
fn string(bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    let coded = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let len = integer(bytes, 7)?;
    let (string, rest) = bytes.split_at_checked(len).ok_or(Broken::Invalid)?;
    *bytes = rest;
    out.clear();
    if coded {
        return huffman::decode(string, out).ok_or(Broken::Invalid);
    }
    out.extend_from_slice(string);
    Ok(())
}

impl Decoder {
    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), Broken> {
        let index = index.checked_sub(1).ok_or(Broken::Invalid)?;
        match STATIC.get(index) {
            Some(entry) => Ok(*entry),
            None => self.table.get(index - STATIC.len()).map(Entry::parts).ok_or(Broken::Invalid),
        }
    }

    fn shrink(&mut self, limit: usize) {
        while self.size > limit
            && let Some(oldest) = self.table.pop_back()
        {
            self.size = self.size.saturating_sub(oldest.cost());
        }
    }

    fn remember(&mut self) {
        let entry = Entry { bytes: [&self.name[..], &self.value].concat().into(), name_len: self.name.len() };
        let cost = entry.cost();
        self.shrink(self.limit.saturating_sub(cost));
        if cost <= self.limit {
            self.size += cost;
            self.table.push_front(entry);
        }
    }

    /// Adds the fields of a block to `headers`.
    ///
    /// # Errors
    /// Fields up to where it is broken are there. After [`Broken::TooMany`] the table is still right.
    pub fn decode(&mut self, block: &[u8], headers: &mut Headers) -> Result<(), Broken> {
        let mut rest = block;
        let mut too_many = false;
        while let Some(&first) = rest.first() {
            if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                let (name, value) = self.entry(index)?;
                too_many |= !headers.push(name, value);
                continue;
            }
            if first & 0xe0 == 0x20 {
                let size = integer(&mut rest, 5)?;
                if headers.size_updates.len() < 4 {
                    headers.size_updates.push(size as u64);
                }
                self.limit = size.min(TABLE_LIMIT);
                self.shrink(self.limit);
                continue;
            }
            let indexed = first & 0x40 != 0;
            let index = integer(&mut rest, if indexed { 6 } else { 4 })?;
            let mut name = std::mem::take(&mut self.name);
            let named = if index == 0 {
                string(&mut rest, &mut name)
            } else {
                name.clear();
                self.entry(index).map(|(known, _)| name.extend_from_slice(known))
            };
            self.name = name;
            named?;
            string(&mut rest, &mut self.value)?;
            too_many |= !headers.push(&self.name, &self.value);
            if indexed {
                self.remember();
            }
        }
        if too_many { Err(Broken::TooMany) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(headers: &Headers) -> String {
        let fields =
            headers.iter().map(|(n, v)| format!("{}: {}\n", String::from_utf8_lossy(n), String::from_utf8_lossy(v)));
        fields.collect()
    }

    fn decode(decoder: &mut Decoder, hex: &str) -> (String, Result<(), Broken>) {
        let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        let block: Vec<u8> =
            digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect();
        let mut headers = Headers::default();
        let result = decoder.decode(&block, &mut headers);
        (text(&headers), result)
    }

    /// RFC 7541, C.6: responses with Huffman, in a table of 256 bytes.
    #[test]
    fn the_responses_of_the_standard() {
        let mut decoder = Decoder { limit: 256, ..Decoder::default() };
        let first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3";
        let (fields, result) = decode(&mut decoder, first);
        let expected = ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n";
        assert_eq!((fields.as_str(), result, decoder.size), (expected, Ok(()), 222));
        let (fields, _) = decode(&mut decoder, "4883640effc1c0bf");
        assert_eq!(fields, expected.replace("302", "307"));
        assert_eq!(decoder.size, 222);
        let third = "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007";
        let (fields, _) = decode(&mut decoder, third);
        assert!(fields.contains("set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"), "{fields}");
        assert_eq!((decoder.size, decoder.table.len()), (215, 3));
    }

    #[test]
    fn broken_blocks_end_where_they_break() {
        let mut decoder = Decoder::default();
        assert_eq!(decode(&mut decoder, "82 be"), (":method: GET\n".to_owned(), Err(Broken::Invalid)));
        assert_eq!(decode(&mut decoder, "80").1, Err(Broken::Invalid));
        assert_eq!(decode(&mut decoder, "ff ff ff ff ff ff ff ff 01").1, Err(Broken::Overflow));
        assert_eq!(decode(&mut decoder, "00 05 61").1, Err(Broken::Invalid));
        assert_eq!(decode(&mut decoder, "3f e1 ff ff 07").1, Ok(()));
        assert_eq!(decoder.limit, TABLE_LIMIT);
    }

    #[test]
    fn a_small_block_that_says_much_is_cut_off() {
        let mut decoder = Decoder::default();
        let mut headers = Headers::default();
        let mut block = vec![0x40, 1, b'n', 0x7f, 0xa1, 0x1e];
        block.extend([b'v'; 4000]);
        assert_eq!(decoder.decode(&block, &mut headers), Ok(()));
        assert_eq!(decoder.decode(&[0xbe; 5000], &mut headers), Err(Broken::TooMany));
        assert!(headers.iter().count() < 40);
    }
}
