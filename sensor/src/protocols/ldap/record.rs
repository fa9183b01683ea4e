//! EVE's `ldap`, read from the messages as it is written, off the packet path.

use super::message::{Message, Operation};
use crate::json;
use crate::protocols::Record;
use crate::protocols::ber::{Element, Elements, tag};
use crate::protocols::text::Text;
use sekisho_signatures::buffers::Buffer;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An exchange for EVE.
#[derive(Debug)]
pub struct LdapRecord {
    /// The request; empty if it was not seen.
    pub(super) request: Vec<u8>,
    /// The responses, one behind the other.
    pub(super) responses: Vec<u8>,
}

impl Record for LdapRecord {
    fn kind(&self) -> &'static str {
        "ldap"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for LdapRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let request = Message::read(&self.request);
        if let Some(message) = request {
            map.serialize_entry("request", &Said { message, with_id: true })?;
        }
        if !self.responses.is_empty() {
            let with_id = request.is_none();
            map.serialize_entry(
                "responses",
                &List(|| messages(&self.responses).map(|message| Said { message, with_id })),
            )?;
        }
        map.end()
    }
}

fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let mut elements = Elements(bytes);
        elements.next()?;
        let message = Message::read(bytes);
        bytes = elements.0;
        message
    })
}

/// A message, with its id where that is not said before.
struct Said<'a> {
    message: Message<'a>,
    with_id: bool,
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let name = self.message.operation.name().unwrap_or_default();
        map.serialize_entry("operation", name)?;
        if self.with_id {
            map.serialize_entry("message_id", &self.message.id)?;
        }
        if !matches!(self.message.operation, Operation::UNBIND_REQUEST | Operation::SEARCH_RESULT_REFERENCE) {
            map.serialize_entry(name, &Body(&self.message))?;
        }
        map.end()
    }
}

/// What a message says, by its operation.
struct Body<'a, 'b>(&'a Message<'b>);

impl Serialize for Body<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        let mut parts = message.body.inside();
        match message.operation {
            Operation::BIND_REQUEST => bind(&mut map, parts)?,
            Operation::SEARCH_REQUEST => search(&mut map, message, parts)?,
            Operation::MODIFY_REQUEST => {
                string(&mut map, "object", &mut parts)?;
                let changes = parts.expect(tag::SEQUENCE);
                map.serialize_entry("changes", &List(|| changes.into_iter().flat_map(Element::inside).map(Change)))?;
            }
            Operation::ADD_REQUEST => {
                string(&mut map, "entry", &mut parts)?;
                attributes(&mut map, "name", &mut parts)?;
            }
            Operation::SEARCH_RESULT_ENTRY => {
                string(&mut map, "base_object", &mut parts)?;
                attributes(&mut map, "type", &mut parts)?;
            }
            Operation::DEL_REQUEST => map.serialize_entry("dn", &Text(message.body.content))?,
            Operation::MOD_DN_REQUEST => {
                string(&mut map, "entry", &mut parts)?;
                string(&mut map, "new_rdn", &mut parts)?;
                boolean(&mut map, "delete_old_rdn", &mut parts)?;
                if let Some(superior) = parts.expect(0x80) {
                    map.serialize_entry("new_superior", &Text(superior.content))?;
                }
            }
            Operation::COMPARE_REQUEST => {
                string(&mut map, "entry", &mut parts)?;
                if let Some(assertion) = parts.expect(tag::SEQUENCE) {
                    map.serialize_entry("attribute_value_assertion", &Assertion(assertion))?;
                }
            }
            Operation::ABANDON_REQUEST => {
                map.serialize_entry("message_id", &message.body.unsigned().unwrap_or_default())?;
            }
            _ => outcome(&mut map, message)?,
        }
        map.end()
    }
}

/// Extended requests, and all responses that are not entries.
fn outcome<M: SerializeMap>(map: &mut M, message: &Message<'_>) -> Result<(), M::Error> {
    if let Some(result) = message.result() {
        match Buffer::LdapResponsesResultCode.value_name(result.code) {
            Some(name) => map.serialize_entry("result_code", name)?,
            None => map.serialize_entry("result_code", &format_args!("unknown({})", result.code))?,
        }
        map.serialize_entry("matched_dn", &Text(result.matched_dn))?;
        map.serialize_entry("message", &Text(result.message))?;
    }
    if message.operation == Operation::BIND_RESPONSE
        && let Some(credentials) = message.body.inside().find(|e| e.tag == 0x87)
    {
        map.serialize_entry("server_sasl_creds", &Text(credentials.content))?;
    }
    let is_extended = matches!(
        message.operation,
        Operation::EXTENDED_REQUEST | Operation::EXTENDED_RESPONSE | Operation::INTERMEDIATE_RESPONSE
    );
    for (key, value) in ["name", "value"].into_iter().zip(message.extension()) {
        if let Some(value) = value.filter(|_| is_extended) {
            map.serialize_entry(key, &Text(value))?;
        }
    }
    Ok(())
}

fn bind<M: SerializeMap>(map: &mut M, mut parts: Elements<'_>) -> Result<(), M::Error> {
    if let Some(version) = parts.integer() {
        map.serialize_entry("version", &version)?;
    }
    string(map, "name", &mut parts)?;
    if let Some(sasl) = parts.expect(0xa3) {
        map.serialize_entry("sasl", &Sasl(sasl))?;
    }
    Ok(())
}

fn search<M: SerializeMap>(map: &mut M, message: &Message<'_>, mut parts: Elements<'_>) -> Result<(), M::Error> {
    string(map, "base_object", &mut parts)?;
    for key in ["scope", "deref_alias"] {
        if let Some(value) = parts.expect(tag::ENUMERATED).and_then(Element::unsigned) {
            map.serialize_entry(key, &value)?;
        }
    }
    for key in ["size_limit", "time_limit"] {
        if let Some(value) = parts.integer() {
            map.serialize_entry(key, &value)?;
        }
    }
    boolean(map, "types_only", &mut parts)?;
    let mut types = vec![];
    message.attribute_types(|kind| types.push(Text(kind)));
    map.serialize_entry("attributes", &types)
}

fn string<M: SerializeMap>(map: &mut M, key: &'static str, parts: &mut Elements<'_>) -> Result<(), M::Error> {
    match parts.string() {
        Some(value) => map.serialize_entry(key, &Text(value)),
        None => Ok(()),
    }
}

fn boolean<M: SerializeMap>(map: &mut M, key: &'static str, parts: &mut Elements<'_>) -> Result<(), M::Error> {
    match parts.expect(tag::BOOLEAN) {
        Some(value) => map.serialize_entry(key, &value.content.iter().any(|b| *b != 0)),
        None => Ok(()),
    }
}

fn attributes<M: SerializeMap>(map: &mut M, key: &'static str, parts: &mut Elements<'_>) -> Result<(), M::Error> {
    let list = parts.expect(tag::SEQUENCE);
    let each = || list.into_iter().flat_map(Element::inside).map(|e| Attribute(e, [key, "values"]));
    map.serialize_entry("attributes", &List(each))
}

/// A description and its values, under these keys.
struct Attribute<'a>(Element<'a>, [&'static str; 2]);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [name, values] = self.1;
        let mut parts = self.0.inside();
        let mut map = serializer.serialize_map(None)?;
        string(&mut map, name, &mut parts)?;
        if let Some(set) = parts.expect(tag::SET) {
            map.serialize_entry(values, &List(|| set.inside().map(|e| Text(e.content))))?;
        }
        map.end()
    }
}

/// A change of a modification (RFC 4511, 4.6).
struct Change<'a>(Element<'a>);

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = self.0.inside();
        let mut map = serializer.serialize_map(None)?;
        if let Some(operation) = parts.expect(tag::ENUMERATED).and_then(Element::unsigned) {
            let name = match operation {
                0 => "add",
                1 => "delete",
                2 => "replace",
                3 => "increment",
                _ => "unknown",
            };
            map.serialize_entry("operation", name)?;
        }
        if let Some(attribute) = parts.expect(tag::SEQUENCE) {
            map.serialize_entry("modification", &Attribute(attribute, ["attribute_type", "attribute_values"]))?;
        }
        map.end()
    }
}

struct Assertion<'a>(Element<'a>);

impl Serialize for Assertion<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = self.0.inside();
        let mut map = serializer.serialize_map(None)?;
        string(&mut map, "description", &mut parts)?;
        string(&mut map, "value", &mut parts)?;
        map.end()
    }
}

struct Sasl<'a>(Element<'a>);

impl Serialize for Sasl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = self.0.inside();
        let mut map = serializer.serialize_map(None)?;
        string(&mut map, "mechanism", &mut parts)?;
        string(&mut map, "credentials", &mut parts)?;
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
