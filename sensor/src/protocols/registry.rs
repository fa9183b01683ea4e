//! The protocols that are read: how each is recognised, and who reads it.

use super::Parser;
use super::bittorrent::{self, DhtParser};
use super::dcerpc::{self, DcerpcDatagramParser, DcerpcParser};
use super::dhcp::{self, DhcpParser};
use super::dnp3::{self, Dnp3Parser};
use super::dns::{self, DnsParser};
use super::enip::{self, EnipParser};
use super::ftp::{self, FtpParser};
use super::ftp_data::FtpDataParser;
use super::http::{self, HttpConfig, HttpParser};
use super::http2::{self, Http2Parser};
use super::iec104::{self, Iec104Parser};
use super::ike::{self, IkeParser};
use super::imap::{self, ImapParser};
use super::krb5::{self, Krb5Parser};
use super::ldap::{self, LdapParser};
use super::modbus::{self, ModbusParser};
use super::mqtt::{self, MqttParser};
use super::mysql::{self, MysqlParser};
use super::nfs::{self, NfsParser};
use super::ntp::{self, NtpParser};
use super::pgsql::{self, PgsqlParser};
use super::pop3::{self, Pop3Parser};
use super::quic::{self, QuicParser};
use super::rdp::{self, RdpParser};
use super::rfb::{self, RfbParser};
use super::s7comm::{self, S7commParser};
use super::sip::{self, SipParser};
use super::smb::{self, SmbParser};
use super::smtp::{self, SmtpParser};
use super::snmp::{self, SnmpParser};
use super::socks::{self, SocksParser};
use super::ssh::{self, SshParser};
use super::telnet::{self, TelnetParser};
use super::tftp::{self, TftpParser};
use super::tls::{self, DtlsParser, TlsParser};
use super::websocket::WebsocketParser;
use crate::packet::Direction;
use sekisho_signatures::app::Protocol;

/// How a protocol's bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// In order: TCP.
    Stream,
    /// As datagrams: UDP.
    Datagram,
}

/// What the first bytes of a direction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is this protocol.
    Is(Protocol),
    /// It is none that is known.
    Not,
    /// There are too few to tell.
    More,
}

/// What the first bytes of a direction are to one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It is this.
    Yes,
    /// It is not.
    No,
    /// More bytes are needed to tell.
    More,
}

/// A protocol that is read.
struct Entry {
    protocol: Protocol,
    transport: Transport,
    /// Server ports on which it is expected: elsewhere, protocols without a telling start are not looked for. Empty: any.
    ports: &'static [u16],
    probe: fn(Direction, &[u8]) -> Likeness,
    parser: fn() -> Box<dyn Parser>,
}

/// In the order in which they are tried: the most telling first.
static ENTRIES: &[Entry] = &[
    // Before HTTP, which has methods of the same name.
    Entry {
        protocol: Protocol::Sip,
        transport: Transport::Stream,
        ports: &[],
        probe: sip::probe,
        parser: || Box::new(SipParser::new(sip::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Sip,
        transport: Transport::Datagram,
        ports: &[],
        probe: sip::probe,
        parser: || Box::new(SipParser::new(sip::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Http2,
        transport: Transport::Stream,
        ports: &[],
        probe: http2::probe,
        parser: || Box::new(Http2Parser::new()),
    },
    Entry {
        protocol: Protocol::Http1,
        transport: Transport::Stream,
        ports: &[],
        probe: |direction, bytes| match http::probe(direction, bytes) {
            http::Probe::Certain => Likeness::Yes,
            http::Probe::Unsure => Likeness::More,
            http::Probe::NotForUs => Likeness::No,
        },
        parser: || Box::new(HttpParser::new(HttpConfig::default())),
    },
    Entry {
        protocol: Protocol::Websocket,
        transport: Transport::Stream,
        ports: &[],
        // Its frames do not tell: what HTTP changes to is named there.
        probe: |_, _| Likeness::No,
        parser: || Box::new(WebsocketParser::new()),
    },
    Entry {
        protocol: Protocol::Tls,
        transport: Transport::Stream,
        ports: &[],
        probe: tls::probe,
        parser: || Box::new(TlsParser::new()),
    },
    Entry {
        protocol: Protocol::Rdp,
        transport: Transport::Stream,
        ports: &[],
        probe: rdp::probe,
        parser: || Box::new(RdpParser::new()),
    },
    Entry {
        protocol: Protocol::Rdp,
        transport: Transport::Stream,
        ports: &[3389],
        probe: rdp::probe_on_port,
        parser: || Box::new(RdpParser::new()),
    },
    Entry {
        protocol: Protocol::Pgsql,
        transport: Transport::Stream,
        ports: &[],
        probe: pgsql::probe,
        parser: || Box::new(PgsqlParser::new()),
    },
    Entry {
        protocol: Protocol::Mysql,
        transport: Transport::Stream,
        ports: &[],
        probe: mysql::probe,
        parser: || Box::new(MysqlParser::new()),
    },
    Entry {
        protocol: Protocol::Smb,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, bytes| smb::probe(bytes),
        parser: || Box::new(SmbParser::new()),
    },
    Entry {
        protocol: Protocol::Smb,
        transport: Transport::Stream,
        ports: &[139],
        probe: |_, bytes| smb::probe_netbios(bytes),
        parser: || Box::new(SmbParser::new()),
    },
    Entry {
        protocol: Protocol::Dcerpc,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, bytes| dcerpc::probe_stream(bytes),
        parser: || Box::new(DcerpcParser::new()),
    },
    Entry {
        protocol: Protocol::Dcerpc,
        transport: Transport::Datagram,
        ports: &[],
        probe: |_, bytes| dcerpc::probe_datagram(bytes),
        parser: || Box::new(DcerpcDatagramParser::new()),
    },
    Entry {
        protocol: Protocol::Ssh,
        transport: Transport::Stream,
        ports: &[],
        probe: ssh::probe,
        parser: || Box::new(SshParser::new()),
    },
    Entry {
        protocol: Protocol::Quic,
        transport: Transport::Datagram,
        ports: &[],
        probe: quic::probe,
        parser: || Box::new(QuicParser::new()),
    },
    Entry {
        protocol: Protocol::Smtp,
        transport: Transport::Stream,
        ports: &[],
        probe: smtp::probe,
        parser: || Box::new(SmtpParser::new()),
    },
    Entry {
        protocol: Protocol::Ldap,
        transport: Transport::Stream,
        ports: &[],
        probe: ldap::probe,
        parser: || Box::new(LdapParser::new(ldap::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Ldap,
        transport: Transport::Datagram,
        ports: &[],
        probe: ldap::probe,
        parser: || Box::new(LdapParser::new(ldap::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Pop3,
        transport: Transport::Stream,
        ports: &[],
        probe: pop3::probe,
        parser: || Box::new(Pop3Parser::new()),
    },
    Entry {
        protocol: Protocol::Pop3,
        transport: Transport::Stream,
        ports: &[110],
        probe: pop3::probe_on_port,
        parser: || Box::new(Pop3Parser::new()),
    },
    Entry {
        protocol: Protocol::Imap,
        transport: Transport::Stream,
        ports: &[],
        probe: imap::probe,
        parser: || Box::new(ImapParser::new()),
    },
    Entry {
        protocol: Protocol::Ftp,
        transport: Transport::Stream,
        ports: &[],
        probe: ftp::probe,
        parser: || Box::new(FtpParser::new()),
    },
    Entry {
        protocol: Protocol::Ftp,
        transport: Transport::Stream,
        ports: &[21],
        probe: ftp::probe_on_port,
        parser: || Box::new(FtpParser::new()),
    },
    Entry {
        protocol: Protocol::Telnet,
        transport: Transport::Stream,
        ports: &[],
        probe: telnet::probe,
        parser: || Box::new(TelnetParser::new()),
    },
    Entry {
        protocol: Protocol::Socks,
        transport: Transport::Stream,
        ports: &[],
        probe: socks::probe,
        parser: || Box::new(SocksParser::new()),
    },
    Entry {
        protocol: Protocol::Socks,
        transport: Transport::Stream,
        ports: &[1080, 9050, 9150],
        probe: socks::probe_on_port,
        parser: || Box::new(SocksParser::new()),
    },
    // Nothing in it tells: another flow announces it.
    Entry {
        protocol: Protocol::FtpData,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, _| Likeness::No,
        parser: || Box::new(FtpDataParser::new()),
    },
    Entry {
        protocol: Protocol::Tftp,
        transport: Transport::Datagram,
        ports: &[],
        probe: tftp::probe,
        parser: || Box::new(TftpParser::new()),
    },
    Entry {
        protocol: Protocol::Dtls,
        transport: Transport::Datagram,
        ports: &[],
        probe: tls::probe_datagram,
        parser: || Box::new(DtlsParser::new()),
    },
    Entry {
        protocol: Protocol::Snmp,
        transport: Transport::Datagram,
        ports: &[],
        probe: snmp::probe,
        parser: || Box::new(SnmpParser::new()),
    },
    Entry {
        protocol: Protocol::Rfb,
        transport: Transport::Stream,
        ports: &[],
        probe: rfb::probe,
        parser: || Box::new(RfbParser::new()),
    },
    Entry {
        protocol: Protocol::Mqtt,
        transport: Transport::Stream,
        ports: &[],
        probe: mqtt::probe,
        parser: || Box::new(MqttParser::new()),
    },
    Entry {
        protocol: Protocol::Dhcp,
        transport: Transport::Datagram,
        ports: &[],
        probe: dhcp::probe,
        parser: || Box::new(DhcpParser::new()),
    },
    Entry {
        protocol: Protocol::Ike,
        transport: Transport::Datagram,
        ports: &[],
        probe: ike::probe,
        parser: || Box::new(IkeParser::new()),
    },
    Entry {
        protocol: Protocol::BittorrentDht,
        transport: Transport::Datagram,
        ports: &[],
        probe: bittorrent::probe,
        parser: || Box::new(DhtParser::new()),
    },
    Entry {
        protocol: Protocol::Ntp,
        transport: Transport::Datagram,
        ports: &[123],
        probe: ntp::probe,
        parser: || Box::new(NtpParser::new()),
    },
    Entry {
        protocol: Protocol::Krb5,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, bytes| krb5::probe_stream(bytes),
        parser: || Box::new(Krb5Parser::new(krb5::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Krb5,
        transport: Transport::Datagram,
        ports: &[],
        probe: |_, bytes| krb5::probe_datagram(bytes),
        parser: || Box::new(Krb5Parser::new(krb5::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Nfs,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, bytes| nfs::probe_stream(bytes),
        parser: || Box::new(NfsParser::new(nfs::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Nfs,
        transport: Transport::Datagram,
        ports: &[],
        probe: |_, bytes| nfs::probe_datagram(bytes),
        parser: || Box::new(NfsParser::new(nfs::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Dnp3,
        transport: Transport::Stream,
        ports: &[],
        probe: dnp3::probe,
        parser: || Box::new(Dnp3Parser::new()),
    },
    Entry {
        protocol: Protocol::Enip,
        transport: Transport::Stream,
        ports: &[],
        probe: enip::probe,
        parser: || Box::new(EnipParser::new(enip::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Enip,
        transport: Transport::Datagram,
        ports: &[],
        probe: enip::probe,
        parser: || Box::new(EnipParser::new(enip::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::S7comm,
        transport: Transport::Stream,
        ports: &[],
        probe: s7comm::probe,
        parser: || Box::new(S7commParser::new()),
    },
    Entry {
        protocol: Protocol::Iec104,
        transport: Transport::Stream,
        ports: &[2404],
        probe: iec104::probe_on_port,
        parser: || Box::new(Iec104Parser::new()),
    },
    Entry {
        protocol: Protocol::Iec104,
        transport: Transport::Stream,
        ports: &[],
        probe: iec104::probe,
        parser: || Box::new(Iec104Parser::new()),
    },
    Entry {
        protocol: Protocol::Modbus,
        transport: Transport::Stream,
        ports: &[502],
        probe: modbus::probe_on_port,
        parser: || Box::new(ModbusParser::new()),
    },
    Entry {
        protocol: Protocol::Modbus,
        transport: Transport::Stream,
        ports: &[],
        probe: modbus::probe,
        parser: || Box::new(ModbusParser::new()),
    },
    Entry {
        protocol: Protocol::Mdns,
        transport: Transport::Datagram,
        ports: &[5353],
        probe: |_, bytes| message(dns::probe_datagram(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Mdns, dns::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Llmnr,
        transport: Transport::Datagram,
        ports: &[5355],
        probe: |_, bytes| message(dns::probe_datagram(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Llmnr, dns::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Llmnr,
        transport: Transport::Stream,
        ports: &[5355],
        probe: |_, bytes| message(dns::probe_stream(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Llmnr, dns::Transport::Stream)),
    },
    Entry {
        protocol: Protocol::Dns,
        transport: Transport::Datagram,
        ports: &[53],
        probe: |_, bytes| message(dns::probe_service(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Dns, dns::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Dns,
        transport: Transport::Datagram,
        ports: &[],
        probe: |_, bytes| message(dns::probe_datagram(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Dns, dns::Transport::Datagram)),
    },
    Entry {
        protocol: Protocol::Dns,
        transport: Transport::Stream,
        ports: &[],
        probe: |_, bytes| message(dns::probe_stream(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Dns, dns::Transport::Stream)),
    },
];

fn message(guess: dns::Guess) -> Likeness {
    match guess {
        dns::Guess::No => Likeness::No,
        dns::Guess::Unsure => Likeness::More,
        dns::Guess::Request | dns::Guess::Response => Likeness::Yes,
    }
}

/// Protocols that are not looked for on a port which is another's: who sends the server there something else first must not have the
/// answers that follow taken for it.
const NOT_ON: &[(Protocol, u16)] = &[(Protocol::Snmp, 53)];

/// Which protocol a direction's first bytes are of. `ports`: the client's and the server's.
#[must_use]
pub fn probe(transport: Transport, direction: Direction, ports: [u16; 2], bytes: &[u8]) -> Probe {
    let mut more = false;
    for entry in ENTRIES.iter().filter(|e| e.transport == transport) {
        if !entry.ports.is_empty() && !ports.iter().any(|p| entry.ports.contains(p)) {
            continue;
        }
        if NOT_ON.iter().any(|(protocol, port)| *protocol == entry.protocol && ports.contains(port)) {
            continue;
        }
        match (entry.probe)(direction, bytes) {
            Likeness::Yes => return Probe::Is(entry.protocol),
            Likeness::More => more = true,
            Likeness::No => {}
        }
    }
    if more { Probe::More } else { Probe::Not }
}

/// Whether the first bytes of a direction may be of this protocol.
#[must_use]
pub fn may_be(protocol: Protocol, transport: Transport, direction: Direction, bytes: &[u8]) -> bool {
    let mut entries = ENTRIES.iter().filter(|e| e.protocol == protocol && e.transport == transport).peekable();
    entries.peek().is_none() || entries.any(|e| (e.probe)(direction, bytes) != Likeness::No)
}

/// Whether bytes with which a stream begins are those of a server: of a protocol that tells the two apart, else by which side's
/// port is a well-known one. `ports`: the sender's and the receiver's.
#[must_use]
pub fn is_servers(ports: [u16; 2], bytes: &[u8]) -> bool {
    let [sender, receiver] = ports;
    let of_server = probe(Transport::Stream, Direction::ToClient, [receiver, sender], bytes);
    let of_client = probe(Transport::Stream, Direction::ToServer, ports, bytes);
    match (of_server, of_client) {
        (Probe::Is(server), Probe::Is(client)) => {
            server == client && sender < FIRST_USER_PORT && receiver >= FIRST_USER_PORT
        }
        (Probe::Is(_), _) => true,
        _ => false,
    }
}

/// The first port that is no well-known one (RFC 6335, section 6).
const FIRST_USER_PORT: u16 = 1024;

/// How a protocol's bytes come, or the first of the ways in which they do; None if it is not read.
#[must_use]
pub fn transport(protocol: Protocol) -> Option<Transport> {
    ENTRIES.iter().find(|e| e.protocol == protocol).map(|e| e.transport)
}

/// One way in which a protocol is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The protocol.
    pub protocol: Protocol,
    /// How its bytes come.
    pub transport: Transport,
    /// Server ports on which alone it is looked for; empty: any.
    pub ports: &'static [u16],
}

/// All that is read, in the order in which it is tried: what fuzzing walks.
pub fn readings() -> impl Iterator<Item = Reading> {
    ENTRIES.iter().map(|e| Reading { protocol: e.protocol, transport: e.transport, ports: e.ports })
}

/// A parser of this protocol for a new flow.
#[must_use]
pub fn parser(protocol: Protocol, transport: Transport) -> Option<Box<dyn Parser>> {
    let entry = ENTRIES.iter().find(|e| e.protocol == protocol && e.transport == transport);
    entry.map(|e| (e.parser)())
}
