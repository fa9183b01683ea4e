//! EVE's `tls`, with the fields of Suricata's extended log.

use super::certificate::Leaf;
use super::fingerprint::{Carrier, Ja3};
use super::hello::Hello;
use super::version::Version;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use jiff::Timestamp;
use sekisho_signatures::app::Protocol;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A handshake for EVE. Fingerprints are made as it is written, off the packet path.
#[derive(Debug)]
pub struct TlsRecord {
    pub(super) client: Option<Hello>,
    pub(super) server: Option<Hello>,
    pub(super) certificate: Option<Leaf>,
    pub(super) client_certificate: Option<Leaf>,
    pub(super) version: Version,
    pub(super) resumed: bool,
    pub(super) carrier: Carrier,
    pub(super) before: Option<Protocol>,
}

impl Record for TlsRecord {
    fn kind(&self) -> &'static str {
        "tls"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for TlsRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(leaf) = &self.certificate {
            certificate(&mut map, leaf)?;
        }
        if let Some(before) = self.before {
            map.serialize_entry("from_proto", before.name())?;
        }
        if self.resumed {
            map.serialize_entry("session_resumed", &true)?;
        }
        if let Some(sni) = self.client.as_ref().and_then(Hello::sni) {
            map.serialize_entry("sni", &Text(sni))?;
        }
        map.serialize_entry("version", &format_args!("{}", self.version))?;
        if let Some(ja3) = self.client.as_ref().and_then(|hello| hello.ja3(true)) {
            map.serialize_entry("ja3", &Fingerprint(ja3))?;
        }
        if let Some(ja3s) = self.server.as_ref().and_then(|hello| hello.ja3(false)) {
            map.serialize_entry("ja3s", &Fingerprint(ja3s))?;
        }
        if let Some(ja4) = self.client.as_ref().and_then(|hello| hello.ja4(self.carrier)) {
            map.serialize_entry("ja4", &Text(&ja4.0))?;
        }
        for (key, hello) in [("client_alpns", &self.client), ("server_alpns", &self.server)] {
            if let Some(hello) = hello.as_ref().filter(|hello| hello.alpns().next().is_some()) {
                map.serialize_entry(key, &Alpns(hello))?;
            }
        }
        if let Some(leaf) = &self.client_certificate {
            map.serialize_entry("client", &Client(leaf))?;
        }
        map.end()
    }
}

fn certificate<M: SerializeMap>(map: &mut M, leaf: &Leaf) -> Result<(), M::Error> {
    map.serialize_entry("subject", &Text(leaf.subject()))?;
    map.serialize_entry("issuerdn", &Text(leaf.issuer()))?;
    map.serialize_entry("serial", &Text(leaf.serial()))?;
    map.serialize_entry("fingerprint", &Text(leaf.fingerprint()))?;
    map.serialize_entry("notbefore", &Date(leaf.not_before))?;
    map.serialize_entry("notafter", &Date(leaf.not_after))?;
    if leaf.alternative_names().len() > 0 {
        map.serialize_entry("subjectaltname", &Names(leaf))?;
    }
    Ok(())
}

struct Client<'a>(&'a Leaf);

impl Serialize for Client<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        certificate(&mut map, self.0)?;
        map.end()
    }
}

struct Names<'a>(&'a Leaf);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.alternative_names().map(Text))
    }
}

struct Alpns<'a>(&'a Hello);

impl Serialize for Alpns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.alpns().map(Text))
    }
}

/// A JA3 for EVE.
pub(in crate::protocols) struct Fingerprint<'a>(pub &'a Ja3);

impl Serialize for Fingerprint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("hash", &Text(&self.0.hash))?;
        map.serialize_entry("string", &self.0.string)?;
        map.end()
    }
}

/// Seconds since 1970 as `2015-01-31T02:18:29`, in UTC.
struct Date(i64);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A year after 9999 cannot be written in a certificate.
        let date = Timestamp::from_second(self.0).unwrap_or_default();
        serializer.collect_str(&date.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}
