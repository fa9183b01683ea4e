//! The protocols that are read: how each is recognised, and who reads it.

use super::Parser;
use super::dns::{self, DnsParser};
use super::http::{self, HttpConfig, HttpParser};
use super::http2::{self, Http2Parser};
use super::quic::{self, QuicParser};
use super::tls::{self, DtlsParser, TlsParser};
use super::websocket::WebsocketParser;
use crate::packet::Direction;
use sekisho_signatures::app::Protocol;

/// How a protocol's bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        protocol: Protocol::Quic,
        transport: Transport::Datagram,
        ports: &[],
        probe: quic::probe,
        parser: || Box::new(QuicParser::new()),
    },
    Entry {
        protocol: Protocol::Tls,
        transport: Transport::Datagram,
        ports: &[],
        probe: tls::probe_datagram,
        parser: || Box::new(DtlsParser::new()),
    },
    Entry {
        protocol: Protocol::Mdns,
        transport: Transport::Datagram,
        ports: &[5353],
        probe: |_, bytes| message(dns::probe_datagram(bytes)),
        parser: || Box::new(DnsParser::new(dns::Family::Mdns, dns::Transport::Datagram)),
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

/// Which protocol a direction's first bytes are of. `ports`: the client's and the server's.
#[must_use]
pub fn probe(transport: Transport, direction: Direction, ports: [u16; 2], bytes: &[u8]) -> Probe {
    let mut more = false;
    for entry in ENTRIES.iter().filter(|e| e.transport == transport) {
        if !entry.ports.is_empty() && !ports.iter().any(|p| entry.ports.contains(p)) {
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

/// A parser of this protocol for a new flow.
#[must_use]
pub fn parser(protocol: Protocol, transport: Transport) -> Option<Box<dyn Parser>> {
    let entry = ENTRIES.iter().find(|e| e.protocol == protocol && e.transport == transport);
    entry.map(|e| (e.parser)())
}
