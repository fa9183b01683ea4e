//! A handshake as rules see it.

use super::certificate::Chain;
use super::fingerprint::Carrier;
use super::hello::Hello;
use super::record::TlsRecord;
use super::version::Version;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;

/// Messages that were seen, as the keyword `ssl_state` calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Seen {
    /// ClientHello.
    ClientHello,
    /// ServerHello.
    ServerHello,
    /// The client's part of the key exchange.
    ClientKeyExchange,
    /// The server's.
    ServerKeyExchange,
    /// A message that is not known.
    Unknown,
}

/// What one side sent.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) hello: Option<Hello>,
    pub(super) chain: Option<Chain>,
    /// Of the first record, until there is a hello.
    pub(super) record_version: Version,
}

impl Peer {
    pub(super) fn version(&self) -> Version {
        self.hello.as_ref().map_or(self.record_version, Hello::version)
    }
}

/// The handshake of a flow.
#[derive(Debug, Default)]
pub struct TlsTransaction {
    state: TransactionState,
    pub(super) peers: [Peer; 2],
    /// What the flow was before, where it became TLS (STARTTLS, CONNECT).
    pub(super) before: Option<Protocol>,
    /// Bits of [`Seen`].
    seen: u8,
    /// The server asked for another ClientHello, which only TLS 1.3 knows.
    pub(super) retry: bool,
    /// The server took up a session: by its number, or by beginning to encrypt with no certificate sent.
    pub(super) resumed: bool,
    pub(super) carrier: Carrier,
}

impl TlsTransaction {
    pub(super) fn see(&mut self, what: Seen) {
        self.seen |= 1 << what as u8;
    }

    /// Whether the message was seen.
    #[must_use]
    pub fn has_seen(&self, what: Seen) -> bool {
        self.seen & 1 << what as u8 != 0
    }

    /// What that side says its version is: the server's is the one in use.
    #[must_use]
    pub fn version(&self, direction: Direction) -> Version {
        self.peers[direction.index()].version()
    }

    /// The hello that went in this direction.
    #[must_use]
    pub fn hello(&self, direction: Direction) -> Option<&Hello> {
        self.peers[direction.index()].hello.as_ref()
    }

    /// The certificates that went in this direction.
    #[must_use]
    pub fn chain(&self, direction: Direction) -> Option<&Chain> {
        self.peers[direction.index()].chain.as_ref()
    }

    /// A version of TLS that encrypts all that follows the hellos.
    pub(super) fn is_13(&self) -> bool {
        self.retry || self.hello(Direction::ToClient).is_some_and(|hello| hello.version().is_13())
    }

    /// Whether there is anything to say about it.
    pub(super) fn has_hello(&self) -> bool {
        self.peers.iter().any(|peer| peer.hello.is_some())
    }

    fn is_resumed(&self) -> bool {
        let server = &self.peers[Direction::ToClient.index()];
        self.resumed && server.chain.is_none() && server.hello.is_some() && !self.is_13()
    }
}

impl Transaction for TlsTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let to_server = direction == Direction::ToServer;
        let hello = || self.hello(direction);
        let chain = || self.chain(direction);
        let leaf = || chain().and_then(|chain| chain.leaf.as_ref());
        let random = |from: usize, to: usize| hello().and_then(|h| h.random().get(from..to));
        let many = match buffer {
            Buffer::TlsAlpn => hello().and_then(|h| h.alpns().nth(index)),
            Buffer::TlsCerts => chain().and_then(|c| c.der(index)),
            Buffer::TlsSubjectaltname => leaf().and_then(|l| l.alternative_name(index)),
            _ if index > 0 => None,
            Buffer::TlsSni if to_server => hello().and_then(Hello::sni),
            Buffer::TlsCertSubject => leaf().map(|l| l.subject()),
            Buffer::TlsCertIssuer => leaf().map(|l| l.issuer()),
            Buffer::TlsCertSerial => leaf().map(|l| l.serial()),
            Buffer::TlsCertFingerprint => chain().and_then(Chain::fingerprint),
            Buffer::TlsRandom => random(0, 32),
            Buffer::TlsRandomTime => random(0, 4),
            Buffer::TlsRandomBytes => random(4, 32),
            Buffer::Ja3String if to_server => hello().and_then(|h| h.ja3(true)).map(|j| j.string.as_bytes()),
            Buffer::Ja3Hash if to_server => hello().and_then(|h| h.ja3(true)).map(|j| &j.hash[..]),
            Buffer::Ja3sString if !to_server => hello().and_then(|h| h.ja3(false)).map(|j| j.string.as_bytes()),
            Buffer::Ja3sHash if !to_server => hello().and_then(|h| h.ja3(false)).map(|j| &j.hash[..]),
            Buffer::Ja4Hash if to_server => hello().and_then(|h| h.ja4(self.carrier)).map(|j| &j.0[..]),
            _ => None,
        };
        many.map(Part::whole)
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        match buffer {
            Buffer::TlsState => {
                let all = [
                    Seen::ClientHello,
                    Seen::ServerHello,
                    Seen::ClientKeyExchange,
                    Seen::ServerKeyExchange,
                    Seen::Unknown,
                ];
                all.into_iter().filter(|what| self.has_seen(*what)).map(|what| what as u64).nth(index)
            }
            Buffer::TlsVersion if index == 0 => Some(u64::from(self.version(direction).0)),
            Buffer::TlsCertChainLen if index == 0 => self.chain(direction).map(|chain| chain.count() as u64),
            _ => None,
        }
    }

    fn answer_at(&self, question: &Question, direction: Direction, now: i64) -> bool {
        let Some(leaf) = self.chain(direction).and_then(|chain| chain.leaf.as_ref()) else { return false };
        match *question {
            Question::CertificateTime { end, from, to } => {
                (from..=to).contains(if end { &leaf.not_after } else { &leaf.not_before })
            }
            Question::CertificateExpired => leaf.not_after < now,
            Question::CertificateValid => (leaf.not_before..=leaf.not_after).contains(&now),
            _ => false,
        }
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        if !self.has_hello() {
            return None;
        }
        let [client, server] = &self.peers;
        let leaf = |chain: &Option<Chain>| chain.as_ref().and_then(Chain::recorded_leaf);
        Some(Box::new(TlsRecord {
            client: client.hello.clone(),
            server: server.hello.clone(),
            certificate: leaf(&server.chain),
            client_certificate: leaf(&client.chain),
            version: if server.version() == Version::default() { client.version() } else { server.version() },
            resumed: self.is_resumed(),
            carrier: self.carrier,
            before: self.before,
        }))
    }
}
