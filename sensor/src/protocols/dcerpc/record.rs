//! EVE's `dcerpc`, and the parts of it that SMB's record shares.

use super::association::{Interface, Uuid};
use super::call::{Call, Half, Role};
use super::pdu::PduKind;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Short;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// A call for EVE.
#[derive(Clone, Debug)]
pub struct DcerpcRecord {
    id: u32,
    version: (u8, u8),
    opnum: Option<u16>,
    interfaces: Vec<Interface>,
    kinds: [Option<PduKind>; 2],
    sizes: [(u32, u64); 2],
    activity: Option<(Uuid, u32)>,
    /// Inside a named pipe: the record of SMB holds it, which has its own order and more to say of interfaces.
    piped: bool,
}

impl DcerpcRecord {
    /// Of a call; over UDP, of which activity it is and its number there.
    #[must_use]
    pub fn new(call: &Call, activity: Option<(Uuid, u32)>) -> Self {
        let size = |half: &Half| (half.fragments, half.size);
        let [request, response] = &call.halves;
        Self {
            id: call.id,
            version: call.version,
            opnum: call.opnum,
            interfaces: call.interfaces.clone(),
            kinds: [request.kind, response.kind],
            sizes: [size(request), size(response)],
            activity,
            piped: false,
        }
    }

    /// Of a call inside a named pipe.
    #[must_use]
    pub fn piped(call: &Call) -> Self {
        Self { piped: true, ..Self::new(call, None) }
    }

    fn kind_of(&self, role: Role) -> Option<PduKind> {
        self.kinds[role as usize]
    }
}

impl Record for DcerpcRecord {
    fn kind(&self) -> &'static str {
        "dcerpc"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

/// Text in a string.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A version, major and minor.
fn dotted(major: u16, minor: u16) -> Short<11> {
    let mut text = Short::default();
    text.push_number(major.into());
    text.push(b'.');
    text.push_number(minor.into());
    text
}

/// `req` and `res`.
#[derive(Serialize)]
struct Size {
    #[serde(skip_serializing_if = "Option::is_none")]
    opnum: Option<u16>,
    frag_cnt: u32,
    stub_data_size: u64,
}

/// One of `interfaces`.
#[derive(Serialize)]
pub struct InterfaceRecord {
    uuid: Shown<Uuid>,
    version: Short<11>,
    ack_result: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_reason: Option<u16>,
}

impl InterfaceRecord {
    fn new(interface: &Interface, with_reason: bool) -> Self {
        let (result, _) = interface.result.unwrap_or_default();
        // Suricata has a byte for each of the two, and so shows the result's own.
        let [result, reason] = result.to_le_bytes().map(u16::from);
        Self {
            uuid: Shown(interface.uuid),
            version: dotted(interface.version.0, interface.version.1),
            ack_result: result,
            ack_reason: with_reason.then_some(reason),
        }
    }
}

impl Serialize for DcerpcRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let [request, response] = [Role::Request, Role::Response].map(|role| self.kind_of(role));
        let size = |role: Role, opnum| {
            let (frag_cnt, stub_data_size) = self.sizes[role as usize];
            Size { opnum, frag_cnt, stub_data_size }
        };
        match request {
            Some(kind) => map.serialize_entry("request", &Shown(kind))?,
            None => map.serialize_entry("request", "REQUEST_LOST")?,
        }
        if request == Some(PduKind::REQUEST) {
            if self.piped {
                map.serialize_entry("opnum", &self.opnum)?;
            }
            map.serialize_entry("req", &size(Role::Request, self.opnum.filter(|_| !self.piped)))?;
        }
        match response {
            Some(kind) => map.serialize_entry("response", &Shown(kind))?,
            None => map.serialize_entry("response", "UNREPLIED")?,
        }
        if response == Some(PduKind::RESPONSE) {
            map.serialize_entry("res", &size(Role::Response, None))?;
        }
        if !self.interfaces.is_empty() {
            let list: Vec<_> = self.interfaces.iter().map(|i| InterfaceRecord::new(i, self.piped)).collect();
            map.serialize_entry("interfaces", &list)?;
        }
        match self.activity {
            Some((uuid, number)) => {
                map.serialize_entry("activityuuid", &Shown(uuid))?;
                map.serialize_entry("seqnum", &number)?;
            }
            None => map.serialize_entry("call_id", &self.id)?,
        }
        if !self.piped {
            map.serialize_entry("rpc_version", &dotted(self.version.0.into(), self.version.1.into()))?;
        }
        map.end()
    }
}
