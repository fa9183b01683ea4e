//! Application protocols that rules name: in their headers, in `app-layer-protocol`, and through the buffers that they look at.

use std::fmt;

macro_rules! protocols {
    ($($variant:ident: $name:literal, $($other:literal),* ; )*) => {
        /// An application protocol, as Suricata 8 tells them apart; of SOCKS, S7comm, IEC 104, LLMNR and MySQL it does not know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Protocol { $($variant),* }

        impl Protocol {
            /// All, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that rules and EVE's `app_proto` use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn other_names(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($other),*]),* }
            }
        }
    };
}

protocols! {
    Http1: "http", "http1";
    Http2: "http2", ;
    Doh2: "doh2", ;
    Dns: "dns", ;
    Mdns: "mdns", ;
    Llmnr: "llmnr", ;
    Tls: "tls", "ssl";
    Dtls: "dtls", ;
    Quic: "quic", ;
    Smtp: "smtp", ;
    Imap: "imap", ;
    Pop3: "pop3", ;
    Ftp: "ftp", ;
    FtpData: "ftp-data", ;
    Tftp: "tftp", ;
    Nfs: "nfs", ;
    Smb: "smb", ;
    Dcerpc: "dcerpc", ;
    Krb5: "krb5", ;
    Ldap: "ldap", ;
    Rdp: "rdp", ;
    Rfb: "rfb", ;
    Telnet: "telnet", ;
    Ssh: "ssh", ;
    Sip: "sip", ;
    Snmp: "snmp", ;
    Ntp: "ntp", ;
    Dhcp: "dhcp", ;
    Ike: "ike", "ikev2";
    Mqtt: "mqtt", ;
    Pgsql: "pgsql", ;
    Mysql: "mysql", ;
    Websocket: "websocket", ;
    BittorrentDht: "bittorrent-dht", ;
    Modbus: "modbus", ;
    Dnp3: "dnp3", ;
    Enip: "enip", ;
    S7comm: "s7comm", ;
    Iec104: "iec104", ;
    Irc: "irc", ;
    Jabber: "jabber", ;
    Msn: "msn", ;
    Nntp: "nntp", ;
    Socks: "socks", ;
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Protocols that the engine reads. Rules about others are checked and left out.
pub const BUILT: Protocols = Protocols::of(&[
    Protocol::Http1,
    Protocol::Dns,
    Protocol::Mdns,
    Protocol::Tls,
    Protocol::Dtls,
    Protocol::Dcerpc,
    Protocol::Ssh,
    Protocol::Sip,
    Protocol::Quic,
    Protocol::Smtp,
    Protocol::Ldap,
    Protocol::Smb,
    Protocol::Ftp,
    Protocol::FtpData,
    Protocol::Pop3,
    Protocol::Imap,
    Protocol::Tftp,
    Protocol::Telnet,
    Protocol::Socks,
    Protocol::Http2,
    Protocol::Doh2,
    Protocol::Websocket,
    Protocol::Snmp,
    Protocol::Rfb,
    Protocol::Mqtt,
    Protocol::Ike,
    Protocol::Ntp,
    Protocol::Dhcp,
    Protocol::BittorrentDht,
    Protocol::Krb5,
    Protocol::Nfs,
    Protocol::Modbus,
    Protocol::Dnp3,
    Protocol::Enip,
    Protocol::S7comm,
    Protocol::Iec104,
    Protocol::Rdp,
    Protocol::Pgsql,
    Protocol::Mysql,
    Protocol::Llmnr,
]);

/// A set of application protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Protocols(u64);

#[expect(missing_docs, reason = "the names say it")]
impl Protocols {
    pub const NONE: Self = Self(0);
    /// `http` in a rule: HTTP/1 and HTTP/2 alike.
    pub const HTTP: Self = Self::of(&[Protocol::Http1, Protocol::Http2, Protocol::Doh2]);
    pub const HTTP1: Self = Self::of(&[Protocol::Http1]);
    pub const HTTP2: Self = Self::of(&[Protocol::Http2, Protocol::Doh2]);
    pub const DNS: Self = Self::of(&[Protocol::Dns, Protocol::Doh2]);
    pub const MDNS: Self = Self::of(&[Protocol::Mdns]);
    /// What has the buffers of TLS. In a rule, `tls` is TLS over TCP alone, as it is to Suricata, and `dtls` the other.
    pub const TLS: Self = Self::of(&[Protocol::Tls, Protocol::Dtls]);
    pub const QUIC: Self = Self::of(&[Protocol::Quic]);
    pub const TLS_OR_QUIC: Self = Self::of(&[Protocol::Tls, Protocol::Dtls, Protocol::Quic]);
    pub const SMTP: Self = Self::of(&[Protocol::Smtp]);
    /// Those that carry mails.
    pub const MAIL: Self = Self::of(&[Protocol::Smtp, Protocol::Pop3, Protocol::Imap]);
    pub const FTP: Self = Self::of(&[Protocol::Ftp]);
    pub const FTP_DATA: Self = Self::of(&[Protocol::FtpData, Protocol::Pop3, Protocol::Imap]);
    pub const TFTP: Self = Self::of(&[Protocol::Tftp]);
    pub const NFS: Self = Self::of(&[Protocol::Nfs]);
    pub const SMB: Self = Self::of(&[Protocol::Smb]);
    pub const DCERPC_OR_SMB: Self = Self::of(&[Protocol::Dcerpc, Protocol::Smb]);
    pub const KRB5: Self = Self::of(&[Protocol::Krb5]);
    pub const LDAP: Self = Self::of(&[Protocol::Ldap]);
    pub const RFB: Self = Self::of(&[Protocol::Rfb]);
    pub const SSH: Self = Self::of(&[Protocol::Ssh]);
    pub const SIP: Self = Self::of(&[Protocol::Sip]);
    pub const SNMP: Self = Self::of(&[Protocol::Snmp]);
    pub const NTP: Self = Self::of(&[Protocol::Ntp]);
    pub const DHCP: Self = Self::of(&[Protocol::Dhcp]);
    pub const IKE: Self = Self::of(&[Protocol::Ike]);
    pub const MQTT: Self = Self::of(&[Protocol::Mqtt]);
    pub const MYSQL: Self = Self::of(&[Protocol::Mysql]);
    pub const LLMNR: Self = Self::of(&[Protocol::Llmnr]);
    pub const PGSQL: Self = Self::of(&[Protocol::Pgsql]);
    pub const WEBSOCKET: Self = Self::of(&[Protocol::Websocket]);
    pub const MODBUS: Self = Self::of(&[Protocol::Modbus]);
    pub const DNP3: Self = Self::of(&[Protocol::Dnp3]);
    pub const ENIP: Self = Self::of(&[Protocol::Enip]);
    pub const S7COMM: Self = Self::of(&[Protocol::S7comm]);
    pub const IEC104: Self = Self::of(&[Protocol::Iec104]);
    /// Those that carry files.
    pub const FILES: Self = Self::of(&[
        Protocol::Http1,
        Protocol::Http2,
        Protocol::Doh2,
        Protocol::Smtp,
        Protocol::Imap,
        Protocol::Pop3,
        Protocol::FtpData,
        Protocol::Smb,
        Protocol::Nfs,
        Protocol::Tftp,
    ]);

    /// The set of these.
    #[must_use]
    pub const fn of(protocols: &[Protocol]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < protocols.len() {
            bits |= 1 << protocols[i] as u64;
            i += 1;
        }
        Self(bits)
    }

    /// The set that a rule's header names; none if the name is not known.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"http" => return Some(Self::HTTP),
            b"http1" => return Some(Self::HTTP1),
            b"http2" => return Some(Self::HTTP2),
            b"dns" => return Some(Self::DNS),
            // Calls in SMB's named pipes are calls all the same.
            b"dcerpc" => return Some(Self::DCERPC_OR_SMB),
            _ => {}
        }
        Protocol::from_name(name).map(|p| Self::of(&[p]))
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn contains(self, protocol: Protocol) -> bool {
        self.0 & 1 << protocol as u64 != 0
    }

    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.iter().copied().filter(move |p| self.contains(*p))
    }
}

impl Protocol {
    /// The protocol of this name, or other name.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let named = |p: &&Self| p.name().as_bytes() == name || p.other_names().iter().any(|n| n.as_bytes() == name);
        Self::ALL.iter().find(named).copied()
    }

    /// All names by which rules may call protocols.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().flat_map(|p| std::iter::once(p.name()).chain(p.other_names().iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for &protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.name().as_bytes()), Some(protocol));
            assert!(Protocols::of(&[protocol]).contains(protocol));
        }
        assert!(Protocol::ALL.len() <= 64);
        assert_eq!(Protocols::from_name(b"ssl"), Some(Protocols::of(&[Protocol::Tls])));
        assert!(Protocols::from_name(b"http").is_some_and(|p| p.contains(Protocol::Http2)));
        assert_eq!(Protocols::from_name(b"htp"), None);
    }
}
