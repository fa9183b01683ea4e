//! Certificates that rules have stored with `tls.store`: the chain of one side as PEM, and beside it where it was seen first.
//!
//! A chain lies in the folder `certs` of the store of files, once, as `SHA-256.pem`, named by its first certificate; `SHA-256.meta`
//! says who showed it to whom, and what is said of it, in the lines that Suricata's `tls-store` writes.

use super::eve::text::{Clock, addr_text};
use crate::detect::dataset::load::base64;
use crate::event::PacketSummary;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of one line of PEM (RFC 7468, section 2).
const LINE: usize = 64;

/// A chain, and where it was seen.
#[derive(Debug)]
pub struct StoredChain {
    /// The certificates in DER, that of the side itself first.
    pub certificates: Vec<Box<[u8]>>,
    /// The packet that completed it.
    pub packet: PacketSummary,
    /// Of the first one.
    pub subject: Box<[u8]>,
    /// Of the first one.
    pub issuer: Box<[u8]>,
    /// Its SHA-1, in pairs of digits with colons between them.
    pub fingerprint: Box<[u8]>,
}

impl StoredChain {
    /// Bytes of all certificates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.certificates.iter().map(|der| der.len()).sum()
    }

    /// There is no certificate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The SHA-256 of the first certificate.
    #[must_use]
    pub fn name(&self) -> String {
        let first = self.certificates.first().map_or(&[][..], |der| der);
        Sha256::digest(first).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// All of them as text.
    #[must_use]
    pub fn pem(&self) -> String {
        let mut out = String::new();
        let mut coded = String::new();
        for der in &self.certificates {
            coded.clear();
            base64(der, &mut coded);
            out.push_str("-----BEGIN CERTIFICATE-----\n");
            let mut rest = coded.as_str();
            while !rest.is_empty() {
                let (line, behind) = rest.split_at(rest.len().min(LINE));
                out.push_str(line);
                out.push('\n');
                rest = behind;
            }
            out.push_str("-----END CERTIFICATE-----\n");
        }
        out
    }

    /// Where it was seen.
    #[must_use]
    pub fn meta(&self, clock: &mut Clock) -> String {
        let PacketSummary { ts, src, dst, src_port, dst_port, proto, ip_version, .. } = self.packet;
        let [subject, issuer, fingerprint] =
            [&self.subject, &self.issuer, &self.fingerprint].map(|text| String::from_utf8_lossy(text));
        let mut out = String::new();
        for (name, value) in [
            ("TIME", clock.text(ts).as_str().to_owned()),
            ("SRC IP", addr_text(src, ip_version).as_str().to_owned()),
            ("DST IP", addr_text(dst, ip_version).as_str().to_owned()),
            ("PROTO", proto.0.to_string()),
            ("SRC PORT", src_port.to_string()),
            ("DST PORT", dst_port.to_string()),
            ("TLS SUBJECT", subject.into_owned()),
            ("TLS ISSUERDN", issuer.into_owned()),
            ("TLS FINGERPRINT", fingerprint.into_owned()),
        ] {
            let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{:<19}{value}", format!("{name}:"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PacketSource;
    use crate::packet::{Addr, IpProto, Vlans};
    use crate::time::Timestamp;

    fn chain() -> StoredChain {
        let packet = PacketSummary {
            ts: Timestamp(1_767_225_600_000_001_000),
            frame_number: 3,
            interface: 0,
            ip_version: 4,
            src: Addr::from(std::net::IpAddr::from([10, 0, 0, 5])),
            dst: Addr::from(std::net::IpAddr::from([203, 0, 113, 9])),
            src_port: 443,
            dst_port: 40000,
            proto: IpProto::TCP,
            icmp: None,
            ethertype: 0x0800,
            vlans: Vlans::default(),
            tunnel_depth: 0,
            source: PacketSource::Wire,
        };
        let certificates = vec![Box::from(&b"abc"[..]), Box::from(vec![0; 60])];
        let [subject, issuer] = [&b"CN=a\nb"[..], b"CN=c"].map(Box::from);
        StoredChain { certificates, packet, subject, issuer, fingerprint: Box::from(&b"aa:bb"[..]) }
    }

    #[test]
    fn a_chain_is_written_as_pem() {
        let a = "A".repeat(64);
        let begin = "-----BEGIN CERTIFICATE-----\n";
        let end = "-----END CERTIFICATE-----\n";
        assert_eq!(chain().pem(), format!("{begin}YWJj\n{end}{begin}{a}\n{}\n{end}", "A".repeat(16)));
        assert!(chain().name().starts_with("ba7816bf8f01cfea"), "{}", chain().name());
        assert_eq!((chain().len(), chain().is_empty()), (63, false));
    }

    #[test]
    fn where_it_was_seen_stands_beside_it() {
        let meta = chain().meta(&mut Clock::new(jiff::tz::TimeZone::UTC));
        let lines: Vec<&str> = meta.lines().collect();
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[0], "TIME:              2026-01-01T00:00:00.000001+0000");
        assert_eq!(lines[2], "DST IP:            203.0.113.9");
        assert_eq!(lines[6], "TLS SUBJECT:       CN=a b");
        assert_eq!(lines[8], "TLS FINGERPRINT:   aa:bb");
    }
}
