//! EVE's `modbus`: the request and the response. Of writes of several values, the published schema has no place for their number.

use super::message::{Data, Faults, Message, name};
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use crate::protocols::text::Text;
use sekisho_signatures::modbus::{Access, Category};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An exchange for EVE.
#[derive(Debug)]
pub(super) struct ModbusRecord {
    /// Counts from 1.
    pub(super) id: u64,
    /// The message of each direction.
    pub(super) messages: [Vec<u8>; 2],
}

impl Record for ModbusRecord {
    fn kind(&self) -> &'static str {
        "modbus"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for ModbusRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        for (key, direction) in [("request", Direction::ToServer), ("response", Direction::ToClient)] {
            if let Some(message) = Message::read(&self.messages[direction.index()], direction) {
                map.serialize_entry(key, &Said(&message))?;
            }
        }
        map.end()
    }
}

/// The names of what is in a set.
struct Set(u8, &'static [(u8, &'static str)]);

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names: Vec<&str> =
            self.1.iter().filter(|(bits, _)| self.0 & bits == *bits).map(|(_, name)| *name).collect();
        serializer.serialize_str(&if names.is_empty() { "NONE".to_owned() } else { names.join(" | ") })
    }
}

/// Sets of tables and of ways to write have names of their own beside those of their members.
const ACCESS: &[(u8, &str)] = &[
    (Access::READ, "READ"),
    (Access::WRITE, "WRITE"),
    (Access::DISCRETES, "DISCRETES"),
    (Access::COILS, "COILS"),
    (Access::INPUT, "INPUT"),
    (Access::HOLDING, "HOLDING"),
    (Access::SINGLE, "SINGLE"),
    (Access::MULTIPLE, "MULTIPLE"),
    (Access::WRITE | Access::SINGLE, "WRITE_SINGLE"),
    (Access::WRITE | Access::MULTIPLE, "WRITE_MULTIPLE"),
];
const CATEGORY: &[(u8, &str)] = &[
    (Category::ASSIGNED, "PUBLIC_ASSIGNED"),
    (Category::UNASSIGNED, "PUBLIC_UNASSIGNED"),
    (Category::USER, "USER_DEFINED"),
    (Category::RESERVED, "RESERVED"),
];
const FAULTS: &[(u8, &str)] = &[
    (Faults::VALUE, "DATA_VALUE"),
    (Faults::LENGTH, "DATA_LENGTH"),
    (Faults::EXCEPTION, "EXC_CODE"),
    (Faults::FUNCTION, "FUNC_CODE"),
    (Faults::PROTOCOL, "PROTO_ID"),
];

struct Said<'a>(&'a Message<'a>);

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("transaction_id", &message.transaction)?;
        map.serialize_entry("protocol_id", &message.protocol)?;
        map.serialize_entry("unit_id", &message.unit)?;
        map.serialize_entry("function_raw", &message.function)?;
        map.serialize_entry("function_code", name(message.code()).unwrap_or("Unknown"))?;
        map.serialize_entry("access_type", &Set(message.access.0, ACCESS))?;
        map.serialize_entry("category", &Set(message.category().0, CATEGORY))?;
        map.serialize_entry("error_flags", &Set(message.faults.0, FAULTS))?;
        match message.data {
            Data::Empty => {}
            Data::Exception(raw) => {
                map.serialize_entry("exception", &Named { raw: raw.into(), code: exception(raw), data: None })?
            }
            Data::Diagnostic { code, data } => {
                map.serialize_entry(
                    "diagnostic",
                    &Named { raw: code, code: diagnostic(code), data: Some(Text(data)) },
                )?;
            }
            Data::Mei { code, data } => {
                map.serialize_entry("mei", &Named { raw: code.into(), code: interface(code), data: Some(Text(data)) })?;
            }
            Data::ReadRequest { address, quantity } => map.serialize_entry("read", &Items { address, quantity })?,
            Data::ReadResponse(data) => map.serialize_entry("read", &Bytes { data: Text(data) })?,
            Data::Write { address, value } => map.serialize_entry("write", &Write { address, data: Some(value) })?,
            Data::WriteMany { address, data, .. } => {
                map.serialize_entry("write", &Write { address, data: None })?;
                map.serialize_entry("data", &Text(data))?;
            }
            Data::ReadWrite { read: (from, quantity), address, data, .. } => {
                map.serialize_entry("read", &Items { address: from, quantity })?;
                map.serialize_entry("write", &Write { address, data: None })?;
                map.serialize_entry("data", &Text(data))?;
            }
            Data::Mask { address, .. } => map.serialize_entry("write", &Write { address, data: None })?,
            Data::Other(data) => map.serialize_entry("data", &Text(data))?,
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Named<'a> {
    raw: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Items {
    address: u16,
    quantity: u16,
}

#[derive(Serialize)]
struct Bytes<'a> {
    data: Text<'a>,
}

#[derive(Serialize)]
struct Write {
    address: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<u16>,
}

fn exception(code: u8) -> &'static str {
    match code {
        1 => "IllegalFunction",
        2 => "IllegalDataAddr",
        3 => "IllegalDataValue",
        4 => "ServerDeviceFail",
        5 => "Ack",
        6 => "ServerDeviceBusy",
        7 => "NegAck",
        8 => "MemParityErr",
        10 => "GatewayPathUnavailable",
        11 => "GatewayTargetFailToResp",
        _ => "Unknown",
    }
}

fn diagnostic(code: u16) -> &'static str {
    match code {
        0x00 => "RetQueryData",
        0x01 => "RestartCommOpt",
        0x02 => "RetDiagReg",
        0x03 => "ChangeInputDelimiter",
        0x04 => "ForceListenOnlyMode",
        0x0a => "ClearCtrDiagReg",
        0x0b => "RetBusMsgCount",
        0x0c => "RetBusCommErrCount",
        0x0d => "RetBusExcErrCount",
        0x0e => "RetServerMsgCount",
        0x0f => "RetServerNoRespCount",
        0x10 => "RetServerNAKCount",
        0x11 => "RetServerBusyCount",
        0x12 => "RetBusCharOverrunCount",
        0x13 => "RetOverrunErrCount",
        0x14 => "ClearOverrunCounterFlag",
        0x15 => "GetClearPlusStats",
        _ => "Reserved",
    }
}

fn interface(code: u8) -> &'static str {
    match code {
        0x0d => "CANOpenGenRefReqResp",
        0x0e => "RdDevId",
        _ => "Unknown",
    }
}
