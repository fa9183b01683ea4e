//! EVE's `pgsql`.

use super::message::{authentication_name, pairs, text};
use super::transaction::{Proof, Request, Response};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A transaction for EVE.
#[derive(Debug)]
pub struct PgsqlRecord {
    pub(super) id: u64,
    pub(super) request: Option<Request>,
    pub(super) response: Response,
}

impl Record for PgsqlRecord {
    fn kind(&self) -> &'static str {
        "pgsql"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for PgsqlRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tx_id", &self.id)?;
        if let Some(request) = &self.request {
            map.serialize_entry("request", &Asked(request))?;
        }
        if self.response != Response::default() {
            map.serialize_entry("response", &Answered(&self.response))?;
        }
        map.end()
    }
}

struct Asked<'a>(&'a Request);

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some([major, minor]) = said.version {
            map.serialize_entry("protocol_version", &format_args!("{major}.{minor}"))?;
            map.serialize_entry("startup_parameters", &Startup(&said.parameters))?;
        }
        if let Some(statement) = said.statement(0) {
            map.serialize_entry("simple_query", &Text(statement))?;
        }
        match &said.proof {
            Proof::None => {}
            Proof::Password => map.serialize_entry("password_redacted", &true)?,
            Proof::SaslFirst(mechanism, first) => {
                map.serialize_entry("sasl_authentication_mechanism", &Text(mechanism))?;
                map.serialize_entry("sasl_param", &Text(first))?;
            }
            Proof::Sasl(next) => map.serialize_entry("sasl_response", &Text(next))?,
        }
        if said.copied.messages > 0 {
            map.serialize_entry(
                "copy_data_in",
                &Named(["msg_count", "data_size"], [said.copied.messages, said.copied.bytes]),
            )?;
        }
        if let Some(name) = said.name {
            map.serialize_entry("message", name)?;
        }
        if let Some([process, secret]) = said.cancel {
            map.serialize_entry("process_id", &process)?;
            map.serialize_entry("secret_key", &secret)?;
        }
        map.end()
    }
}

/// Two numbers with their names.
struct Named([&'static str; 2], [u64; 2]);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        for (name, number) in self.0.iter().zip(self.1) {
            map.serialize_entry(name, &number)?;
        }
        map.end()
    }
}

/// The parameters of a startup: the user stands for itself.
struct Startup<'a>(&'a [u8]);

impl Serialize for Startup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((_, user)) = pairs(self.0).find(|(name, _)| *name == b"user") {
            map.serialize_entry("user", &Text(user))?;
        }
        let others: Vec<Pair<'_>> = pairs(self.0).filter(|(name, _)| *name != b"user").map(Pair::of).collect();
        if !others.is_empty() {
            map.serialize_entry("optional_parameters", &others)?;
        }
        map.end()
    }
}

/// An object of one key.
struct Pair<'a>(&'a [u8], &'a [u8]);

impl<'a> Pair<'a> {
    fn of((name, value): (&'a [u8], &'a [u8])) -> Self {
        // These three are written as all others are.
        let name = match name {
            b"DateStyle" => &b"date_style"[..],
            b"IntervalStyle" => b"interval_style",
            b"TimeZone" => b"time_zone",
            other => other,
        };
        Self(name, value)
    }
}

impl Serialize for Pair<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&Text(self.0), &Text(self.1))?;
        map.end()
    }
}

struct Answered<'a>(&'a Response);

impl Serialize for Answered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some(accepted) = said.accepted {
            map.serialize_entry("ssl_accepted", &accepted)?;
        }
        if let Some(salt) = &said.salt {
            map.serialize_entry("authentication_md5_password", &Text(salt))?;
        }
        if !said.sasl_final.is_empty() {
            map.serialize_entry("authentication_sasl_final", &Text(&said.sasl_final))?;
        }
        // An error has the same key, and tells more.
        let is_told = !said.fields.is_empty() || said.salt.is_some();
        let authentication = said.authentication.filter(|code| *code != 12 && !is_told);
        if let Some(name) = authentication.and_then(authentication_name) {
            map.serialize_entry("message", name)?;
        }
        let parameters: Vec<Pair<'_>> = pairs(&said.parameters).map(Pair::of).collect();
        if !parameters.is_empty() {
            map.serialize_entry("parameter_status", &parameters)?;
        }
        if let Some([process, secret]) = said.key {
            map.serialize_entry("process_id", &process)?;
            map.serialize_entry("secret_key", &secret)?;
        }
        rows(&mut map, said)?;
        failure(&mut map, &said.fields)?;
        map.end()
    }
}

fn rows<M: SerializeMap>(map: &mut M, said: &Response) -> Result<(), M::Error> {
    if let Some(columns) = said.columns {
        map.serialize_entry("field_count", &columns)?;
    }
    if said.rows.messages > 0 {
        map.serialize_entry("data_rows", &said.rows.messages)?;
        map.serialize_entry("data_size", &said.rows.bytes)?;
    }
    for (key, columns) in [("copy_in_response", said.copies_in), ("copy_out_response", said.copies_out)] {
        if let Some(columns) = columns {
            map.serialize_entry(key, &serde_json::json!({"columns": columns}))?;
        }
    }
    if said.copied.messages > 0 {
        let copied = Named(["row_count", "data_size"], [said.copied.messages, said.copied.bytes]);
        map.serialize_entry("copy_data_out", &copied)?;
    }
    if let Some(completed) = &said.completed {
        map.serialize_entry("command_completed", &Text(completed))?;
    }
    Ok(())
}

/// The fields of an error or a notice (PostgreSQL's manual, "Error and Notice Message Fields"): each a code and a text.
fn failure<M: SerializeMap>(map: &mut M, mut fields: &[u8]) -> Result<(), M::Error> {
    const NAMES: [(u8, &str); 7] = [
        (b'S', "severity_localizable"),
        (b'V', "severity_non_localizable"),
        (b'C', "code"),
        (b'M', "message"),
        (b'F', "file"),
        (b'L', "line"),
        (b'R', "routine"),
    ];
    let mut told = [false; NAMES.len()];
    while let Some((code, rest)) = fields.split_first().filter(|(code, _)| **code != 0) {
        let (value, rest) = text(rest);
        fields = rest;
        let known = NAMES.iter().zip(&mut told).find(|((name, _), _)| name == code);
        if let Some(((_, key), told)) = known.filter(|(_, told)| !**told) {
            *told = true;
            map.serialize_entry(key, &Text(value))?;
        }
    }
    Ok(())
}
