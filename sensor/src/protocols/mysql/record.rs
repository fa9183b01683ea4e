//! EVE's `mysql`, which is not in Suricata 8's schema: it is written only where the configuration names it.

use super::message::Command;
use super::transaction::{Answer, Session};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A transaction for EVE.
#[derive(Debug)]
pub struct MysqlRecord {
    pub(super) session: Option<Session>,
    pub(super) command: Option<Command>,
    pub(super) text: Vec<u8>,
    pub(super) answer: Answer,
}

impl Record for MysqlRecord {
    fn kind(&self) -> &'static str {
        "mysql"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for MysqlRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(session) = &self.session {
            map.serialize_entry("version", &Text(&session.version))?;
            map.serialize_entry("tls", &session.is_tls)?;
            let names = [("user", &session.user), ("database", &session.database), ("plugin", &session.plugin)];
            for (key, name) in names {
                if let Some(name) = name {
                    map.serialize_entry(key, &Text(name))?;
                }
            }
        }
        if let Some(command) = self.command {
            map.serialize_entry("command", command.name())?;
            if command.has_text() {
                map.serialize_entry("statement", &Text(&self.text))?;
            }
        }
        about(&mut map, &self.answer)?;
        map.end()
    }
}

fn about<M: SerializeMap>(map: &mut M, answer: &Answer) -> Result<(), M::Error> {
    if answer.is_ok {
        map.serialize_entry("ok", &true)?;
    }
    if let Some(affected) = answer.affected {
        map.serialize_entry("affected_rows", &affected)?;
    }
    if answer.columns > 0 {
        map.serialize_entry("columns", &answer.columns)?;
        map.serialize_entry("rows", &answer.rows)?;
    }
    if let Some((name, sent)) = &answer.file {
        map.serialize_entry("local_infile", &Text(name))?;
        map.serialize_entry("local_infile_bytes", sent)?;
    }
    if let Some((code, state, text)) = &answer.error {
        map.serialize_entry("error_code", code)?;
        map.serialize_entry("sql_state", &Text(state))?;
        map.serialize_entry("error_message", &Text(text))?;
    }
    Ok(())
}
