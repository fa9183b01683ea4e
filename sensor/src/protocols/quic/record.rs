//! EVE's `quic`.

use super::transaction::Cyu;
use super::version::Version;
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use crate::protocols::text::Text;
use crate::protocols::tls::{self, Carrier, Fingerprint, Hello, extension, is_grease};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// A packet for EVE. Fingerprints are made as it is written, off the packet path.
#[derive(Debug)]
pub struct QuicRecord {
    pub(super) direction: Direction,
    pub(super) version: Version,
    pub(super) sni: Option<Vec<u8>>,
    pub(super) user_agent: Option<Vec<u8>>,
    pub(super) cyu: Option<Cyu>,
    pub(super) hello: Option<Arc<Hello>>,
}

impl Record for QuicRecord {
    fn kind(&self) -> &'static str {
        "quic"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for QuicRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let to_server = self.direction == Direction::ToServer;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &format_args!("{}", self.version))?;
        for (key, value) in [("sni", &self.sni), ("ua", &self.user_agent)] {
            if let Some(value) = value {
                map.serialize_entry(key, &Text(value))?;
            }
        }
        if let Some(cyu) = &self.cyu {
            map.serialize_entry("cyu", &[Cyus { hash: &cyu.hash, string: &cyu.string }])?;
        }
        if let Some(hello) = &self.hello {
            if let Some(ja3) = hello.ja3(to_server) {
                map.serialize_entry(if to_server { "ja3" } else { "ja3s" }, &Fingerprint(ja3))?;
            }
            if let Some(ja4) = hello.ja4(Carrier::Quic).filter(|_| to_server) {
                map.serialize_entry("ja4", &Text(&ja4.0))?;
            }
            if hello.extensions().any(|kind| !is_grease(kind)) {
                map.serialize_entry("extensions", &Extensions(hello))?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Cyus<'a> {
    hash: &'a str,
    string: &'a str,
}

struct Extensions<'a>(&'a Hello);

impl Serialize for Extensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for kind in self.0.extensions().filter(|kind| !is_grease(*kind)) {
            list.serialize_element(&Extension { hello: self.0, kind })?;
        }
        list.end()
    }
}

struct Extension<'a> {
    hello: &'a Hello,
    kind: u16,
}

impl Serialize for Extension<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = name(self.kind) {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("type", &self.kind)?;
        let values = Values(self);
        if values.any() {
            map.serialize_entry("values", &values)?;
        }
        map.end()
    }
}

/// What is in an extension, where that is a list of names or numbers.
struct Values<'a>(&'a Extension<'a>);

impl Values<'_> {
    fn any(&self) -> bool {
        let hello = self.0.hello;
        match self.0.kind {
            extension::SERVER_NAME => hello.sni().is_some(),
            extension::ALPN => hello.alpns().next().is_some(),
            extension::SIGNATURE_ALGORITHMS => hello.signature_algorithms().any(|value| !is_grease(value)),
            extension::SUPPORTED_VERSIONS => hello.versions().next().is_some(),
            _ => false,
        }
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hello = self.0.hello;
        match self.0.kind {
            extension::SERVER_NAME => serializer.collect_seq(hello.sni().map(Text)),
            extension::ALPN => serializer.collect_seq(hello.alpns().map(Text)),
            extension::SIGNATURE_ALGORITHMS => {
                let values = hello.signature_algorithms().filter(|value| !is_grease(*value));
                serializer.collect_seq(values.map(|value| value.to_string()))
            }
            _ => serializer.collect_seq(hello.versions().map(tls_version)),
        }
    }
}

/// As Suricata writes versions here.
fn tls_version(version: tls::Version) -> String {
    match version.0 {
        0x0300 => "Ssl30".to_owned(),
        0x0301 => "Tls10".to_owned(),
        0x0302 => "Tls11".to_owned(),
        0x0303 => "Tls12".to_owned(),
        0x0304 => "Tls13".to_owned(),
        draft @ 0x7f12..=0x7f17 => format!("Tls13Draft{}", draft & 0xff),
        other => format!("TlsVersion({other} / 0x{other:x})"),
    }
}

/// Names of extensions (IANA, "TLS ExtensionType Values").
fn name(kind: u16) -> Option<&'static str> {
    const FIRST: [&str; 35] = [
        "server_name",
        "max_fragment_length",
        "client_certificate_url",
        "trusted_ca_keys",
        "truncated_hmac",
        "status_request",
        "user_mapping",
        "client_authz",
        "server_authz",
        "cert_type",
        "supported_groups",
        "ec_point_formats",
        "srp",
        "signature_algorithms",
        "use_srtp",
        "heartbeat",
        "alpn",
        "status_request_v2",
        "signed_certificate_timestamp",
        "client_certificate_type",
        "server_certificate_type",
        "padding",
        "encrypt_then_mac",
        "extended_master_secret",
        "token_binding",
        "cached_info",
        "tls_lts",
        "compress_certificate",
        "record_size_limit",
        "pwd_protect",
        "pwd_clear",
        "password_salt",
        "ticket_pinning",
        "tls_cert_with_extern_psk",
        "delegated_credentials",
    ];
    const SECOND: [&str; 24] = [
        "session_ticket",
        "TLMSP",
        "TLMSP_proxying",
        "TLMSP_delegate",
        "supported_ekt_ciphers",
        "",
        "pre_shared_key",
        "early_data",
        "supported_versions",
        "cookie",
        "psk_key_exchange_modes",
        "",
        "certificate_authorities",
        "oid_filters",
        "post_handshake_auth",
        "signature_algorithms_cert",
        "key_share",
        "transparency_info",
        "connection_id_deprecated",
        "connection_id",
        "external_id_hash",
        "external_session_id",
        "quic_transport_parameters",
        "ticket_request",
    ];
    match kind {
        65281 => Some("renegotiation_info"),
        0..=34 => FIRST.get(usize::from(kind)).copied(),
        _ => SECOND.get(usize::from(kind) - 35).copied().filter(|name| !name.is_empty()),
    }
}
