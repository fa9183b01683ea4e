//! "Why was my traffic dropped?": every reason for which a packet did not pass, or passed uninspected, with its count and a sentence.

use super::status::{Status, grouped};
use crate::ledger::{BypassReason, DropReason, Outcome};
use serde::Serialize;
use std::fmt;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DropLine {
    /// Who counted it: `worker`, `xdp` (the kernel's program) or `socket` (the kernel's AF_XDP socket).
    pub place: &'static str,
    /// `dropped`, `bypassed` or `forwarded`: whether the packet went on.
    pub action: String,
    /// The reason's word, as in the metrics.
    pub reason: String,
    /// Packets.
    pub packets: u64,
    /// What it means, and what to do.
    pub meaning: &'static str,
}

/// All reasons, also those that did not occur.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// In the order of a packet's way.
    pub reasons: Vec<DropLine>,
}

/// What the XDP program counts, and what it means.
const XDP: [(&str, &str); 11] = [
    (
        "dropped:no_socket",
        "no worker serves the queue, and the configuration says drop (capture.xdp.no_socket, or fail = \"closed\")",
    ),
    (
        "dropped:stale",
        "the queue's worker gave no sign of life for stale_ms, and the link fails closed: see the log, and `sekisho doctor`",
    ),
    ("aborted:redirect_refused", "the kernel refused to redirect the packet: a defect, please report it"),
    ("passed:no_socket", "no worker serves the queue: the host's own network stack got the packet"),
    (
        "passed:not_mirror",
        "it is not the mirror's that is sent to this interface's address: the host's own network stack got it",
    ),
    (
        "forwarded:no_socket",
        "no worker served the queue (the sensor was starting, stopped or dead): the kernel forwarded the packet uninspected",
    ),
    (
        "forwarded:stale",
        "the queue's worker gave no sign of life for stale_ms: the kernel forwarded the packet uninspected",
    ),
    ("dropped:block_list", "a list of capture.blocklist has one of its addresses"),
    (
        "dropped:load_shed",
        "the queue's worker was behind and the flow was new (capture.shedding): fewer rules, more queues, or a larger ring",
    ),
    (
        "bypassed:load_shed",
        "the queue's worker was behind and the flow was new (capture.shedding): the kernel forwarded the packet uninspected",
    ),
    (
        "bypassed:flow",
        "its flow needs no more inspection (a rule with bypass, or capture.bypass): the kernel let it by, and counted it to the flow",
    ),
];

/// What AF_XDP sockets lose, and what it means.
const SOCKET: [(&str, &str); 2] = [
    (
        "rx_ring_full",
        "the worker was too slow to empty its ring: fewer rules, more queues, or a larger capture.afxdp.rx_ring",
    ),
    (
        "rx_dropped",
        "the kernel had no empty frame, or the packet was longer than a frame: raise capture.afxdp.frames, or multi_buffer",
    ),
];

/// What a line of the ledger means; none for packets that took the usual way.
const fn meaning(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Inspected => return None,
        Outcome::Bypassed(reason) => match reason {
            BypassReason::NonIp => "it is no IP (ARP, LLDP, spanning tree), so there is nothing to inspect",
            BypassReason::Flow => {
                "its flow needs no more inspection: a pass rule, a rule with bypass, or capture.bypass"
            }
            BypassReason::Malformed => "it is too broken to decode, and exceptions.malformed lets it pass",
            BypassReason::Checksum => {
                "its checksum is wrong, so its receiver will not take it; exceptions.checksum lets it pass"
            }
            BypassReason::DefragLimit => {
                "a fragment beyond decode.defrag's limits, and exceptions.defrag_limit lets it pass"
            }
            BypassReason::FlowTableFull => {
                "the flow table is full (flow.memcap_bytes), and exceptions.flow_table_full lets it pass"
            }
            BypassReason::InternalError => {
                "the sensor failed on it, which is a defect; exceptions.internal_error lets it pass"
            }
            BypassReason::StreamMemory => {
                "no memory for segments that wait (stream.memcap_bytes), and exceptions.stream_memory lets it pass"
            }
            BypassReason::Midstream => {
                "its connection began before the sensor did, and exceptions.midstream lets it pass"
            }
            BypassReason::HoldLimit => {
                "it waited for its turn for hold_ms, or among hold_packets, and exceptions.hold_limit lets it pass"
            }
        },
        Outcome::Dropped(reason) => match reason {
            DropReason::Rule => {
                "a drop or reject rule matched, or its flow is dropped since one did: see the alerts and drop events"
            }
            DropReason::Malformed => "it is too broken to decode",
            DropReason::Checksum => "its checksum is wrong, so its receiver would not take it",
            DropReason::DefragLimit => "a fragment beyond decode.defrag's limits",
            DropReason::FlowTableFull => "the flow table is full: raise flow.memcap_bytes",
            DropReason::InternalError => "the sensor failed on it, which is a defect: see the log",
            DropReason::Shutdown => "it was received and not processed when the sensor stopped",
            DropReason::TxRingFull => "the other port did not take it in time: its link is slower, or down",
            DropReason::StreamMemory => "no memory for segments that wait: raise stream.memcap_bytes",
            DropReason::Midstream => "its connection began before the sensor did, and exceptions.midstream says drop",
            DropReason::HoldLimit => {
                "it waited for its turn for hold_ms, or among hold_packets, and exceptions.hold_limit says drop"
            }
            DropReason::Duplicate => "the mirror sent it twice; its first copy was inspected (capture.duplicates)",
            DropReason::Truncated => {
                "less of it is there than its IP header says: have the mirror send whole frames, or see decode.truncated"
            }
        },
    })
}

impl Drops {
    /// Out of what the sensor answered.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let mut reasons = Vec::new();
        let sum =
            |pick: &dyn Fn(&super::status::QueueStatus) -> Option<u64>| status.queues.iter().filter_map(pick).sum();
        for (word, meaning) in XDP {
            let packets = sum(&|queue| queue.xdp.get(word).copied());
            let (action, reason) = word.split_once(':').unwrap_or((word, ""));
            reasons.push(DropLine { place: "xdp", action: action.into(), reason: reason.into(), packets, meaning });
        }
        for (word, meaning) in SOCKET {
            let packets = sum(&|queue| queue.socket.get(word).copied());
            reasons.push(DropLine { place: "socket", action: "dropped".into(), reason: word.into(), packets, meaning });
        }
        for outcome in Outcome::ALL {
            let Some(meaning) = meaning(outcome) else { continue };
            let counts = match outcome {
                Outcome::Bypassed(_) => &status.total.bypassed,
                _ => &status.total.dropped,
            };
            let packets = counts.get(outcome.reason()).copied().unwrap_or_default();
            let (action, reason) = (outcome.kind().to_owned(), outcome.reason().to_owned());
            reasons.push(DropLine { place: "worker", action, reason, packets, meaning });
        }
        Self { reasons }
    }
}

/// The text of `sekisho status --drops`: first what occurred, then what did not.
impl fmt::Display for Drops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, line: &DropLine| {
            let DropLine { place, action, reason, packets, meaning } = line;
            writeln!(f, "{:>16}  {place:<7}{action:<10}{reason:<17}{meaning}", grouped(*packets))
        };
        writeln!(f, "{:>16}  {:<7}{:<10}{:<17}what it means", "packets", "by", "", "reason")?;
        self.reasons.iter().filter(|one| one.packets > 0).try_for_each(|one| line(f, one))?;
        writeln!(f, "\nand none of these:")?;
        self.reasons.iter().filter(|one| one.packets == 0).try_for_each(|one| line(f, one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_ebpf::Verdict;
    use std::collections::HashSet;

    #[test]
    fn every_reason_of_the_kernels_program_has_its_sentence() {
        let told: HashSet<&str> = XDP.iter().map(|(word, _)| *word).collect();
        for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Redirected) {
            let word = format!("{}:{}", verdict.kind(), verdict.reason());
            assert!(told.contains(word.as_str()), "{word}");
        }
    }

    #[test]
    fn what_occurred_comes_first_with_its_count() {
        let mut status = Status::default();
        status.total.dropped.insert("rule".into(), 1234);
        let text = Drops::of(&status).to_string();
        let second = text.lines().nth(1).unwrap();
        assert!(
            second.contains("1,234") && second.contains("rule") && second.contains("a drop or reject rule matched"),
            "{text}"
        );
        assert!(text.contains("forwarded no_socket"), "{text}");
    }
}
