//! EVE's `rfb`.

use super::transaction::{Framebuffer, Handshake, PixelFormat};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::{Hex, Text};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A handshake for EVE.
#[derive(Debug)]
pub struct RfbRecord(pub(super) Handshake);

impl Record for RfbRecord {
    fn kind(&self) -> &'static str {
        "rfb"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for RfbRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = &self.0;
        let mut map = serializer.serialize_map(None)?;
        let [client, server] = &said.versions;
        for (key, version) in [("server_protocol_version", server), ("client_protocol_version", client)] {
            if let Some(version) = version {
                map.serialize_entry(key, &Version(version))?;
            }
        }
        if said.security.is_some() {
            map.serialize_entry("authentication", &Authentication(said))?;
        }
        if let Some(shared) = said.shared {
            map.serialize_entry("screen_shared", &shared)?;
        }
        if let Some(framebuffer) = &said.framebuffer {
            map.serialize_entry("framebuffer", &Desktop(framebuffer))?;
        }
        map.end()
    }
}

struct Version<'a>(&'a [[u8; 3]; 2]);

impl Serialize for Version<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("major", &Text(&self.0[0]))?;
        map.serialize_entry("minor", &Text(&self.0[1]))?;
        map.end()
    }
}

struct Authentication<'a>(&'a Handshake);

impl Serialize for Authentication<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some(security) = said.security {
            map.serialize_entry("security_type", &security)?;
        }
        if said.challenge.is_some() {
            map.serialize_entry("vnc", &Vnc(said))?;
        }
        match said.result {
            Some(0) => map.serialize_entry("security_result", "OK")?,
            Some(1) => map.serialize_entry("security_result", "FAIL")?,
            Some(2) => map.serialize_entry("security_result", "TOOMANY")?,
            Some(other) => map.serialize_entry("security_result", &format_args!("UNKNOWN ({other})"))?,
            None => {}
        }
        map.end()
    }
}

struct Vnc<'a>(&'a Handshake);

impl Serialize for Vnc<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, bytes) in [("challenge", &self.0.challenge), ("response", &self.0.response)] {
            if let Some(bytes) = bytes {
                map.serialize_entry(key, &Hex(bytes, ""))?;
            }
        }
        map.end()
    }
}

struct Desktop<'a>(&'a Framebuffer);

impl Serialize for Desktop<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("width", &self.0.width)?;
        map.serialize_entry("height", &self.0.height)?;
        map.serialize_entry("pixel_format", &Format(&self.0.format))?;
        map.serialize_entry("name", &Text(&self.0.name))?;
        map.end()
    }
}

struct Format<'a>(&'a PixelFormat);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let format = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("bits_per_pixel", &format.bits_per_pixel)?;
        map.serialize_entry("depth", &format.depth)?;
        map.serialize_entry("big_endian", &format.big_endian)?;
        map.serialize_entry("true_color", &format.true_color)?;
        for (key, max) in ["red_max", "green_max", "blue_max"].into_iter().zip(format.max) {
            map.serialize_entry(key, &max)?;
        }
        for (key, shift) in ["red_shift", "green_shift", "blue_shift"].into_iter().zip(format.shift) {
            map.serialize_entry(key, &shift)?;
        }
        map.end()
    }
}
