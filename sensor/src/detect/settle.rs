//! Records of what a stream carried, until it is settled that the receiver has it.
//!
//! Beside the wire, a segment that was seen may never arrive. What is told of it therefore bears the packet that settles it, as
//! Suricata's records do: that of the other side which acknowledges it, and for a file, which is told with what came of it, the next of its own side
//! behind that; or that which resets the connection. In line a segment is let through once it was judged, and nothing waits. Alerts on transactions
//! wait as files do when a capture file is read, so that they can be held against Suricata's; of live traffic nobody waits for an alert.
//!
//! At most [`MAX_HELD`] of a flow wait; more are told at once. When the flow ends, all are told.

use super::state::TransactionNote;
use super::transaction::{AppLog, AppLogEntry};
use crate::event::AlertEvent;
use crate::packet::Direction;

/// Records of one flow that wait.
pub const MAX_HELD: usize = 64;

/// What waits.
#[derive(Debug)]
pub enum Held {
    /// What a transaction wants logged.
    Log(AppLog),
    /// A rule matched.
    Alert(Box<AlertEvent>),
}

/// One that waits.
#[derive(Debug)]
struct Waiting {
    what: Held,
    /// The way that the bytes went which brought it about.
    of: Direction,
    /// The sequence number behind them.
    up_to: u32,
    acknowledged: bool,
}

/// Those of a flow.
#[derive(Debug, Default)]
pub struct HeldLogs(Vec<Waiting>);

impl Waiting {
    /// Whether a packet of this direction settles it that acknowledges all before `ack`.
    fn is_settled(&mut self, direction: Direction, ack: Option<u32>) -> bool {
        if direction == self.of {
            return self.acknowledged;
        }
        // RFC 9293, 3.4: numbers are compared modulo 2^32.
        if ack.is_none_or(|ack| (ack.wrapping_sub(self.up_to) as i32) < 0) {
            return false;
        }
        self.acknowledged = true;
        match &self.what {
            Held::Log(AppLog { entry: AppLogEntry::Record(record), .. }) => record.kind() != "fileinfo",
            Held::Log(_) => true,
            Held::Alert(_) => false,
        }
    }
}

impl HeldLogs {
    /// None waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What bytes going this way brought about, up to a sequence number, waits; it is given back if too much does.
    #[must_use]
    pub fn hold(&mut self, what: Held, of: Direction, up_to: u32) -> Option<Held> {
        if self.0.len() >= MAX_HELD {
            return Some(what);
        }
        self.0.push(Waiting { what, of, up_to, acknowledged: false });
        None
    }

    /// What is known of the transactions that alerts wait with, to be renewed.
    pub fn notes(&mut self) -> impl Iterator<Item = &mut TransactionNote> {
        self.0.iter_mut().filter_map(|waiting| match &mut waiting.what {
            Held::Alert(event) => event.transaction.as_mut(),
            Held::Log(_) => None,
        })
    }

    /// A packet of this direction came, with this acknowledgement: what it settles is told.
    pub fn settle(&mut self, direction: Direction, ack: Option<u32>, mut tell: impl FnMut(Held)) {
        self.0.extract_if(.., |waiting| waiting.is_settled(direction, ack)).for_each(|waiting| tell(waiting.what));
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// Nothing more comes: all that wait.
    pub fn take(&mut self) -> impl Iterator<Item = Held> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|waiting| waiting.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Direction::{ToClient, ToServer};
    use crate::protocols::Record;
    use sekisho_signatures::app::Protocol;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Named(&'static str);

    impl Record for Named {
        fn kind(&self) -> &'static str {
            self.0
        }
        fn write(&self, _: &mut Vec<u8>) -> serde_json::Result<()> {
            Ok(())
        }
    }

    fn log(kind: &'static str) -> Held {
        let entry = AppLogEntry::Record(Arc::new(Named(kind)));
        Held::Log(AppLog { protocol: Protocol::Smtp, tx_id: None, direction: ToServer, entry })
    }

    fn settled(held: &mut HeldLogs, direction: Direction, ack: u32) -> Vec<&'static str> {
        let mut told = vec![];
        held.settle(direction, Some(ack), |what| match what {
            Held::Log(AppLog { entry: AppLogEntry::Record(record), .. }) => told.push(record.kind()),
            other => panic!("{other:?} was not held"),
        });
        told
    }

    #[test]
    fn the_other_side_settles_and_then_ones_own() {
        let mut held = HeldLogs::default();
        assert!(held.hold(log("smtp"), ToServer, 5).is_none() && held.hold(log("fileinfo"), ToServer, 5).is_none());
        assert_eq!(settled(&mut held, ToServer, 9), [""; 0]);
        assert_eq!(settled(&mut held, ToClient, u32::MAX), [""; 0]);
        assert_eq!(settled(&mut held, ToClient, 5), ["smtp"]);
        assert_eq!(settled(&mut held, ToClient, 5), [""; 0]);
        assert_eq!(settled(&mut held, ToServer, 9), ["fileinfo"]);
        assert!(held.is_empty());
    }

    #[test]
    fn bounded_and_told_at_the_end() {
        let mut held = HeldLogs::default();
        let refused = (0..100).filter_map(|_| held.hold(log("smtp"), ToServer, 5)).count();
        assert_eq!((refused, held.take().count(), held.is_empty()), (100 - MAX_HELD, MAX_HELD, true));
    }
}
