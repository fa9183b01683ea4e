//! The EVE record `http`, with the extended fields that Suricata writes by default.

use super::field::{Known, decimal};
use super::transaction::HttpTransaction;
use crate::json;
use crate::packet::Direction;
use crate::protocols::{Record, Transaction};
use sekisho_signatures::buffers::Buffer;
use serde::Serialize;

/// What EVE says of a request and its response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HttpRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_range: Option<ContentRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_refer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<String>,
    length: u64,
}

/// A `Content-Range`, as it came and in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct ContentRange {
    raw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

/// First byte, last byte and, if it is known, the size of the whole: RFC 9110, 14.4.
pub(in crate::protocols) fn content_range(value: &[u8]) -> Option<(u64, u64, Option<u64>)> {
    let rest = value.strip_prefix(b"bytes")?.trim_ascii_start();
    let (span, size) = rest.split_at(rest.iter().position(|b| *b == b'/').unwrap_or(rest.len()));
    let (start, end) = span.split_at(span.iter().position(|b| *b == b'-')?);
    let number = |digits: &[u8]| decimal(digits.trim_ascii());
    Some((number(start)?, number(end.get(1..)?)?, size.get(1..).and_then(number)))
}

impl ContentRange {
    /// RFC 9110, 14.4.
    fn of(value: &[u8]) -> Self {
        let mut range = Self { raw: text(value), ..Self::default() };
        if let Some((start, end, size)) = content_range(value) {
            (range.start, range.end, range.size) = (Some(start), Some(end), size);
        }
        range
    }
}

/// As Suricata does: where bytes are not UTF-8, each that is not ASCII is written `\xHH`.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len() + 16);
            for &byte in bytes {
                if byte.is_ascii() {
                    out.push(char::from(byte));
                } else {
                    out.push_str("\\x");
                    out.extend([byte >> 4, byte & 15].iter().filter_map(|d| char::from_digit(u32::from(*d), 16)));
                }
            }
            out
        }
    }
}

impl HttpRecord {
    pub(super) fn of(transaction: &HttpTransaction) -> Self {
        let mut scratch = Vec::new();
        let mut part = |buffer: Buffer, direction: Direction| {
            scratch.clear();
            transaction.bytes(buffer, direction, 0, &mut scratch).map(|p| text(p.data))
        };
        let method = part(Buffer::HttpMethod, Direction::ToServer);
        let protocol =
            part(Buffer::HttpProtocol, Direction::ToServer).or_else(|| part(Buffer::HttpProtocol, Direction::ToClient));
        let status = part(Buffer::HttpStatCode, Direction::ToClient);
        let request = |known| transaction.request_field(known).map(text);
        let response = |known| transaction.response_field(known).map(text);
        let redirect = transaction.status.code.is_some_and(|c| (300..400).contains(&c));
        Self {
            hostname: transaction.host().map(text),
            http_port: transaction.port,
            url: if transaction.request_lost {
                Some("/libhtp::request_uri_not_seen".to_owned())
            } else {
                transaction.raw_uri().map(text)
            },
            http_user_agent: request(Known::UserAgent),
            xff: request(Known::XForwardedFor),
            http_content_type: transaction.response_field(Known::ContentType).map(media_type),
            content_range: transaction.response_field(Known::ContentRange).map(ContentRange::of),
            http_refer: request(Known::Referer),
            http_method: method,
            protocol,
            status: transaction.status.code,
            status_string: status.filter(|_| transaction.status.code.is_none()),
            redirect: response(Known::Location).filter(|_| redirect),
            length: transaction.response.body.wire,
        }
    }
}

/// A content type without its parameters.
fn media_type(value: &[u8]) -> String {
    text(value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii())
}

impl Record for HttpRecord {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}
