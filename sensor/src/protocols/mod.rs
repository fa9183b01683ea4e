//! Application protocols: one folder each, the same file names in all.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | the protocol in short: what is read, what is bounded and by how much |
//! | `parser.rs` | [`Parser`]: bytes to transactions, resynchronising or giving up on bad input |
//! | `transaction.rs` | [`Transaction`]: one exchange and what rules may look at of it |
//! | `record.rs` | its EVE record ([`Record`]) |
//! | `event.rs` | what can be odd about it, under Suricata's names |
//! | `probe.rs` | how it is recognised by its first bytes |
//! | `tests/` | cases as bytes, property tests |
//!
//! A parser takes the bytes of both directions in order, cut anywhere, and tells an [`Observer`] what it made of them. It knows
//! nothing of rules, flows or outputs; it never panics, and what it keeps per flow is bounded.

mod ber;
pub mod bittorrent;
mod cursor;
pub mod dcerpc;
pub mod dhcp;
pub mod dnp3;
pub mod dns;
pub mod enip;
pub mod file;
mod flow;
mod framing;
pub mod ftp;
pub mod ftp_data;
pub mod http;
pub mod http2;
pub mod iec104;
pub mod ike;
pub mod imap;
pub mod krb5;
pub mod ldap;
mod line;
pub mod mime;
pub mod modbus;
pub mod mqtt;
pub mod mysql;
pub mod nfs;
pub mod ntp;
pub mod pgsql;
mod pieces;
pub mod pop3;
pub mod quic;
pub mod rdp;
pub mod registry;
pub mod rfb;
pub mod s7comm;
pub mod sip;
pub mod smb;
pub mod smtp;
pub mod snmp;
pub mod socks;
mod span;
pub mod ssh;
pub mod telnet;
#[cfg(test)]
mod testing;
mod text;
pub mod tftp;
pub mod tls;
mod transaction;
pub mod websocket;

pub use flow::{AppView, FlowApp, MAX_PROBE, Recognition};
pub use transaction::{Part, Record, Transaction, TransactionState};

use crate::packet::Direction;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

/// Reads one flow.
pub trait Parser: Send {
    /// What it reads.
    fn protocol(&self) -> Protocol;

    /// The flow was announced by another one, with this note: see [`Observer::expect`]. Told before anything else.
    fn expected(&mut self, _note: &(dyn Any + Send + Sync)) {}
    /// The flow was of another protocol before, and became this one.
    fn follows(&mut self, _before: Protocol) {}

    /// The next bytes of one direction; for protocols over datagrams, one datagram.
    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status;

    /// `len` bytes of one direction are missing here.
    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status;

    /// What it was given of one direction ends within a part that rules see only when it is whole: a head, a hello, a short message; not a
    /// body. In line its segments wait for the rest. A parser that does not say so has them leave as they come.
    fn is_within(&self, _direction: Direction) -> bool {
        false
    }

    /// After [`Status::Changed`]: the bytes of one direction that it was given and that are of the next protocol.
    fn unread(&self, _direction: Direction) -> &[u8] {
        &[]
    }

    /// After [`Status::Changed`]: what the parser of the next protocol is to know.
    fn hand_over(&mut self) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// What the parser of the protocol before hands over, before anything else comes.
    fn take_over(&mut self, _from: Box<dyn Any + Send>, _observer: &mut dyn Observer) {}

    /// One direction is over, or the flow is: what is unfinished there is told as it stands. May be called twice.
    fn end(&mut self, direction: Direction, observer: &mut dyn Observer);
}

/// What a parser wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// More bytes.
    More,
    /// Nothing: from here on both directions are encrypted, and no rule on payload can hold.
    Encrypted,
    /// Nothing: it could not make sense of the bytes, and has said so. Inspection of the raw payload goes on.
    GaveUp,
    /// The bytes from here on are of another protocol, which is to be recognised anew (STARTTLS, CONNECT), or is this one.
    Changed(Option<Protocol>),
}

/// Most bytes of a frame that are shown.
pub const MAX_FRAME: usize = 16 * 1024;

/// A connection that a flow announces, as FTP does for its data.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Who connects: to the server, the flow's client does.
    pub direction: Direction,
    /// Where it listens, if the flow names another host than its own.
    pub address: Option<IpAddr>,
    /// The port on which the other side listens; 0 for the one that it has in this flow.
    pub port: u16,
    /// What it will be.
    pub protocol: Protocol,
    /// What the parser of that flow is to know.
    pub note: Arc<dyn Any + Send + Sync>,
}

/// Whom a parser tells what it made of the bytes.
pub trait Observer {
    /// What is told from here on is of this protocol: the flow's has changed.
    fn changed(&mut self, _protocol: Protocol) {}

    /// The transaction got as far as `progress` in `direction`: what that level brings is there. Told in rising order, each level
    /// that has buffers at least once; [`Progress::Body`] again each time that more of the body is there;
    /// [`Progress::Complete`] once for each direction that the protocol has, also if it ended early.
    fn progress(&mut self, transaction: &mut dyn Transaction, direction: Direction, progress: Progress);

    /// Something was odd: Suricata's name of it, without the protocol (`gzip_decompression_failed`). `transaction` is None where
    /// it is about the flow.
    fn event(&mut self, transaction: Option<&mut dyn Transaction>, direction: Direction, event: &'static str);

    /// File number `index` that the transaction carries in `direction` is over: its EVE record is due, unless nothing of it came.
    fn file(&mut self, _transaction: &mut dyn Transaction, _direction: Direction, _index: usize) {}

    /// What is wanted of files; asked as one begins.
    fn file_policy(&self) -> file::FilePolicy {
        file::FilePolicy::default()
    }

    /// Another connection between the same two hosts is about to come.
    fn expect(&mut self, _expected: Expected) {}

    /// A frame, a part of the protocol's message as `frame` names it, without the protocol (`pdu`, `hdr`, `data`): `bytes` are what
    /// of it is there, at most [`MAX_FRAME`].
    fn frame(
        &mut self,
        _transaction: Option<&mut dyn Transaction>,
        _direction: Direction,
        _name: &'static str,
        _bytes: &[u8],
    ) {
    }

    /// An EVE record is due: both directions are complete, or whatever else the protocol logs on.
    fn log(&mut self, transaction: &mut dyn Transaction, direction: Direction);
}
