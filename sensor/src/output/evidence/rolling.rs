//! Writes all packets into a ring of files: `rolling-TIME-N.pcapng`, TIME being that of the first packet.

use super::config::RollingConfig;
use super::counts::{Counts, add};
use super::flows::Origin;
use super::folder::{Folder, Refusal, Unfinished};
use super::name::{EXTENSION, time_text};
use super::outlet::{Chunk, Item, Sink};
use super::pcapng::{self, PACKET_OVERHEAD, PacketHead};
use crate::decode::LinkType;
use std::sync::Arc;
use std::time::SystemTime;

/// See the module.
#[derive(Debug)]
pub struct RollingWriter {
    folder: Folder,
    origin: Arc<Origin>,
    file_bytes: u64,
    snap_bytes: u32,
    file: Option<Unfinished>,
    interfaces: Vec<(u16, LinkType)>,
    buffer: Vec<u8>,
    buffered: u64,
    begun: u64,
    counts: Arc<Counts>,
}

impl RollingWriter {
    /// Into this folder.
    #[must_use]
    pub fn new(folder: Folder, config: &RollingConfig, origin: Arc<Origin>, counts: Arc<Counts>) -> Self {
        Self {
            folder,
            origin,
            file_bytes: config.file_bytes,
            snap_bytes: config.snap_bytes,
            file: None,
            interfaces: Vec::new(),
            buffer: Vec::new(),
            buffered: 0,
            begun: 0,
            counts,
        }
    }

    /// Puts what is buffered on disk. If that fails the file is over: what is lost may have described an interface.
    fn flush(&mut self) {
        let packets = std::mem::take(&mut self.buffered);
        let Some(mut file) = self.file.take() else { return };
        let done = self.folder.append(&mut file, &self.buffer);
        self.buffer.clear();
        match done {
            Ok(()) => {
                add(&self.counts.packets, packets);
                self.file = Some(file);
                self.folder.tell(None);
            }
            Err(refusal) => {
                self.folder.finish(file);
                self.lose(refusal, packets);
            }
        }
    }

    fn lose(&mut self, refusal: Refusal, packets: u64) {
        self.counts.lose(refusal.loss(), packets);
        self.folder.tell(Some(refusal));
    }

    fn turn_over(&mut self) {
        self.flush();
        if let Some(file) = self.file.take() {
            self.folder.finish(file);
        }
    }
}

impl Sink for RollingWriter {
    fn take(&mut self, chunk: &Chunk) {
        for item in &chunk.items {
            let Item::Packet(_, meta, range) = item else { continue };
            let data = chunk.bytes.get(range.clone()).unwrap_or_default();
            let buffered = self.buffer.len() as u64 + data.len() as u64 + PACKET_OVERHEAD;
            if self.file.as_ref().is_some_and(|file| file.bytes + buffered > self.file_bytes) {
                self.turn_over();
            }
            if self.file.is_none() {
                self.begun += 1;
                let name = format!("rolling-{}-{}.{EXTENSION}", time_text(meta.ts), self.begun);
                match self.folder.create(name) {
                    Ok(file) => self.file = Some(file),
                    Err(refusal) => {
                        self.lose(refusal, 1);
                        continue;
                    }
                }
                self.interfaces.clear();
                pcapng::section(&mut self.buffer, &self.origin.section_comment(None));
            }
            let interface = self.origin.interface(&mut self.interfaces, meta, self.snap_bytes, &mut self.buffer);
            let head = PacketHead { interface, ts: meta.ts, wire_len: meta.wire_len };
            pcapng::packet(&mut self.buffer, head, data, &[]);
            self.buffered += 1;
        }
        self.flush();
    }

    fn tick(&mut self, now: SystemTime) {
        self.folder.tick(now);
    }

    fn end(&mut self) {
        self.turn_over();
    }
}
