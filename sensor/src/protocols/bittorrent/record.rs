//! EVE's `bittorrent_dht`, read from the message as it is written, off the packet path.

use super::bencode::{Value, Values};
use super::message::Message;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::{Address, Hex, Text};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Nodes and peers that EVE names of a message, each.
pub const NODE_LIMIT: usize = 256;

/// A message for EVE.
#[derive(Debug)]
pub struct DhtRecord(pub(super) Vec<u8>);

impl Record for DhtRecord {
    fn kind(&self) -> &'static str {
        "bittorrent_dht"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for DhtRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = Message::read(&self.0);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("transaction_id", &Hex(message.transaction.unwrap_or_default(), ""))?;
        if let Some(version) = message.version {
            map.serialize_entry("client_version", &Hex(version, ""))?;
        }
        if let Some(query) = message.query {
            map.serialize_entry("request_type", &Text(query))?;
        }
        if let Some((number, text)) = message.error {
            map.serialize_entry("error", &Error { num: number, msg: Text(text) })?;
        }
        if let Some(arguments) = message.arguments {
            map.serialize_entry("request", &Request(arguments))?;
        }
        if let Some(response) = message.response {
            map.serialize_entry("response", &Response(response))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Error<'a> {
    num: i64,
    msg: Text<'a>,
}

struct Request<'a>(Values<'a>);

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in ["id", "target", "info_hash", "token"] {
            if let Some(bytes) = self.0.get(key.as_bytes()).and_then(Value::bytes) {
                map.serialize_entry(key, &Hex(bytes, ""))?;
            }
        }
        for key in ["implied_port", "port"] {
            if let Some(number) = self.0.get(key.as_bytes()).and_then(Value::integer) {
                map.serialize_entry(key, &number)?;
            }
        }
        map.end()
    }
}

struct Response<'a>(Values<'a>);

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = |key: &str| self.0.get(key.as_bytes()).and_then(Value::bytes);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &Hex(bytes("id").unwrap_or_default(), ""))?;
        for (key, width) in [("nodes", 4), ("nodes6", 16)] {
            const ID: usize = 20;
            let each = bytes(key).unwrap_or_default().chunks_exact(ID + width + 2);
            let nodes: Vec<Node<'_>> =
                each.take(NODE_LIMIT).filter_map(|node| Node::of(Some(node.get(..ID)?), node.get(ID..)?)).collect();
            if !nodes.is_empty() {
                map.serialize_entry(key, &nodes)?;
            }
        }
        let values = self.0.get(b"values").and_then(Value::list).into_iter().flatten().filter_map(Value::bytes);
        let peers: Vec<Node<'_>> = values.take(NODE_LIMIT).filter_map(|peer| Node::of(None, peer)).collect();
        if !peers.is_empty() {
            map.serialize_entry("values", &peers)?;
        }
        if let Some(token) = bytes("token") {
            map.serialize_entry("token", &Hex(token, ""))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Node<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Hex<'a>>,
    ip: Address<'a>,
    port: u16,
}

impl<'a> Node<'a> {
    /// An address and a port, one behind the other.
    fn of(id: Option<&'a [u8]>, place: &'a [u8]) -> Option<Self> {
        let (ip, port) = place.split_last_chunk::<2>().filter(|(ip, _)| matches!(ip.len(), 4 | 16))?;
        Some(Self { id: id.map(|id| Hex(id, "")), ip: Address(ip), port: u16::from_be_bytes(*port) })
    }
}
