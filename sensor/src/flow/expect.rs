//! Connections that other flows announced, as FTP does for its data: which protocol a flow that looks like nothing has.
//!
//! One table for all workers, since a connection may come to another one than that which reads the announcement. It is not on the
//! packet path: it is looked at once a TCP flow, with its first payload, and only while something is in it, which an atomic count
//! tells without the lock. What is not taken is forgotten after [`LIFETIME`] of packet time; what goes beyond [`MAX_EXPECTED`] is
//! refused. Should the connection's first bytes be read before the announcement was, on another worker, it is not recognised.

use crate::packet::Addr;
use crate::protocols::registry::Transport;
use crate::time::Timestamp;
use sekisho_signatures::app::Protocol;
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Announcements that are remembered at a time.
pub const MAX_EXPECTED: usize = 4096;
/// How long one is.
pub const LIFETIME: Duration = Duration::from_secs(30);

/// A note for the parser of the flow that was announced.
pub type Note = Arc<dyn Any + Send + Sync>;

/// What was announced.
struct Entry {
    connector: Addr,
    protocol: Protocol,
    note: Note,
    since: Timestamp,
}

/// Who waits for the connection, or the first datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Listener {
    pub transport: Transport,
    pub address: Addr,
    pub port: u16,
}

/// The table.
#[derive(Default)]
pub struct Expectations {
    count: AtomicUsize,
    table: Mutex<HashMap<Listener, Entry>>,
}

impl fmt::Debug for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectations").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Expectations {
    fn table(&self) -> MutexGuard<'_, HashMap<Listener, Entry>> {
        // Each change is one call on the map: it is whole, whoever panicked.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `connector` is about to connect to `listener`. A later announcement of the same port replaces an earlier one. False if there is no
    /// room.
    pub fn add(&self, listener: Listener, connector: Addr, protocol: Protocol, note: Note, now: Timestamp) -> bool {
        let mut table = self.table();
        if table.len() >= MAX_EXPECTED && !table.contains_key(&listener) {
            table.retain(|_, entry| now.since(entry.since) <= LIFETIME);
        }
        let fits = table.len() < MAX_EXPECTED || table.contains_key(&listener);
        if fits {
            table.insert(listener, Entry { connector, protocol, note, since: now });
        }
        self.count.store(table.len(), Ordering::Relaxed);
        fits
    }

    /// What a flow between these two is, if it was announced; it is not expected any more.
    #[inline]
    pub fn take(
        &self,
        transport: Transport,
        client: (Addr, u16),
        server: (Addr, u16),
        now: Timestamp,
    ) -> Option<(Protocol, Note)> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.look(transport, client, server, now)
    }

    #[cold]
    fn look(
        &self,
        transport: Transport,
        client: (Addr, u16),
        server: (Addr, u16),
        now: Timestamp,
    ) -> Option<(Protocol, Note)> {
        let mut table = self.table();
        // Who listens is the server, unless the flow was picked up in its middle.
        let ends = [(server, client.0), (client, server.0)];
        let mut ways = ends.map(|((address, port), from)| (Listener { transport, address, port }, from)).into_iter();
        let found = ways.find(|(listener, connector)| {
            table.get(listener).is_some_and(|e| e.connector == *connector && now.since(e.since) <= LIFETIME)
        });
        let entry = table.remove(&found?.0)?;
        self.count.store(table.len(), Ordering::Relaxed);
        Some((entry.protocol, entry.note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Addr = Addr(1);
    const B: Addr = Addr(2);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn listener(port: u16) -> Listener {
        Listener { transport: Transport::Stream, address: B, port }
    }

    fn announce(table: &Expectations, port: u16, seconds: u64) -> bool {
        table.add(listener(port), A, Protocol::FtpData, Arc::new(port), at(seconds))
    }

    #[test]
    fn what_was_announced_is_taken_once() {
        let table = Expectations::default();
        assert!(table.take(Transport::Stream, (A, 9), (B, 20), at(0)).is_none());
        assert!(announce(&table, 20, 0) && announce(&table, 21, 0) && announce(&table, 22, 0));
        assert!(table.take(Transport::Stream, (Addr(3), 9), (B, 20), at(1)).is_none(), "another host");
        assert!(table.take(Transport::Stream, (A, 20), (B, 9), at(1)).is_none(), "another port");
        assert!(table.take(Transport::Datagram, (A, 9), (B, 20), at(1)).is_none(), "another protocol");
        let (protocol, note) = table.take(Transport::Stream, (A, 9), (B, 20), at(1)).expect("announced");
        assert_eq!((protocol, note.downcast_ref::<u16>()), (Protocol::FtpData, Some(&20)));
        assert!(table.take(Transport::Stream, (A, 9), (B, 20), at(1)).is_none(), "taken");
        assert!(table.take(Transport::Stream, (B, 21), (A, 9), at(1)).is_some(), "picked up in its middle");
        assert!(table.take(Transport::Stream, (A, 9), (B, 22), at(31)).is_none(), "too late");
    }

    #[test]
    fn bounded() {
        let table = Expectations::default();
        assert!((0..4096).all(|port| announce(&table, port, 0)));
        assert!(!announce(&table, 5000, 30) && announce(&table, 7, 30));
        assert!(announce(&table, 5000, 31), "the old ones are forgotten");
        assert_eq!(table.table().len(), 2);
    }
}
