//! The log's `iec104`, which the published EVE schema does not know: the frame and its information objects.

use super::asdu::{Asdu, Control, Frame, Object};
use super::types::Number;
use crate::json;
use crate::protocols::Record;
use sekisho_signatures::buffers::Buffer;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A frame for the log.
#[derive(Debug)]
pub(super) struct Iec104Record {
    pub(super) bytes: Vec<u8>,
}

impl Record for Iec104Record {
    fn kind(&self) -> &'static str {
        "iec104"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

/// A value's name, or else the value.
struct Named(Buffer, u64);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.value_name(self.1) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(&format_args!("unknown-{}", self.1)),
        }
    }
}

impl Serialize for Iec104Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Some(frame) = Frame::read(&self.bytes) else { return map.end() };
        match frame.control {
            Control::U(bits) => {
                map.serialize_entry("frame", "u")?;
                map.serialize_entry("control", &Named(Buffer::Iec104Control, bits.into()))?;
            }
            Control::S => map.serialize_entry("frame", "s")?,
            Control::I { send, receive } => {
                map.serialize_entry("frame", "i")?;
                map.serialize_entry("send_number", &send)?;
                map.serialize_entry("receive_number", &receive)?;
                if let Some(asdu) = Asdu::read(frame.data) {
                    write(&mut map, &asdu)?;
                }
            }
        }
        map.end()
    }
}

fn write<M: SerializeMap>(map: &mut M, asdu: &Asdu<'_>) -> Result<(), M::Error> {
    map.serialize_entry("type", &Named(Buffer::Iec104Type, asdu.kind.into()))?;
    map.serialize_entry("cause", &Named(Buffer::Iec104Cause, asdu.cause.into()))?;
    map.serialize_entry("negative", &(asdu.flags & 0x40 != 0))?;
    map.serialize_entry("test", &(asdu.flags & 0x80 != 0))?;
    map.serialize_entry("originator", &asdu.originator)?;
    map.serialize_entry("common_address", &asdu.common_address)?;
    let objects: Vec<Shown<'_>> = asdu.objects().map(Shown).collect();
    map.serialize_entry("objects", &objects)
}

struct Shown<'a>(Object<'a>);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("address", &self.0.address)?;
        match self.0.value.read(self.0.element) {
            Some(Number::Whole(value)) => map.serialize_entry("value", &value)?,
            Some(Number::Real(value)) => map.serialize_entry("value", &value)?,
            None => {}
        }
        map.end()
    }
}
