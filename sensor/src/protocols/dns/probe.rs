//! Whether bytes begin a DNS message.

use super::message::Header;

/// What the first bytes of one direction look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Not this protocol.
    No,
    /// Too few to tell.
    Unsure,
    /// A request: its sender is the client.
    Request,
    /// A response: its sender is the server, whoever spoke first.
    Response,
}

/// One datagram.
#[must_use]
pub fn probe_datagram(bytes: &[u8]) -> Guess {
    let Some(header) = Header::read(bytes) else { return Guess::No };
    guess(&header, bytes.len(), bytes)
}

/// One datagram from or to port 53, where more is forgiven: false counts of the last two sections, which may be left out, and a
/// response that is nothing but a header.
#[must_use]
pub fn probe_service(bytes: &[u8]) -> Guess {
    let Some(header) = Header::read(bytes) else { return Guess::No };
    let counts = header.records.iter().chain([&header.questions]).map(|&n| usize::from(n));
    let most = bytes.len() / 2;
    if counts.sum::<usize>() > most {
        return Guess::No;
    }
    if header.is_response() && header.questions == 0 && header.records == [0; 3] {
        return Guess::Response;
    }
    let [answers, ..] = header.records;
    guess(&Header { records: [answers, 0, 0], ..header }, bytes.len(), bytes)
}

/// The first bytes of a stream, of any number.
#[must_use]
pub fn probe_stream(bytes: &[u8]) -> Guess {
    let Some((&length, message)) = bytes.split_first_chunk::<2>() else { return Guess::Unsure };
    let len = usize::from(u16::from_be_bytes(length));
    if len < Header::LEN {
        return Guess::No;
    }
    let Some(header) = Header::read(message) else { return Guess::Unsure };
    guess(&header, len, message.get(..len).unwrap_or(message))
}

/// Whether the first name is one of NetBIOS (RFC 1001 §14.1), asked about as that name service does (RFC 1002 §4.2.1.2): the format is
/// that of DNS, and the meaning is not.
fn is_netbios(message: &[u8]) -> bool {
    const ENCODED: u8 = 32;
    let Some((name, rest)) = message.get(Header::LEN..).and_then(<[u8]>::split_first_chunk::<33>) else { return false };
    let [len, encoded @ ..] = name;
    let encoded = *len == ENCODED && encoded.iter().all(|b| matches!(b, b'A'..=b'P'));
    encoded && matches!(rest, [0, 0, 0x20 | 0x21, ..])
}

/// The counts must fit in the length, and what is there of the first name must be labels.
fn guess(header: &Header, len: usize, message: &[u8]) -> Guess {
    let records: usize = header.records.iter().map(|&n| usize::from(n)).sum();
    let questions = usize::from(header.questions);
    // The least a question and a record take: an empty name, and the fixed fields.
    if questions + records == 0 || questions * 5 + records * 11 > len - Header::LEN {
        return Guess::No;
    }
    if is_netbios(message) {
        return Guess::No;
    }
    let mut at = Header::LEN;
    loop {
        match message.get(at) {
            Some(0) | Some(0xc0..) | None => break,
            Some(&label @ 1..=0x3f) => at += 1 + usize::from(label),
            Some(_) => return Guess::No,
        }
    }
    if at >= len {
        return Guess::No;
    }
    if header.is_response() { Guess::Response } else { Guess::Request }
}
