//! What rules keep, in records: `metadata` of flows and alerts, and `alert.context`.

use crate::detect::state::Finding;
use crate::event::FlowNote;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// A name and bytes, which are printed as text.
type Named = (Arc<str>, Box<[u8]>);

/// `metadata`: what rules keep on a flow, and of a packet.
#[derive(Debug, Serialize)]
pub(super) struct Metadata<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flowbits: Vec<&'a str>,
    #[serde(skip_serializing_if = "Members::is_empty")]
    flowints: Members<'a, Box<str>, u32>,
    #[serde(skip_serializing_if = "Variables::is_empty")]
    flowvars: Variables<'a>,
    #[serde(skip_serializing_if = "Variables::is_empty")]
    pktvars: Variables<'a>,
    #[serde(skip_serializing_if = "Members::is_empty")]
    entropy: Members<'a, &'static str, f64>,
}

impl<'a> Metadata<'a> {
    /// None if nothing is kept.
    pub(super) fn of(note: Option<&'a FlowNote>, finding: Option<&'a Finding>) -> Option<Self> {
        let metadata = Self {
            flowbits: bits(note).filter(|bit| !bit.starts_with(TRAFFIC)).collect(),
            flowints: Members(note.map_or(&[], |n| &n.ints)),
            flowvars: Variables(note.map_or(&[], |n| &n.captures)),
            pktvars: Variables(finding.map_or(&[], |f| &f.packet)),
            entropy: Members(note.map_or(&[], |n| &n.entropies)),
        };
        let empty = metadata.flowbits.is_empty()
            && metadata.flowints.is_empty()
            && metadata.flowvars.is_empty()
            && metadata.pktvars.is_empty()
            && metadata.entropy.is_empty();
        (!empty).then_some(metadata)
    }
}

/// Bits of this name say what traffic it is, and have a place of their own.
const TRAFFIC: &str = "traffic/";

fn bits(note: Option<&FlowNote>) -> impl Iterator<Item = &str> {
    note.into_iter().flat_map(|note| note.bits.iter().map(|bit| &**bit))
}

/// `traffic`: what traffic it is, by the flow's bits `traffic/id/NAME` and `traffic/label/NAME`.
#[derive(Debug, Serialize)]
pub(super) struct Traffic<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    label: Vec<&'a str>,
}

impl<'a> Traffic<'a> {
    /// None if no bit says so.
    pub(super) fn of(note: Option<&'a FlowNote>) -> Option<Self> {
        let of = |kind: &'static str| bits(note).filter_map(move |bit| bit.strip_prefix(TRAFFIC)?.strip_prefix(kind));
        let traffic = Self { id: of("id/").collect(), label: of("label/").collect() };
        (!traffic.id.is_empty() || !traffic.label.is_empty()).then_some(traffic)
    }
}

/// An object of names and values.
#[derive(Debug)]
struct Members<'a, N, V>(&'a [(N, V)]);

impl<N, V> Members<'_, N, V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Serialize, V: Serialize> Serialize for Members<'_, N, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A list of objects with one member each.
#[derive(Debug)]
struct Variables<'a>(&'a [Named]);

impl Variables<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Variable))
    }
}

struct Variable<'a>(&'a Named);

impl Serialize for Variable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, value) = self.0;
        serializer.collect_map(std::iter::once((&**name, String::from_utf8_lossy(value))))
    }
}

/// `alert.context`: what sets say of the values that matched, and what was captured for the alert.
#[derive(Debug)]
pub(super) struct AlertContext<'a>(&'a Finding);

impl<'a> AlertContext<'a> {
    /// None if there is nothing to say.
    pub(super) fn of(finding: Option<&'a Finding>) -> Option<Self> {
        finding.filter(|f| !f.contexts.is_empty() || !f.captures.is_empty()).map(Self)
    }
}

impl Serialize for AlertContext<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, json) in &self.0.contexts {
            match serde_json::from_str::<serde_json::Value>(json) {
                Ok(value) => map.serialize_entry(&**name, &value)?,
                Err(_) => map.serialize_entry(&**name, json)?,
            }
        }
        for (name, value) in &self.0.captures {
            map.serialize_entry(&**name, &String::from_utf8_lossy(value))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, value: &[u8]) -> Named {
        (name.into(), value.into())
    }

    #[test]
    fn records_carry_what_rules_keep() {
        let note = FlowNote {
            bits: vec!["login".into(), "traffic/id/app".into(), "traffic/label/office".into()],
            ints: vec![("logins".into(), 3)],
            captures: vec![named("user", b"a"), named("user agent", b"b\"c")],
            entropies: vec![("file_data", 4.5)],
        };
        let finding = Finding {
            captures: vec![named("ua", b"curl")],
            packet: vec![named("p", b"1")],
            contexts: vec![("bad".into(), r#"{"since":2020}"#.into())],
        };
        let json = serde_json::to_string(&Metadata::of(Some(&note), Some(&finding)).unwrap()).unwrap();
        assert_eq!(
            json,
            r#"{"flowbits":["login"],"flowints":{"logins":3},"flowvars":[{"user":"a"},{"user agent":"b\"c"}],"pktvars":[{"p":"1"}],"entropy":{"file_data":4.5}}"#
        );
        let json = serde_json::to_string(&AlertContext::of(Some(&finding)).unwrap()).unwrap();
        assert_eq!(json, r#"{"bad":{"since":2020},"ua":"curl"}"#);
        let json = serde_json::to_string(&Traffic::of(Some(&note)).unwrap()).unwrap();
        assert_eq!(json, r#"{"id":["app"],"label":["office"]}"#);
        assert!(Traffic::of(Some(&FlowNote::default())).is_none());
        assert!(Metadata::of(Some(&FlowNote::default()), None).is_none() && AlertContext::of(None).is_none());
    }
}
