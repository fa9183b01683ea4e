//! A handshake as rules see it.

use super::hassh::Hassh;
use super::record::SshRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// What one side said of itself.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The protocol's version.
    pub proto: Vec<u8>,
    /// The software's name and version; empty without a banner.
    pub software: Vec<u8>,
    /// From its key exchange message.
    pub hassh: Option<Hassh>,
}

/// The handshake of a flow.
#[derive(Debug, Default)]
pub struct SshTransaction {
    state: TransactionState,
    pub(super) peers: [Peer; 2],
}

impl SshTransaction {
    /// The side that speaks in this direction.
    #[must_use]
    pub fn peer(&self, direction: Direction) -> &Peer {
        &self.peers[direction.index()]
    }
}

impl Transaction for SshTransaction {
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
        if index > 0 {
            return None;
        }
        let peer = self.peer(direction);
        let hassh = peer.hassh.as_ref();
        let to_server = direction == Direction::ToServer;
        let bytes = match buffer {
            Buffer::SshProto => Some(&peer.proto[..]).filter(|b| !b.is_empty()),
            Buffer::SshSoftware => Some(&peer.software[..]).filter(|b| !b.is_empty()),
            Buffer::SshHassh if to_server => hassh.map(|h| &h.hash[..]),
            Buffer::SshHasshString if to_server => hassh.map(|h| &h.string[..]),
            Buffer::SshHasshServer if !to_server => hassh.map(|h| &h.hash[..]),
            Buffer::SshHasshServerString if !to_server => hassh.map(|h| &h.string[..]),
            _ => None,
        };
        bytes.map(Part::whole)
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        if self.peers.iter().all(|peer| peer.proto.is_empty()) {
            return None;
        }
        let [client, server] = self.peers.clone();
        Some(Box::new(SshRecord { client, server }))
    }
}
