//! EVE's `nfs`, and `rpc` beside it.

use super::rpc::Heading;
use super::transaction::{Details, NfsTransaction};
use super::{compound, procedures};
use crate::json;
use crate::protocols::text::Text;
use crate::protocols::{Record, Transaction};
use serde::Serialize;
use serde::ser::SerializeMap;

/// A transaction for EVE.
#[derive(Debug)]
pub struct NfsRecord {
    id: u64,
    call: Heading,
    name: Vec<u8>,
    hash: Option<u32>,
    reply: Option<(bool, Option<u32>)>,
    rename: Option<(Vec<u8>, Vec<u8>)>,
    /// Read or written: whether read, and how much was seen.
    chunks: Option<(bool, Chunks)>,
}

/// `read` and `write`.
#[derive(Clone, Copy, Debug, Serialize)]
struct Chunks {
    first: bool,
    last: bool,
    last_xid: u32,
    chunks: u32,
}

#[derive(Serialize)]
struct Rename<'a> {
    from: Text<'a>,
    to: Text<'a>,
}

#[derive(Serialize)]
struct Rpc<'a> {
    xid: u32,
    status: &'static str,
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    creds: Option<Creds<'a>>,
}

#[derive(Serialize)]
struct Creds<'a> {
    machine_name: Text<'a>,
    uid: u32,
    gid: u32,
}

impl NfsRecord {
    /// Of a transaction.
    #[must_use]
    pub fn new(transaction: &NfsTransaction) -> Self {
        let (mut rename, mut chunks) = (None, None);
        match &transaction.details {
            Details::Other => {}
            Details::Rename { from, to } => rename = Some((from.clone(), to.clone())),
            Details::File(file) => {
                let (first, last) = (file.first, file.last);
                chunks = Some((file.read, Chunks { first, last, last_xid: file.last_xid, chunks: file.chunks }));
            }
        }
        Self {
            id: transaction.state_ref().id,
            call: transaction.call.clone(),
            name: transaction.name.clone(),
            hash: transaction.handle.as_ref().map(super::Handle::hash),
            reply: transaction.reply,
            rename,
            chunks,
        }
    }
}

impl Record for NfsRecord {
    fn kind(&self) -> &'static str {
        "nfs"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }

    fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let rpc = Rpc {
            xid: self.call.xid,
            status: match self.reply {
                Some((true, _)) => "ACCEPTED",
                Some((false, _)) => "DENIED",
                None => "UNKNOWN",
            },
            auth_type: match self.call.flavor {
                0 => "NULL",
                1 => "UNIX",
                6 => "RPCSEC_GSS",
                _ => "UNKNOWN",
            },
            creds: self.call.credentials.as_ref().map(|who| Creds {
                machine_name: Text(&who.machine),
                uid: who.uid,
                gid: who.gid,
            }),
        };
        json::key(out, "rpc");
        json::write(out, &rpc)
    }
}

impl Serialize for NfsRecord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &self.call.version)?;
        let Heading { version, procedure, .. } = self.call;
        let name = if version == 4 { compound::name(procedure) } else { procedures::name(version, procedure) };
        match name {
            Some(name) => map.serialize_entry("procedure", name)?,
            None => map.serialize_entry("procedure", &format_args!("{procedure}"))?,
        }
        map.serialize_entry("filename", &Text(&self.name))?;
        if let Some(hash) = self.hash {
            map.serialize_entry("hhash", &format_args!("{hash:08x}"))?;
        }
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("file_tx", &self.chunks.is_some())?;
        map.serialize_entry("type", if self.reply.is_some() { "response" } else { "request" })?;
        if let Some((_, Some(code))) = self.reply {
            match procedures::status(code) {
                Some(name) => map.serialize_entry("status", name)?,
                None => map.serialize_entry("status", &format_args!("ERR_{code}"))?,
            }
        }
        if let Some((from, to)) = &self.rename {
            map.serialize_entry("rename", &Rename { from: Text(from), to: Text(to) })?;
        }
        if let Some((read, chunks)) = &self.chunks {
            map.serialize_entry(if *read { "read" } else { "write" }, chunks)?;
        }
        map.end()
    }
}
