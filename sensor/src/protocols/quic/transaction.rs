//! One packet as rules see it.

use super::google;
use super::record::QuicRecord;
use super::version::Version;
use crate::packet::Direction;
use crate::protocols::tls::{Carrier, Hello};
use crate::protocols::{Part, Record, Transaction, TransactionState};
use md5::{Digest, Md5};
use sekisho_signatures::buffers::Buffer;
use std::sync::Arc;

/// A fingerprint of Google's QUIC.
#[derive(Clone, Debug)]
pub(super) struct Cyu {
    pub(super) string: String,
    /// Its MD5, in lower-case hexadecimal.
    pub(super) hash: String,
}

/// A packet, and the hello that it made complete.
#[derive(Debug)]
pub struct QuicTransaction {
    state: TransactionState,
    direction: Direction,
    version: Version,
    wire_version: [u8; 4],
    hello: Option<Arc<Hello>>,
    google: Option<google::Hello>,
    cyu: Option<Cyu>,
}

impl Default for QuicTransaction {
    fn default() -> Self {
        Self {
            state: TransactionState::default(),
            direction: Direction::ToServer,
            version: Version::default(),
            wire_version: [0; 4],
            hello: None,
            google: None,
            cyu: None,
        }
    }
}

impl QuicTransaction {
    /// Begins the next transaction, with this number.
    pub(super) fn begin(&mut self, id: u64, direction: Direction, version: Version) {
        self.state.renew(id);
        self.direction = direction;
        self.version = version;
        self.wire_version = version.0.to_be_bytes();
        self.hello = None;
        self.google = None;
        self.cyu = None;
    }

    pub(super) fn set_hello(&mut self, hello: Hello) {
        self.hello = Some(Arc::new(hello));
    }

    pub(super) fn set_google(&mut self, hello: google::Hello) {
        let hash = format!("{:x}", Md5::digest(hello.cyu.as_bytes()));
        self.cyu = Some(Cyu { string: hello.cyu.clone(), hash });
        self.google = Some(hello);
    }

    fn sni(&self) -> Option<&[u8]> {
        let google = || self.google.as_ref().and_then(|hello| hello.sni.as_deref());
        self.hello.as_ref().and_then(|hello| hello.sni()).or_else(google)
    }
}

impl Transaction for QuicTransaction {
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
        if direction != self.direction || index > 0 {
            return None;
        }
        let to_server = direction == Direction::ToServer;
        let hello = self.hello.as_deref();
        let ja3 = || hello.and_then(|hello| hello.ja3(to_server));
        let bytes = match buffer {
            Buffer::QuicVersion => Some(&self.wire_version[..]),
            Buffer::QuicSni => self.sni(),
            Buffer::QuicUa => self.google.as_ref().and_then(|hello| hello.user_agent.as_deref()),
            Buffer::QuicCyuString => self.cyu.as_ref().map(|cyu| cyu.string.as_bytes()),
            Buffer::QuicCyuHash => self.cyu.as_ref().map(|cyu| cyu.hash.as_bytes()),
            Buffer::Ja3String if to_server => ja3().map(|ja3| ja3.string.as_bytes()),
            Buffer::Ja3Hash if to_server => ja3().map(|ja3| &ja3.hash[..]),
            Buffer::Ja3sString if !to_server => ja3().map(|ja3| ja3.string.as_bytes()),
            Buffer::Ja3sHash if !to_server => ja3().map(|ja3| &ja3.hash[..]),
            Buffer::Ja4Hash if to_server => hello.and_then(|hello| hello.ja4(Carrier::Quic)).map(|ja4| &ja4.0[..]),
            _ => None,
        };
        bytes.map(Part::whole)
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(QuicRecord {
            direction: self.direction,
            version: self.version,
            sni: self.sni().map(<[u8]>::to_vec),
            user_agent: self.google.as_ref().and_then(|hello| hello.user_agent.clone()),
            cyu: self.cyu.clone(),
            hello: self.hello.clone(),
        }))
    }
}
