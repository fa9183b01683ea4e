//! The kernel's side of one queue, for the metrics: the XDP program's counters and the socket's, by queue.

use super::interface::Attachment;
use crate::capture::afxdp::Socket;
use crate::capture::afxdp_statistics::AfxdpCounters;
use crate::output::sources::{KernelReading, KernelSource, SocketStatistics, XdpCount};
use sekisho_ebpf::Verdict;

/// What the metrics ask at every scrape. It keeps neither the socket open nor the program attached; once they are gone, the last
/// values stay.
#[must_use]
pub fn kernel_source(attachment: &Attachment, socket: &Socket) -> KernelSource {
    let (queue, mode) = (socket.facts().queue, socket.mode().as_str());
    let (attach, driver) = (attachment.place().as_str(), attachment.link().driver());
    let (statistics, counters) = (socket.statistics_reader(), attachment.counter_reader());
    Box::new(move || KernelReading {
        mode: mode.to_owned(),
        attach: attach.to_owned(),
        driver: driver.clone(),
        socket: Some(statistics.read().into()),
        xdp: counters.read(queue).map_or_else(
            |_| Vec::new(),
            |counters| {
                let count = |verdict: Verdict| XdpCount {
                    outcome: verdict.kind(),
                    reason: verdict.reason(),
                    packets: counters.packets(verdict),
                    bytes: counters.bytes(verdict),
                };
                Verdict::ALL.into_iter().map(count).collect()
            },
        ),
    })
}

impl From<AfxdpCounters> for SocketStatistics {
    fn from(counters: AfxdpCounters) -> Self {
        Self {
            rx_dropped: counters.rx_dropped,
            rx_invalid_descs: counters.rx_invalid_descs,
            tx_invalid_descs: counters.tx_invalid_descs,
            rx_ring_full: counters.rx_ring_full,
            rx_fill_ring_empty_descs: counters.rx_fill_ring_empty_descs,
            tx_ring_empty_descs: counters.tx_ring_empty_descs,
        }
    }
}
