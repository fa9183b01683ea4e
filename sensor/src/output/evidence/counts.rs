//! What became of packets that were to be written, and what is on the disk: for metrics.

use crate::output::sources::Sample;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of packets. `packets` + all `lost` = what was handed over, once all is written.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "see the samples")]
pub struct Counts {
    pub queued_bytes: AtomicU64,
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    pub files: AtomicU64,
    pub lost_queue_full: AtomicU64,
    pub lost_disk_full: AtomicU64,
    pub lost_over_total: AtomicU64,
    pub lost_failed: AtomicU64,
    pub removed_size: AtomicU64,
    pub removed_age: AtomicU64,
    pub stored_bytes: AtomicU64,
    pub stored_files: AtomicU64,
}

/// What was written, when all is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EvidenceWritten {
    /// Files that were completed.
    pub files: u64,
    /// Packets in them.
    pub packets: u64,
    /// Packets that should be and are not, for any reason.
    pub lost_packets: u64,
}

/// Why packets are not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    QueueFull,
    DiskFull,
    OverTotal,
    Failed,
}

/// Counts up.
pub fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

impl Counts {
    /// Packets that are not written.
    pub fn lose(&self, loss: Loss, packets: u64) {
        let count = match loss {
            Loss::QueueFull => &self.lost_queue_full,
            Loss::DiskFull => &self.lost_disk_full,
            Loss::OverTotal => &self.lost_over_total,
            Loss::Failed => &self.lost_failed,
        };
        add(count, packets);
    }

    /// For a summary.
    #[must_use]
    pub fn written(&self) -> EvidenceWritten {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let lost = [&self.lost_queue_full, &self.lost_disk_full, &self.lost_over_total, &self.lost_failed];
        EvidenceWritten {
            files: read(&self.files),
            packets: read(&self.packets),
            lost_packets: lost.into_iter().map(read).sum(),
        }
    }

    /// For metrics; `store` is `flows` or `rolling`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating point; counts are exact to 2^53")]
    pub fn samples(&self, store: &'static str) -> Vec<Sample> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let lost = [
            ("queue_full", &self.lost_queue_full),
            ("disk_full", &self.lost_disk_full),
            ("over_total", &self.lost_over_total),
            ("failed", &self.lost_failed),
        ];
        let lost = lost.map(|(reason, count)| {
            let help = "Packets that were to be written and are not, by reason: the disk was too slow, had less free than min_free_bytes, total_bytes was used by files in the making, or writing failed.";
            Sample::counter("evidence_lost_packets_total", help, read(count)).label("reason", reason)
        });
        let removed = [("size", &self.removed_size), ("age", &self.removed_age)].map(|(reason, count)| {
            let help = "Files that were removed to keep total_bytes, total_files or max_age_s.";
            Sample::counter("evidence_removed_files_total", help, read(count)).label("reason", reason)
        });
        let rest = [
            Sample::counter("evidence_written_packets_total", "Packets in files of evidence.", read(&self.packets)),
            Sample::counter("evidence_written_bytes_total", "Bytes written to files of evidence.", read(&self.bytes)),
            Sample::counter(
                "evidence_written_files_total",
                "Files of evidence that were completed.",
                read(&self.files),
            ),
            Sample::gauge("evidence_stored_bytes", "Bytes of evidence on disk now.", read(&self.stored_bytes) as f64),
            Sample::gauge("evidence_stored_files", "Files of evidence on disk now.", read(&self.stored_files) as f64),
            Sample::gauge(
                "evidence_queued_bytes",
                "Memory of packets that wait for the disk.",
                read(&self.queued_bytes) as f64,
            ),
        ];
        lost.into_iter().chain(removed).chain(rest).map(|sample| sample.label("store", store)).collect()
    }
}
