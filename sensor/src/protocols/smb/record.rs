//! EVE's `smb`.

use super::names::{control, disposition, smb1_command, smb2_command};
use super::ntlmssp::Ntlmssp;
use super::status::Status;
use super::transaction::{Details, FileId, Opened, SmbTransaction};
use crate::json;
use crate::protocols::dcerpc::DcerpcRecord;
use crate::protocols::krb5::Ticket;
use crate::protocols::text::Text;
use crate::protocols::{Record, Transaction};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A transaction for EVE.
#[derive(Debug)]
pub struct SmbRecord {
    id: u64,
    dialect: String,
    command: &'static str,
    status: Option<Status>,
    session: u64,
    tree: u32,
    smb1: bool,
    about: About,
}

/// What of a transaction's details is told.
#[derive(Debug)]
enum About {
    Other,
    Negotiate { dialects: Vec<Vec<u8>>, guids: [Option<FileId>; 2], limits: Option<(u32, u32)> },
    SessionSetup { ntlmssp: Option<Ntlmssp>, kerberos: Option<Ticket>, native: [Option<(Vec<u8>, Vec<u8>)>; 2] },
    TreeConnect { name: Vec<u8>, pipe: bool, share_type: Option<u8>, service: [Option<Vec<u8>>; 2] },
    Create { name: Vec<u8>, disposition: u32, delete: bool, directory: bool, opened: Option<Opened> },
    Rename { from: Vec<u8>, to: Vec<u8> },
    Dispose { name: Vec<u8>, delete: bool, id: FileId },
    Control(u32),
    File { name: Vec<u8>, share: Vec<u8>, id: FileId },
    Call(DcerpcRecord),
}

impl SmbRecord {
    /// Of a transaction.
    #[must_use]
    pub fn new(transaction: &SmbTransaction) -> Self {
        let header = &transaction.header;
        let command = if header.smb1 { smb1_command(header.command as u8) } else { smb2_command(header.command) };
        let about = match &transaction.details {
            Details::Other => About::Other,
            Details::Negotiate { dialects, client_guid, server_guid, limits } => {
                About::Negotiate { dialects: dialects.clone(), guids: [*client_guid, *server_guid], limits: *limits }
            }
            Details::SessionSetup { ntlmssp, kerberos, native } => {
                About::SessionSetup { ntlmssp: ntlmssp.clone(), kerberos: kerberos.clone(), native: native.clone() }
            }
            Details::TreeConnect { name, pipe, share_type, service } => About::TreeConnect {
                name: name.clone(),
                pipe: *pipe,
                share_type: *share_type,
                service: service.clone(),
            },
            Details::Create { name, disposition, delete_on_close, directory, opened } => About::Create {
                name: name.clone(),
                disposition: *disposition,
                delete: *delete_on_close,
                directory: *directory,
                opened: opened.clone(),
            },
            Details::Rename { from, to } => About::Rename { from: from.clone(), to: to.clone() },
            Details::Dispose { name, delete, id } => About::Dispose { name: name.clone(), delete: *delete, id: *id },
            Details::Control { function } => About::Control(*function),
            Details::File(transfer) => About::File {
                name: transfer.pieces.tracker.name().to_vec(),
                share: transaction.share.clone(),
                id: transfer.id,
            },
            Details::Call(_, call) => About::Call(DcerpcRecord::piped(call)),
        };
        Self {
            id: transaction.state_ref().id + 1,
            dialect: transaction.dialect.clone(),
            command,
            status: transaction.status,
            session: header.session,
            tree: header.tree,
            smb1: header.smb1,
            about,
        }
    }
}

impl Record for SmbRecord {
    fn kind(&self) -> &'static str {
        "smb"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

#[derive(Serialize)]
struct Ntlm<'a> {
    domain: Text<'a>,
    user: Text<'a>,
    host: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Serialize)]
struct Kerberos<'a> {
    realm: Text<'a>,
    snames: Vec<Text<'a>>,
}

#[derive(Serialize)]
struct Native<'a> {
    native_os: Text<'a>,
    native_lm: Text<'a>,
}

#[derive(Serialize)]
struct Service<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Rename<'a> {
    from: Text<'a>,
    to: Text<'a>,
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SmbRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("dialect", &self.dialect)?;
        map.serialize_entry("command", self.command)?;
        if let Some(status) = self.status {
            map.serialize_entry("status", status.name().unwrap_or("UNKNOWN"))?;
            map.serialize_entry("status_code", &status.code())?;
        }
        map.serialize_entry("session_id", &self.session)?;
        map.serialize_entry("tree_id", &self.tree)?;
        self.about.write(&mut map, self.smb1)?;
        map.end()
    }
}

impl About {
    fn write<M: SerializeMap>(&self, map: &mut M, smb1: bool) -> Result<(), M::Error> {
        match self {
            Self::Other => Ok(()),
            Self::Negotiate { dialects, guids, limits } => {
                let names: Vec<_> = dialects.iter().map(|name| Text(name)).collect();
                map.serialize_entry("client_dialects", &names)?;
                for (key, guid) in [("client_guid", guids[0]), ("server_guid", guids[1])] {
                    if let Some(guid) = guid {
                        map.serialize_entry(key, &guid)?;
                    }
                }
                if let Some((read, write)) = limits {
                    map.serialize_entry("max_read_size", read)?;
                    map.serialize_entry("max_write_size", write)?;
                }
                Ok(())
            }
            Self::SessionSetup { ntlmssp, kerberos, native } => {
                if let Some(Ticket { realm, name }) = kerberos {
                    let snames = name.0.iter().map(|part| Text(part)).collect();
                    map.serialize_entry("kerberos", &Kerberos { realm: Text(realm), snames })?;
                }
                session_setup(map, ntlmssp.as_ref(), native)
            }
            Self::TreeConnect { name, pipe, share_type, service } => {
                map.serialize_entry(if *pipe { "named_pipe" } else { "share" }, &Text(name))?;
                if let Some(kind) = share_type {
                    let name = ["UNKNOWN", "FILE", "PIPE", "PRINT"].get(usize::from(*kind)).unwrap_or(&"UNKNOWN");
                    map.serialize_entry("share_type", name)?;
                }
                if smb1 {
                    let [request, response] = [0, 1].map(|i| service[i].as_deref().map(Text));
                    map.serialize_entry("service", &Service { request, response })?;
                }
                Ok(())
            }
            Self::Create { name, disposition: how, delete, directory, opened } => {
                let name = if name.is_empty() { &b"<share_root>"[..] } else { name };
                map.serialize_entry(if *directory { "directory" } else { "filename" }, &Text(name))?;
                map.serialize_entry("disposition", disposition(*how))?;
                map.serialize_entry("access", access(*delete))?;
                if let Some(opened) = opened {
                    for (key, time) in ["created", "accessed", "modified", "changed"].into_iter().zip(opened.times) {
                        map.serialize_entry(key, &time)?;
                    }
                    map.serialize_entry("size", &opened.size)?;
                    map.serialize_entry("fuid", &opened.id)?;
                }
                Ok(())
            }
            Self::Rename { from, to } => map.serialize_entry("rename", &Rename { from: Text(from), to: Text(to) }),
            Self::Dispose { name, delete, id } => {
                map.serialize_entry("filename", &Text(name))?;
                map.serialize_entry("access", access(*delete))?;
                map.serialize_entry("fuid", id)
            }
            Self::Control(function) => match control(*function) {
                Some(name) => map.serialize_entry("function", name),
                None => map.serialize_entry("function", &format_args!("0x{function:08x}")),
            },
            Self::File { name, share, id } => {
                map.serialize_entry("filename", &Text(name))?;
                map.serialize_entry("share", &Text(share))?;
                map.serialize_entry("fuid", id)
            }
            Self::Call(call) => map.serialize_entry("dcerpc", call),
        }
    }
}

fn access(delete: bool) -> &'static str {
    if delete { "delete on close" } else { "normal" }
}

fn session_setup<M: SerializeMap>(
    map: &mut M,
    ntlmssp: Option<&Ntlmssp>,
    native: &[Option<(Vec<u8>, Vec<u8>)>; 2],
) -> Result<(), M::Error> {
    if let Some(who) = ntlmssp {
        let version = who.version.map(|(major, minor, build, rev)| format!("{major}.{minor} build {build} rev {rev}"));
        let ntlm = Ntlm { domain: Text(&who.domain), user: Text(&who.user), host: Text(&who.host), version };
        map.serialize_entry("ntlmssp", &ntlm)?;
    }
    for (key, names) in ["request", "response"].into_iter().zip(native) {
        if let Some((system, manager)) = names {
            map.serialize_entry(key, &Native { native_os: Text(system), native_lm: Text(manager) })?;
        }
    }
    Ok(())
}
