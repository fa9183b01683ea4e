//! EVE's `sip`.

use super::sdp::SdpLine;
use super::transaction::Message;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message for EVE.
#[derive(Debug)]
pub struct SipRecord(pub(super) Message);

impl Record for SipRecord {
    fn kind(&self) -> &'static str {
        "sip"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for SipRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Message { bytes, head, sdp } = &self.0;
        let line = &head.line;
        let keys =
            if line.is_response { ["code", "reason", "response_line"] } else { ["method", "uri", "request_line"] };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &Text(line.version.of(bytes)))?;
        for (key, span) in keys.into_iter().zip([line.first, line.second, line.whole]) {
            map.serialize_entry(key, &Text(span.of(bytes)))?;
        }
        if !sdp.is_empty() {
            map.serialize_entry("sdp", &Sdp { bytes, lines: sdp })?;
        }
        map.end()
    }
}

/// A description, or the part of it about one medium.
struct Sdp<'a> {
    bytes: &'a [u8],
    lines: &'a [SdpLine],
}

impl<'a> Sdp<'a> {
    fn values(&self, kind: u8) -> impl Iterator<Item = Text<'a>> {
        let bytes = self.bytes;
        self.lines.iter().filter(move |line| line.kind == kind).map(move |line| Text(line.value.of(bytes)))
    }

    fn single<M: SerializeMap>(&self, map: &mut M, keys: &[(u8, &'static str)]) -> Result<(), M::Error> {
        for (kind, key) in keys {
            if let Some(value) = self.values(*kind).next() {
                map.serialize_entry(key, &value)?;
            }
        }
        Ok(())
    }

    fn lists<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (kind, key) in [(b'b', "bandwidths"), (b'a', "attributes")] {
            if self.values(kind).next().is_some() {
                map.serialize_entry(key, &List(|| self.values(kind)))?;
            }
        }
        Ok(())
    }

    /// The parts that begin with a line of this kind.
    fn parts(&self, kind: u8) -> impl Iterator<Item = Sdp<'a>> {
        let bytes = self.bytes;
        let begins = self.lines.chunk_by(move |_, next| next.kind != kind);
        begins.filter(move |part| part.first().is_some_and(|l| l.kind == kind)).map(move |lines| Sdp { bytes, lines })
    }
}

impl Serialize for Sdp<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let media = self.lines.iter().position(|line| line.of_medium).unwrap_or(self.lines.len());
        let (own, media) = self.lines.split_at(media);
        let (own, media) = (Sdp { lines: own, ..*self }, Sdp { lines: media, ..*self });
        let mut map = serializer.serialize_map(None)?;
        if let Some(version) = own.values(b'v').next()
            && let Some(version) = std::str::from_utf8(version.0).ok().and_then(|v| v.trim().parse::<u32>().ok())
        {
            map.serialize_entry("version", &version)?;
        }
        own.single(
            &mut map,
            &[
                (b'o', "origin"),
                (b's', "session_name"),
                (b'i', "session_info"),
                (b'u', "uri"),
                (b'e', "email"),
                (b'p', "phone_number"),
                (b'c', "connection_data"),
                (b'z', "timezone"),
                (b'k', "encryption_key"),
            ],
        )?;
        own.lists(&mut map)?;
        if own.parts(b't').next().is_some() {
            map.serialize_entry("time_descriptions", &List(|| own.parts(b't').map(Time)))?;
        }
        if media.parts(b'm').next().is_some() {
            map.serialize_entry("media_descriptions", &List(|| media.parts(b'm').map(Medium)))?;
        }
        map.end()
    }
}

struct Time<'a>(Sdp<'a>);

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.single(&mut map, &[(b't', "time"), (b'r', "repeat_time")])?;
        map.end()
    }
}

struct Medium<'a>(Sdp<'a>);

impl Serialize for Medium<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = [(b'm', "media"), (b'i', "media_info"), (b'c', "connection_data"), (b'k', "encryption_key")];
        let mut map = serializer.serialize_map(None)?;
        self.0.single(&mut map, &keys)?;
        self.0.lists(&mut map)?;
        map.end()
    }
}

/// What can be gone through anew, as a list.
struct List<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}
