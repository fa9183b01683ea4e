//! What is done with files as they end: rules that waited for that are judged, files that rules want are handed to the store, all
//! are handed to the thread that scans them with YARA rules, and each is logged.

use super::detector::Detector;
use super::engine::Engine;
use super::file::{FileNeeds, all_hold};
use super::rule::{PacketContext, Rule};
use super::state::{FlowDetect, TransactionNote};
use super::trace::Tracer;
use super::transaction::{AppLog, AppLogEntry};
use super::yara::YaraQueue;
use super::yara::scan::ScanJob;
use crate::event::{FlowSummary, PacketSource, PacketSummary};
use crate::output::certificates::StoredChain;
use crate::output::files_config::FilesConfig;
use crate::output::filestore::FileStore;
use crate::packet::Direction;
use crate::protocols::file::{FilePolicy, FileRecord, FileTracker, HoldPolicy, Scanned, Wanted};
use crate::protocols::{Record, Transaction};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::file::{Filestore, StoreScope, StoreSide};
use std::sync::Arc;

/// Wishes to have files stored that one transaction, or one flow, may carry.
const MAX_WISHES: usize = 16;
/// Certificates of one chain that are stored.
const MAX_CERTIFICATES: usize = 64;

/// That a rule wants files stored, also those that come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    sid: u32,
    /// Files in these directions.
    sides: [bool; 2],
    /// Only those of which the conditions of this rule hold, which was judged in this direction.
    only: Option<(u32, Direction)>,
}

impl Wish {
    /// Whether it is about a file.
    fn holds(&self, engine: &Engine, direction: Direction, file: &FileTracker) -> bool {
        let is_asked = |rule: &Rule, judged| {
            rule.files(judged).all(|(of, ops)| of != direction || all_hold(ops, file) == Some(true))
        };
        self.sides[direction.index()]
            && self
                .only
                .is_none_or(|(key, judged)| engine.rule_of_key(key).is_some_and(|(_, rule)| is_asked(rule, judged)))
    }
}

/// What a worker does with files.
#[derive(Debug, Default)]
pub struct FileHandling {
    config: FilesConfig,
    store: Option<FileStore>,
    yara: Option<YaraQueue>,
    /// What parsers are told.
    pub(super) policy: FilePolicy,
}

impl FileHandling {
    /// By the configuration; with a store and with YARA rules if there are any.
    #[must_use]
    pub fn new(config: &FilesConfig, store: Option<FileStore>, yara: Option<YaraQueue>) -> Self {
        Self { config: config.clone(), store, yara, policy: FilePolicy::default() }
    }

    /// Turns to what rules ask of files. `logged`: files are logged; `recorded`: so are the transactions of protocols.
    pub(super) fn turn_to(&mut self, needs: FileNeeds, logged: bool, recorded: bool) {
        let told = logged || self.yara.is_some();
        let hashes = if told { needs.hashes.or(self.config.hashes()) } else { needs.hashes };
        let store = &self.config.store;
        let wanted = self.store.is_some() && (needs.store || store.all);
        self.policy = FilePolicy {
            hashes,
            magic: needs.magic || told && self.config.magic,
            mail_md5: needs.mail_md5 || told || recorded,
            store: wanted.then_some(HoldPolicy { file: store.file_bytes, all: store.held_bytes }),
            scan: self
                .yara
                .as_ref()
                .map(|yara| HoldPolicy { file: yara.config().max_file_bytes, all: yara.config().held_bytes }),
            lzma: self.config.lzma,
            ..FilePolicy::default()
        };
    }
}

impl<T: Tracer> Detector<T> {
    /// What is done with files from here on, by rules of `engine`; to be called once it is set what is logged.
    pub fn handle_files(&mut self, engine: &Engine, handling: FileHandling) {
        self.files = handling;
        self.files.turn_to(engine.file_needs, self.logs_files, self.logs_records);
    }

    /// A file of the transaction is over in the direction of `cx`.
    pub(super) fn file_over(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        protocol: Protocol,
        transaction: &mut dyn Transaction,
        index: usize,
    ) {
        let Some(direction) = cx.direction else { return };
        if cx.engine.file_needs.any && !flow.passed {
            self.judge_waiting_for_files(cx, flow, transaction, direction);
        }
        if self.files.policy.store.is_some() {
            self.grant(cx.engine, flow, transaction, direction, index);
            self.store_file(transaction, direction, index);
        }
        let scanned = match transaction.tracker_mut(direction, index) {
            Some(file) if self.files.yara.is_some() && !flow.passed => file.take_scanned(),
            _ => Scanned::Nothing,
        };
        if !self.logs_files && scanned == Scanned::Nothing {
            return;
        }
        let record = transaction.record(direction, true).map(Arc::from);
        self.scan_file(cx, flow, transaction, (direction, index), scanned, record.clone());
        self.log_file(protocol, transaction, direction, index, record);
    }

    /// Hands a file to the thread that scans it.
    fn scan_file(
        &self,
        cx: &PacketContext<'_>,
        flow: &FlowDetect,
        transaction: &dyn Transaction,
        (direction, index): (Direction, usize),
        scanned: Scanned,
        record: Option<Arc<dyn Record>>,
    ) {
        let Some(yara) = &self.files.yara else { return };
        let (bytes, cut) = match scanned {
            Scanned::Nothing => return,
            Scanned::NoRoom => return yara.not_held(),
            Scanned::Start { bytes, cut } => (bytes, cut),
        };
        let Some(file) = transaction.file(direction, index) else { return };
        let mut packet = PacketSummary::of(cx.packet);
        if !cx.headers {
            packet.source = PacketSource::FlowTimeout;
        }
        let (source, destination) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
        let (client, server) =
            if direction == Direction::ToServer { (source, destination) } else { (destination, source) };
        let id = transaction.state_ref().id;
        yara.scan(Box::new(ScanJob {
            bytes,
            cut,
            packet,
            flow: FlowSummary { id: cx.flow_id, start: cx.flow.start, client, server, counts: cx.flow.counts },
            direction,
            app: cx.app,
            transaction: TransactionNote {
                id,
                of: (cx.app.protocol, direction),
                record,
                files: Arc::new([file]),
                frame: None,
            },
            note: flow.note(cx.engine),
        }));
    }

    /// Rules that ask something of files that may be known only now.
    fn judge_waiting_for_files(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        transaction: &mut dyn Transaction,
        direction: Direction,
    ) {
        let mut candidates = std::mem::take(&mut self.app_candidates);
        candidates.clear();
        transaction.state().waiting.retain(|key| match cx.engine.rule_of_key(*key) {
            Some((index, rule)) if rule.files(direction).next().is_some() => {
                candidates.push(index);
                false
            }
            Some(_) => true,
            None => false,
        });
        candidates.sort_unstable();
        let progress = transaction.state_ref().inspected[direction.index()];
        for &index in &candidates {
            if !transaction.state_ref().matched[direction.index()].contains(&cx.engine.key(index).number) {
                self.judge_transaction(cx, flow, transaction, index, progress);
            }
            if flow.passed {
                break;
            }
        }
        self.app_candidates = candidates;
    }

    /// A rule with `filestore` matched in `direction`.
    pub(super) fn want_files(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        transaction: &mut dyn Transaction,
        rule: &Rule,
        (key, Filestore { side, scope }): (u32, Filestore),
    ) {
        let Some(direction) = cx.direction else { return };
        if self.files.policy.store.is_none() {
            return;
        }
        let sides = match side {
            StoreSide::Matched => {
                [Direction::ToServer, Direction::ToClient].map(|side| rule.files(direction).any(|(of, _)| of == side))
            }
            StoreSide::ToServer => [true, false],
            StoreSide::ToClient => [false, true],
            StoreSide::Both => [true, true],
        };
        let only = (scope == StoreScope::File).then_some((key, direction));
        let wish = Wish { sid: rule.id.1, sides, only };
        let wishes = match scope {
            StoreScope::Flow => &mut flow.kept.get_or_insert_default().wishes,
            StoreScope::File | StoreScope::Transaction => &mut transaction.state().wishes,
        };
        if wishes.len() < MAX_WISHES && !wishes.contains(&wish) {
            wishes.push(wish);
        }
        // Those that are over already will not be told again.
        for direction in [Direction::ToServer, Direction::ToClient] {
            for index in 0..super::file::MAX_FILES {
                match transaction.tracker(direction, index) {
                    None => break,
                    Some(file) if !file.is_over() => {}
                    Some(_) => {
                        self.grant(cx.engine, flow, transaction, direction, index);
                        self.store_file(transaction, direction, index);
                    }
                }
            }
        }
    }

    /// Has a file stored if the transaction, the flow or the configuration wants that.
    fn grant(
        &self,
        engine: &Engine,
        flow: &FlowDetect,
        transaction: &mut dyn Transaction,
        direction: Direction,
        index: usize,
    ) {
        let of_flow = flow.kept.as_ref().map_or(&[][..], |kept| &kept.wishes);
        let mut sids = arrayvec::ArrayVec::<u32, { 2 * MAX_WISHES }>::new();
        {
            let Some(file) = transaction.tracker(direction, index) else { return };
            let wishes = transaction.state_ref().wishes.iter().chain(of_flow);
            let held = wishes.filter(|wish| wish.holds(engine, direction, file)).map(|wish| wish.sid);
            sids.extend(held.take(2 * MAX_WISHES));
        }
        let Some(file) = transaction.tracker_mut(direction, index) else { return };
        if self.files.config.store.all {
            file.want_stored(None);
        }
        for sid in sids {
            file.want_stored(Some(sid));
        }
    }

    /// Hands a file to the store if it is wanted there.
    fn store_file(&mut self, transaction: &mut dyn Transaction, direction: Direction, index: usize) {
        let Some(store) = &self.files.store else { return };
        let Some(file) = transaction.tracker_mut(direction, index) else { return };
        match file.take_wanted() {
            Wanted::Nothing => {}
            Wanted::NoRoom => self.counters.files_not_held += 1,
            Wanted::File { bytes, sha256 } => {
                if let Some(id) = store.store(bytes, sha256) {
                    file.set_stored(id);
                }
            }
        }
    }

    /// Hands the certificates that went in `direction`, which is that of `cx`, to the store, once.
    pub(super) fn store_certificates(
        &mut self,
        cx: &PacketContext<'_>,
        flow: &mut FlowDetect,
        transaction: &dyn Transaction,
        direction: Direction,
    ) {
        let Some(store) = &self.files.store else { return };
        let wanted = flow.kept.as_mut().and_then(|kept| kept.certificates.as_mut());
        let Some(done) = wanted.and_then(|wanted| wanted.get_mut(direction.index())).filter(|done| !**done) else {
            return;
        };
        let mut scratch = Vec::new();
        let mut get = |buffer, index| {
            scratch.clear();
            transaction.bytes(buffer, direction, index, &mut scratch).map(|part| Box::from(part.data))
        };
        let certificates: Vec<Box<[u8]>> =
            (0..MAX_CERTIFICATES).map_while(|index| get(Buffer::TlsCerts, index)).collect();
        if certificates.is_empty() {
            return;
        }
        *done = true;
        let mut of_first = |buffer| get(buffer, 0).unwrap_or_default();
        store.store_chain(StoredChain {
            certificates,
            packet: PacketSummary::of(cx.packet),
            subject: of_first(Buffer::TlsCertSubject),
            issuer: of_first(Buffer::TlsCertIssuer),
            fingerprint: of_first(Buffer::TlsCertFingerprint),
        });
    }

    fn log_file(
        &mut self,
        protocol: Protocol,
        transaction: &dyn Transaction,
        direction: Direction,
        index: usize,
        carrier: Option<Arc<dyn Record>>,
    ) {
        if !self.logs_files {
            return;
        }
        if let Some(file) = transaction.file(direction, index) {
            let id = transaction.state_ref().id;
            let record = FileRecord::new(file, id, protocol, carrier);
            let entry = AppLogEntry::Record(Arc::new(record));
            self.logs.push(AppLog { protocol, tx_id: Some(id), direction, entry });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_hashed_for_a_rule_or_a_record() {
        let asked = FileNeeds { mail_md5: true, ..FileNeeds::default() };
        for (needs, logged, recorded, expected) in [
            (FileNeeds::default(), false, false, false),
            (asked, false, false, true),
            (FileNeeds::default(), true, false, true),
            (FileNeeds::default(), false, true, true),
        ] {
            let mut files = FileHandling::default();
            files.turn_to(needs, logged, recorded);
            assert_eq!(files.policy.mail_md5, expected);
        }
    }
}
