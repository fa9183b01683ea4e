//! Writes the packets of flows that alerted: a file for each, with the alerts in their packets' comments.

use super::counts::{Counts, Loss, add};
use super::folder::{Folder, Refusal, Unfinished};
use super::name::EvidenceName;
use super::outlet::{AlertNote, Chunk, Item, Meta, Sink};
use super::pcapng::{self, PacketHead};
use crate::decode::LinkType;
use crate::event::AlertAction;
use rustc_hash::FxHashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

/// Comments of one packet; a packet that matches more rules is told with the first.
const MAX_COMMENTS: usize = 32;

/// Who writes, and from where packets come.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The sensor's name, if it has one.
    pub sensor_name: Option<String>,
    /// Names of the capture interfaces, by their index; none for capture files.
    pub interfaces: Vec<String>,
}

impl Origin {
    /// A section's comment.
    #[must_use]
    pub fn section_comment(&self, ruleset: Option<&str>) -> String {
        let mut text = String::from("sekisho");
        // Writing to a String cannot fail.
        if let Some(name) = &self.sensor_name {
            let _ = write!(text, " sensor={name}");
        }
        if let Some(hash) = ruleset {
            let _ = write!(text, " ruleset={hash}");
        }
        text
    }

    /// The place in the section of a packet's interface, which is described where it is new.
    pub fn interface(&self, known: &mut Vec<(u16, LinkType)>, meta: &Meta, snap: u32, out: &mut Vec<u8>) -> u32 {
        let own = (meta.interface, meta.link);
        let at = known.iter().position(|one| *one == own).unwrap_or_else(|| {
            let name = self.interfaces.get(usize::from(meta.interface)).map_or("", String::as_str);
            pcapng::interface(out, meta.link, name, snap);
            known.push(own);
            known.len() - 1
        });
        at as u32
    }
}

/// A packet that waits for what may be said of it.
#[derive(Debug)]
struct Last {
    head: PacketHead,
    data: Vec<u8>,
    comments: Vec<String>,
}

#[derive(Debug)]
struct Open {
    file: Unfinished,
    /// Blocks that are not on disk yet, and packets in them.
    buffer: Vec<u8>,
    buffered: u64,
    last: Option<Last>,
    interfaces: Vec<(u16, LinkType)>,
    /// Nothing more can be written, and why.
    failed: Option<Loss>,
}

impl Open {
    /// The packet that waited is in the buffer then.
    fn settle(&mut self) {
        if let Some(last) = self.last.take() {
            pcapng::packet(&mut self.buffer, last.head, &last.data, &last.comments);
            self.buffered += 1;
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct FlowWriter {
    folder: Folder,
    origin: Arc<Origin>,
    open: FxHashMap<EvidenceName, Open>,
    counts: Arc<Counts>,
}

impl FlowWriter {
    /// Into this folder.
    #[must_use]
    pub fn new(folder: Folder, origin: Arc<Origin>, counts: Arc<Counts>) -> Self {
        Self { folder, origin, open: FxHashMap::default(), counts }
    }

    /// Begins the file of that name, if it is not there.
    fn begin(&mut self, name: EvidenceName, ruleset: Option<&str>) -> Result<(), Refusal> {
        if !self.open.contains_key(&name) {
            let file = self.folder.create(name.to_string())?;
            let mut buffer = Vec::new();
            pcapng::section(&mut buffer, &self.origin.section_comment(ruleset));
            let (last, interfaces) = (None, Vec::new());
            self.open.insert(name, Open { file, buffer, buffered: 0, last, interfaces, failed: None });
        }
        Ok(())
    }

    fn packet(&mut self, name: EvidenceName, meta: &Meta, data: &[u8]) {
        if let Err(refusal) = self.begin(name, None) {
            return self.lose(refusal, 1);
        }
        let Some(open) = self.open.get_mut(&name) else { return };
        if let Some(loss) = open.failed {
            return self.counts.lose(loss, 1);
        }
        open.settle();
        let interface = self.origin.interface(&mut open.interfaces, meta, 0, &mut open.buffer);
        let head = PacketHead { interface, ts: meta.ts, wire_len: meta.wire_len };
        open.last = Some(Last { head, data: data.to_vec(), comments: Vec::new() });
    }

    fn end(&mut self, name: EvidenceName) {
        let Some(mut open) = self.open.remove(&name) else { return };
        open.settle();
        self.flush(&mut open);
        self.folder.finish(open.file);
    }

    fn flush(&mut self, open: &mut Open) {
        let packets = std::mem::take(&mut open.buffered);
        if let Some(loss) = open.failed {
            return self.counts.lose(loss, packets);
        }
        // A head with nothing behind it waits.
        if packets == 0 {
            return;
        }
        let done = self.folder.append(&mut open.file, &open.buffer);
        open.buffer.clear();
        match done {
            Ok(()) => {
                add(&self.counts.packets, packets);
                self.folder.tell(None);
            }
            Err(refusal) => {
                open.failed = Some(refusal.loss());
                self.lose(refusal, packets);
            }
        }
    }

    fn lose(&mut self, refusal: Refusal, packets: u64) {
        self.counts.lose(refusal.loss(), packets);
        self.folder.tell(Some(refusal));
    }
}

impl Sink for FlowWriter {
    fn take(&mut self, chunk: &Chunk) {
        for item in &chunk.items {
            match item {
                Item::Begin(name, ruleset) => {
                    if let Err(refusal) = self.begin(*name, Some(&ruleset.hash)) {
                        self.lose(refusal, 0);
                    }
                }
                Item::Packet(Some(name), meta, range) => {
                    self.packet(*name, meta, chunk.bytes.get(range.clone()).unwrap_or_default());
                }
                Item::Note(name, note) => {
                    if let Some(last) = self.open.get_mut(name).and_then(|open| open.last.as_mut())
                        && last.comments.len() < MAX_COMMENTS
                    {
                        last.comments.push(comment(note, name));
                    }
                }
                Item::End(name) => self.end(*name),
                Item::Packet(None, ..) => {}
            }
        }
        let mut all = std::mem::take(&mut self.open);
        all.values_mut().for_each(|open| self.flush(open));
        self.open = all;
    }

    fn tick(&mut self, now: SystemTime) {
        self.folder.tick(now);
    }

    fn end(&mut self) {
        let names: Vec<EvidenceName> = self.open.keys().copied().collect();
        names.into_iter().for_each(|name| self.end(name));
    }
}

/// What an alert's packet says.
fn comment(note: &AlertNote, name: &EvidenceName) -> String {
    let Some(signature) = note.ruleset.signatures.get(note.signature as usize) else { return String::new() };
    let action = match note.action {
        AlertAction::Allowed => "allowed",
        AlertAction::Blocked => "blocked",
    };
    let time = jiff::Timestamp::from_nanosecond(i128::from(note.ts.0)).unwrap_or_default();
    let mut text = format!(
        "alert gid={} sid={} rev={} severity={} action={action} time={time}",
        signature.gid, signature.sid, signature.rev, signature.priority
    );
    // Writing to a String cannot fail.
    if name.flow_id > 0 {
        let _ = write!(text, " flow_id={}", name.flow_id);
    }
    let _ = write!(text, " ruleset={} msg={:?}", note.ruleset.hash, &*signature.msg);
    text
}
