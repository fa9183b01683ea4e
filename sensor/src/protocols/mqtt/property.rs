//! Properties of MQTT 5.0 (2.2.2.2), as EVE names them.

use super::message::{LIST_LIMIT, variable};
use crate::protocols::cursor::Cursor;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// What kind of value a property has.
#[derive(Clone, Copy)]
enum Form {
    U8,
    U16,
    U32,
    Variable,
    Text,
    Pair,
}

/// Name and form of a property.
fn form(id: u8) -> Option<(&'static str, Form)> {
    Some(match id {
        0x01 => ("payload_format_indicator", Form::U8),
        0x02 => ("message_expiry_interval", Form::U32),
        0x03 => ("content_type", Form::Text),
        0x08 => ("response_topic", Form::Text),
        0x09 => ("correlation_data", Form::Text),
        0x0b => ("subscription_identifier", Form::Variable),
        0x11 => ("session_expiry_interval", Form::U32),
        0x12 => ("assigned_client_identifier", Form::Text),
        0x13 => ("server_keep_alive", Form::U16),
        0x15 => ("authentication_method", Form::Text),
        0x16 => ("authentication_data", Form::Text),
        0x17 => ("request_problem_information", Form::U8),
        0x18 => ("will_delay_interval", Form::U32),
        0x19 => ("request_response_information", Form::U8),
        0x1a => ("response_information", Form::Text),
        0x1c => ("server_reference", Form::Text),
        0x1f => ("reason_string", Form::Text),
        0x21 => ("receive_maximum", Form::U16),
        0x22 => ("topic_alias_maximum", Form::U16),
        0x23 => ("topic_alias", Form::U16),
        0x24 => ("maximum_qos", Form::U8),
        0x25 => ("retain_available", Form::U8),
        0x26 => ("userprop", Form::Pair),
        0x27 => ("maximum_packet_size", Form::U32),
        0x28 => ("wildcard_subscription_available", Form::U8),
        0x29 => ("subscription_identifier_available", Form::U8),
        0x2a => ("shared_subscription_available", Form::U8),
        _ => return None,
    })
}

/// A message's properties.
pub(super) struct Properties<'a>(pub(super) &'a [u8]);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut c = Cursor::big(self.0);
        for _ in 0..LIST_LIMIT {
            let Some((name, form)) = c.u8().and_then(form) else { break };
            match form {
                Form::U8 => one(&mut map, name, c.u8())?,
                Form::U16 => one(&mut map, name, c.u16())?,
                Form::U32 => one(&mut map, name, c.u32())?,
                Form::Variable => {
                    let read = variable(c.rest()).flatten();
                    one(&mut map, name, read.and_then(|(width, value)| c.skip(width).map(|()| value)))?;
                }
                Form::Text => one(&mut map, name, text(&mut c).map(Text))?,
                Form::Pair => {
                    if let Some((key, value)) = text(&mut c).zip(text(&mut c)) {
                        map.serialize_entry(&Text(key), &Text(value))?;
                    }
                }
            }
        }
        map.end()
    }
}

fn one<M: SerializeMap, V: Serialize>(map: &mut M, name: &'static str, value: Option<V>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

fn text<'a>(c: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = c.u16()?;
    c.take(len.into())
}
