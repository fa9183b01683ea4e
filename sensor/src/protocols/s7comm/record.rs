//! The log's `s7comm`, which the published EVE schema does not know: the job and its answer.

use super::message::{Item, Message, Userdata};
use super::names;
use super::transaction::Said;
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use crate::protocols::text::Text;
use sekisho_signatures::buffers::Buffer;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An exchange for the log.
#[derive(Debug)]
pub(super) struct S7commRecord {
    pub(super) asker: Direction,
    /// What each direction said.
    pub(super) said: [Option<Said>; 2],
}

impl Record for S7commRecord {
    fn kind(&self) -> &'static str {
        "s7comm"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for S7commRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, direction) in [("request", self.asker), ("response", self.asker.reverse())] {
            if let Some(said) = &self.said[direction.index()]
                && let Some(message) = said.message()
            {
                map.serialize_entry(key, &Shown { said, message })?;
            }
        }
        map.end()
    }
}

/// A value's name, or else the value.
struct Named(Option<&'static str>, u64);

impl Named {
    fn of(buffer: Buffer, value: u64) -> Self {
        Self(buffer.value_name(value), value)
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(&format_args!("unknown-{}", self.1)),
        }
    }
}

struct Shown<'a> {
    said: &'a Said,
    message: Message<'a>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (content, message) = (&self.said.content, self.message);
        let text = |span: crate::protocols::span::Span| Text(span.of(&self.said.bytes));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rosctr", &Named::of(Buffer::S7commRosctr, message.rosctr.0.into()))?;
        map.serialize_entry("reference", &message.reference)?;
        if let Some(error) = message.error {
            map.serialize_entry("error_class", &(error >> 8))?;
            map.serialize_entry("error_code", &(error & 0xff))?;
        }
        if let Some(function) = content.function {
            map.serialize_entry("function", &Named::of(Buffer::S7commFunction, function.into()))?;
        }
        if let Some(length) = content.pdu_length {
            map.serialize_entry("pdu_length", &length)?;
        }
        if !content.items.is_empty() {
            let items: Vec<_> = content.items.iter().map(Variable::of).collect();
            map.serialize_entry("items", &items)?;
        }
        if let Some(block) = content.block {
            map.serialize_entry("block", &Block::of(block.of(&self.said.bytes)))?;
        }
        if let Some(service) = content.service {
            map.serialize_entry("service", &text(service))?;
        }
        if let Some(argument) = content.argument.filter(|argument| !argument.is_empty()) {
            map.serialize_entry("argument", &text(argument))?;
        }
        if let Some(Userdata { group, subfunction, szl }) = content.userdata {
            map.serialize_entry("group", &Named(names::group(group), group.into()))?;
            map.serialize_entry("subfunction", &subfunction)?;
            if let Some((id, index)) = szl {
                map.serialize_entry("szl_id", &id)?;
                map.serialize_entry("szl_index", &index)?;
            }
        }
        map.serialize_entry("data_length", &message.data.len())?;
        map.end()
    }
}

#[derive(Serialize)]
struct Variable {
    area: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    db: Option<u16>,
    byte: u32,
    bit: u32,
    transport_size: u8,
    count: u16,
}

impl Variable {
    fn of(item: &Item) -> Self {
        Self {
            area: Named::of(Buffer::S7commArea, item.area.into()),
            db: Some(item.db).filter(|_| matches!(item.area, 0x84 | 0x85)),
            byte: item.address >> 3,
            bit: item.address & 7,
            transport_size: item.transport,
            count: item.count,
        }
    }
}

#[derive(Serialize)]
struct Block<'a> {
    name: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filesystem: Option<&'static str>,
}

impl<'a> Block<'a> {
    /// A name is a mark, the kind in two digits, the number in five, and where it is.
    fn of(name: &'a [u8]) -> Self {
        let number = name.get(3..8).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Self {
            name: Text(name),
            r#type: name.get(1..3).and_then(names::block),
            number,
            filesystem: name.get(8).copied().and_then(names::filesystem),
        }
    }
}
