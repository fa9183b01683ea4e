//! EVE's `mqtt`: an object for each message of the exchange. Passwords are left out, as Suricata does unless it is told otherwise.

use super::message::{Body, Connect, MessageType, Will};
use super::property::Properties;
use super::transaction::{Messages, Said};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An exchange for EVE.
#[derive(Debug)]
pub struct MqttRecord(pub(super) Messages);

impl Record for MqttRecord {
    fn kind(&self) -> &'static str {
        "mqtt"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for MqttRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for said in &self.0.said {
            let kind = said.header.kind();
            // The published schema has no place for these.
            if !matches!(kind, MessageType::AUTH | MessageType(0)) {
                map.serialize_entry(kind.name(), &Message { messages: &self.0, said })?;
            }
        }
        map.end()
    }
}

struct Message<'a> {
    messages: &'a Messages,
    said: &'a Said,
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let header = self.said.header;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("qos", &header.qos())?;
        map.serialize_entry("retain", &(header.first & 1 != 0))?;
        map.serialize_entry("dup", &(header.first & 8 != 0))?;
        if self.said.truncated && header.kind() == MessageType::PUBLISH {
            map.serialize_entry("truncated", &true)?;
            map.serialize_entry("skipped_length", &(header.len + header.rest))?;
        }
        if let Some(body) = self.messages.body(self.said) {
            write(&mut map, header.kind(), &body, self.messages.version >= 5)?;
        }
        map.end()
    }
}

fn write<M: SerializeMap>(map: &mut M, kind: MessageType, body: &Body<'_>, is_5: bool) -> Result<(), M::Error> {
    match body {
        Body::Connect(said) => connect(map, said)?,
        Body::Connack(flags, reason, properties) => {
            map.serialize_entry("session_present", &(flags & 1 != 0))?;
            map.serialize_entry("return_code", reason)?;
            if is_5 {
                map.serialize_entry("properties", &Properties(properties))?;
            }
        }
        Body::Publish(topic, id, properties, message) => {
            map.serialize_entry("topic", &Text(topic))?;
            if let Some(id) = id {
                map.serialize_entry("message_id", id)?;
            }
            map.serialize_entry("message", &Text(message))?;
            if is_5 {
                map.serialize_entry("properties", &Properties(properties))?;
            }
        }
        Body::Ack(id, reason) => {
            map.serialize_entry("message_id", id)?;
            if let Some(reason) = reason {
                map.serialize_entry("reason_code", reason)?;
            }
        }
        Body::Subscribe(id, topics) => {
            map.serialize_entry("message_id", id)?;
            let topics: Vec<Topic<'_>> =
                topics.iter().map(|(topic, qos)| Topic { topic: Text(topic), qos: qos & 3 }).collect();
            map.serialize_entry("topics", &topics)?;
        }
        Body::Reasons(id, reasons) => {
            map.serialize_entry("message_id", id)?;
            if kind == MessageType::SUBACK {
                map.serialize_entry("qos_granted", reasons)?;
            } else if is_5 {
                map.serialize_entry("reason_codes", reasons)?;
            }
        }
        Body::Unsubscribe(id, topics) => {
            map.serialize_entry("message_id", id)?;
            let topics: Vec<Text<'_>> = topics.iter().map(|topic| Text(topic)).collect();
            map.serialize_entry("topics", &topics)?;
        }
        Body::Reason(reason, properties) => {
            if let Some(reason) = reason {
                map.serialize_entry("reason_code", reason)?;
            }
            if is_5 && !properties.is_empty() {
                map.serialize_entry("properties", &Properties(properties))?;
            }
        }
        Body::Empty => {}
    }
    Ok(())
}

fn connect<M: SerializeMap>(map: &mut M, said: &Connect<'_>) -> Result<(), M::Error> {
    map.serialize_entry("protocol_string", &Text(said.protocol))?;
    map.serialize_entry("protocol_version", &said.version)?;
    let is = |bit: u8| said.flags & bit != 0;
    let flags = Flags {
        username: is(0x80),
        password: is(0x40),
        will: is(0x04),
        will_retain: is(0x20),
        clean_session: is(0x02),
    };
    map.serialize_entry("flags", &flags)?;
    map.serialize_entry("client_id", &Text(said.client_id))?;
    if let Some(username) = said.username {
        map.serialize_entry("username", &Text(username))?;
    }
    if let Some(Will { properties, topic, message }) = said.will {
        let properties = (said.version >= 5).then_some(Properties(properties));
        map.serialize_entry("will", &WillRecord { topic: Text(topic), message: Text(message), properties })?;
    }
    if said.version >= 5 {
        map.serialize_entry("properties", &Properties(said.properties))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Flags {
    username: bool,
    password: bool,
    will: bool,
    will_retain: bool,
    clean_session: bool,
}

#[derive(Serialize)]
struct Topic<'a> {
    topic: Text<'a>,
    qos: u8,
}

#[derive(Serialize)]
struct WillRecord<'a> {
    topic: Text<'a>,
    message: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}
