//! What detection keeps: of each flow, in the flow table; of the packet at hand; and what it counts.

use super::address::RowId;
use super::engine::Engine;
use super::file::files;
use super::flowbits::BitSet;
use super::flowint::FlowInts;
use super::history::Handle;
use super::pending::NO_PENDING;
use super::settle::HeldLogs;
use super::storing::Wish;
use super::tag::FlowTag;
use crate::event::{FlowAction, FlowNote};
use crate::packet::Direction;
use crate::protocols::file::{FileInfo, FileTracker};
use crate::protocols::{AppView, FlowApp, Recognition, Record, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::group::PacketClass;
use sekisho_signatures::model::RejectTo;
use std::sync::Arc;

/// No scan state.
pub(super) const NO_STREAM: u32 = u32::MAX;

crate::counters! {
    /// What detection counts.
    pub struct DetectCounters {
        /// Payload bytes scanned for literals.
        scanned_bytes => "detect_scanned_bytes_total",
        /// Occurrences of literals.
        hits => "detect_literal_hits_total",
        /// Occurrences beyond what is looked at in one scan.
        hits_lost => "detect_literal_hits_lost_total",
        /// Rules whose gate was tried.
        candidates => "detect_candidates_total",
        /// Rules not tried since they are paused for their cost.
        paused => "detect_paused_total",
        /// Payload judgements made.
        judgements => "detect_judgements_total",
        /// Payload judgements that ran out of steps: taken as no match.
        out_of_steps => "detect_out_of_steps_total",
        /// Rules parked until more of the stream comes.
        parked => "detect_parked_total",
        /// Rules judged early because too many were parked on a stream.
        parked_early => "detect_parked_early_total",
        /// Matches, told or not.
        matches => "detect_matches_total",
        /// Matches not told because of a threshold.
        suppressed => "detect_suppressed_total",
        /// Look-back blocks taken from a stream that still had use for them.
        history_taken => "detect_history_taken_total",
        /// Streams not scanned because Hyperscan had no memory for them.
        streams_refused => "detect_streams_refused_total",
        /// Files to be stored that were not, since the worker had no room for more.
        files_not_held => "detect_files_not_held_total",
        /// Announced connections that there was no room to remember.
        expected_refused => "detect_expected_connections_refused_total",
    }
}

/// Detection's state of one stream direction.
#[derive(Debug)]
pub(super) struct StreamState {
    /// Index of the scan state.
    pub(super) scan: u32,
    /// Index of what is parked.
    pub(super) pending: u32,
    /// The bytes before `next`.
    pub(super) history: Handle,
    /// Stream position at which the scan state was begun.
    pub(super) scan_start: u64,
    /// Position of the next byte.
    pub(super) next: u64,
    /// TCP sequence number of the next byte.
    pub(super) next_seq: u32,
}

impl Default for StreamState {
    fn default() -> Self {
        Self { scan: NO_STREAM, pending: NO_PENDING, history: Handle::NONE, scan_start: 0, next: 0, next_seq: 0 }
    }
}

/// Detection's state of one flow; lives in the flow table.
#[derive(Debug, Default)]
pub struct FlowDetect {
    /// The ruleset that it was last judged under; 0 before its first packet. Numbers of groups, rows and scan states are of that one.
    pub(super) epoch: u32,
    /// What its packets are; `None` before the first. An ICMP error about the flow is a packet of another class.
    pub(super) class: Option<PacketClass>,
    /// Lists of the client's and of the server's address.
    pub(super) rows: [RowId; 2],
    /// Groups to the server and to the client.
    pub(super) groups: [u16; 2],
    /// What was known of the protocol when rules on that alone were judged last.
    pub(super) app_judged: AppView,
    /// By direction: the epoch up to which address-only rules were judged; 0 if they were not.
    pub(super) addresses_judged: [u32; 2],
    pub(super) bits: BitSet,
    /// What few flows have; none until a rule keeps something.
    pub(crate) kept: Option<Box<FlowKept>>,
    /// Its transactions are not logged any more.
    pub(super) quiet: bool,
    pub(super) streams: [StreamState; 2],
    /// The application protocol and its parser.
    pub app: FlowApp,
    /// Transactions of its application protocol.
    pub transactions: u64,
    /// Records that wait until what they tell of is settled.
    pub(crate) held: HeldLogs,
    /// A pass rule matched the flow: nothing more is judged.
    pub passed: bool,
    /// A drop rule matched the flow.
    pub dropped: bool,
    /// By direction: that a packet was dropped was told.
    pub(crate) drop_told: [bool; 2],
    /// What a rule said is to be done with the flow.
    pub action: Option<FlowAction>,
}

/// What rules keep on few flows.
#[derive(Debug, Default)]
pub(crate) struct FlowKept {
    /// `flowint`.
    pub(super) ints: FlowInts,
    /// The flow's packets are logged.
    pub(crate) tag: Option<FlowTag>,
    /// What regular expressions captured for the flow: name and value.
    pub(super) captures: Vec<(Arc<str>, Box<[u8]>)>,
    /// Entropies that were measured: of which buffer, and bits a byte.
    pub(super) entropies: Vec<(&'static str, f64)>,
    /// Files of the flow that are to be stored.
    pub(super) wishes: Vec<Wish>,
    /// Its certificates are to be stored; by direction: they were.
    pub(super) certificates: Option<[bool; 2]>,
}

impl FlowDetect {
    /// Takes leave of the ruleset before: bits, last bytes, and which rules wait or have spoken keep their meaning; scan states were
    /// that ruleset's, and are gone with it.
    pub(super) fn renew(&mut self, epoch: u32) {
        self.epoch = epoch;
        for stream in &mut self.streams {
            stream.scan = NO_STREAM;
        }
    }

    /// The client turned out to be the server, before anything was read of either's stream.
    pub fn turn(&mut self) {
        // What was looked up for the two directions is looked up anew.
        self.epoch = 0;
        self.addresses_judged.swap(0, 1);
        self.drop_told.swap(0, 1);
        self.app.starts_unseen();
    }

    /// What rules keep on the flow, for its records; None if nothing.
    #[must_use]
    pub fn note(&self, engine: &Engine) -> Option<Arc<FlowNote>> {
        if self.bits.is_empty() && self.kept.is_none() {
            return None;
        }
        let kept = self.kept.as_deref();
        let named = |(int, value)| Some((engine.kept.int_name(int)?.into(), value));
        Some(Arc::new(FlowNote {
            bits: self.bits.iter().filter_map(|bit| engine.flowbit_name(bit)).map(Into::into).collect(),
            ints: kept.map_or_else(Vec::new, |k| k.ints.iter().filter_map(named).collect()),
            captures: kept.map_or_else(Vec::new, |k| k.captures.clone()),
            entropies: kept.map_or_else(Vec::new, |k| k.entropies.clone()),
        }))
    }
}

/// A signature that matched, to be told.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Index of the signature.
    pub signature: u32,
    /// In the stream rather than in the packet.
    pub in_stream: bool,
    /// The way of the bytes that matched, where that is not the packet's way.
    pub reversed: bool,
    /// The transaction that matched, if it was one.
    pub transaction: Option<TransactionNote>,
    /// What came out by the way.
    pub finding: Option<Arc<Finding>>,
    /// It is told also if the packet or the flow is passed.
    pub insists: bool,
}

/// What came out while a rule was judged, which its alert tells.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Captures for the alert alone, as text.
    pub captures: Vec<(Arc<str>, Box<[u8]>)>,
    /// Captures for the packet.
    pub packet: Vec<(Arc<str>, Box<[u8]>)>,
    /// What sets say of values that are in them, as JSON.
    pub contexts: Vec<(Arc<str>, Box<str>)>,
}

/// A frame that a rule matched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameNote {
    /// Its name, without the protocol's.
    pub name: &'static str,
    /// Which way it went.
    pub direction: Direction,
    /// Bytes of it that were looked at.
    pub len: usize,
    /// There is no more of it.
    pub complete: bool,
    /// Its first bytes, at most [`Self::SHOWN`].
    pub bytes: Arc<[u8]>,
}

impl FrameNote {
    /// Bytes of a frame that an alert shows.
    pub const SHOWN: usize = 4096;
}

/// What an alert says of the transaction that matched.
#[derive(Clone, Debug)]
pub struct TransactionNote {
    /// Its number in the flow.
    pub id: u64,
    /// Of which protocol, and in messages of which direction the rule matched.
    pub of: (Recognition, Direction),
    /// What its protocol says of it.
    pub record: Option<Arc<dyn Record>>,
    /// The files that it carries in the direction of the alert.
    pub files: Arc<[FileInfo]>,
    /// The frame of it that matched, if it was one.
    pub frame: Option<FrameNote>,
}

impl TransactionNote {
    /// Files that an alert tells.
    const MAX_FILES: usize = 32;

    /// What is known of a transaction, with the frame of it that matched.
    pub(super) fn new(transaction: &dyn Transaction, of: (Recognition, Direction), frame: Option<FrameNote>) -> Self {
        let id = transaction.state_ref().id;
        let mut note = Self { id, of, record: None, files: Arc::default(), frame };
        note.take(transaction);
        note
    }

    fn take(&mut self, transaction: &dyn Transaction) {
        let files = files(transaction, self.of.1).filter(|file| file.size() > 0).take(Self::MAX_FILES);
        self.files = files.map(FileTracker::so_far).collect();
        self.record = transaction.record(self.of.1, true).map(Arc::from);
    }

    /// Takes what became known since, if it is of this transaction. What was of none, as some frames are, stays.
    pub(super) fn renew(&mut self, transaction: &dyn Transaction, protocol: Protocol) {
        let is_it = self.id == transaction.state_ref().id && self.of.0 == Recognition::Known(protocol);
        if is_it && self.record.is_some() {
            self.take(transaction);
        }
    }
}

/// What detection asks to be done with the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ruling {
    /// A pass rule matched: no other rule is told.
    pub pass: bool,
    /// A drop or reject rule matched.
    pub drop: bool,
    /// A rule says that the flow is not looked at any more.
    pub bypass: bool,
    /// Whom a reject rule wants to tell.
    pub reject: Option<RejectTo>,
}
