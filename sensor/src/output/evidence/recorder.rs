//! A worker's recorder: remembers recent packets by flow, and when a flow alerts, hands its packets from before and after over to be written.
//!
//! A frame's packets are noted as the worker comes to them (a tunnel's inner packet and its outer one are of two flows), and alerts
//! too; when the frame is done it is copied into the [`Ring`](super::ring::Ring) once, linked to its flows, and what the alerts ask for is handed over. So
//! the packet that alerts is always there: it is recorded before its alert is dealt with, whatever the limits say. The frame is kept
//! as it was captured, outer headers and tags included; the fragments of a datagram become part of its flow when it is whole.
//!
//! On the packet path nothing is allocated, but for the lists' first growth; what an alert costs is bounded by the flow's packets in the ring.

use super::config::EvidenceConfig;
use super::flow_memory::{Flows, Note, Place, datagram_key};
use super::name::EvidenceName;
use super::outlet::{AlertNote, Meta, Outlet};
use super::ring::FRAME_MAX;
use crate::decode::Frame;
use crate::flow::FlowIndex;
use crate::packet::Packet;
use crate::time::Timestamp;

/// Alerts of one frame that its comments tell.
const ALERTS: usize = 64;

crate::counters! {
    /// What a worker's recorder counts.
    pub struct EvidenceCounters {
        /// Packets that were remembered, in case their flow alerts.
        recorded => "evidence_recorded_packets_total",
        /// Packets that were not remembered, since their flow had its evidence.flow_bytes.
        beyond => "evidence_beyond_flow_bytes_packets_total",
        /// Files of evidence that were begun.
        begun => "evidence_begun_total",
        /// Flows whose packets after an alert were given up for another's, at evidence.open_flows.
        cut_short => "evidence_cut_short_total",
        /// Alerts of which no packet was left: their flow ended, and its packets had been written over.
        too_late => "evidence_too_late_alerts_total",
        /// Flows whose packets are being kept now.
        open => "evidence_open_flows",
    }
}

/// See the module.
#[derive(Debug)]
pub struct Recorder {
    flows: Option<Flows>,
    /// For all packets, and the bytes of each that are kept.
    rolling: Option<(Outlet, usize)>,
    /// What was counted so far.
    pub counters: EvidenceCounters,
}

impl Recorder {
    /// For the worker of this number, with room for `flows` flows. An outlet each for the packets of flows that alert and for all packets, where
    /// they are wanted.
    #[must_use]
    pub fn new(
        config: &EvidenceConfig,
        (flows, rolling): (Option<Outlet>, Option<Outlet>),
        worker: u16,
        flow_capacity: u64,
    ) -> Self {
        let snap = config.rolling.snap_bytes as usize;
        let snap = if snap == 0 { FRAME_MAX } else { snap };
        Self {
            flows: flows.map(|outlet| Flows::new(config, outlet, worker, flow_capacity)),
            rolling: rolling.map(|outlet| (outlet, snap)),
            counters: EvidenceCounters::default(),
        }
    }

    /// A packet of the frame at hand is of this flow.
    #[inline]
    pub fn in_flow(&mut self, index: FlowIndex, id: u64) {
        if let Some(flows) = &mut self.flows {
            let place = flows.place(index, id);
            // More are not decoded.
            let _ = flows.notes.try_push(Note::Flow(place));
        }
    }

    /// A packet of the frame at hand is of no flow.
    pub fn without_flow(&mut self, packet: &Packet<'_>) {
        if let Some(flows) = &mut self.flows
            && let Some(ip) = packet.ip.filter(|ip| ip.is_fragment)
        {
            let _ = flows.notes.try_push(Note::Fragment(datagram_key(packet, &ip)));
        }
    }

    /// The frame at hand alerted; on a flow, if it has one. The file that will have its packets.
    pub fn alert(&mut self, flow: Option<(FlowIndex, u64)>, note: AlertNote) -> Option<EvidenceName> {
        let flows = self.flows.as_mut()?;
        let place = flow.map_or(Place::NoFlow, |(index, id)| flows.place(index, id));
        let name = flows.name(place, note.ts);
        if flows.alerts.len() < ALERTS {
            flows.alerts.push((place, name, note));
        }
        Some(name)
    }

    /// A flow that ends alerted; no frame is at hand. The file that will have its packets, if any is left.
    pub fn alert_at_end(&mut self, index: FlowIndex, id: u64, note: AlertNote) -> Option<EvidenceName> {
        let flows = self.flows.as_mut()?;
        let place = flows.place(index, id);
        let chain = flows.chain(place);
        let last = chain.and_then(|chain| Some((chain, flows.ring.entry(chain.last)?)));
        if let Some((chain, _)) = last.filter(|(chain, last)| !chain.open && last.frame <= chain.written) {
            // All that there is lies in its last file.
            return Some(EvidenceName { flow_id: id, worker: flows.worker, start: Timestamp(chain.start) });
        }
        if last.is_none() && !chain.is_some_and(|chain| chain.open) {
            self.counters.too_late += 1;
            return None;
        }
        let name = flows.name(place, note.ts);
        flows.keep(place, name, note, &mut self.counters);
        // There are no more packets.
        flows.open.iter_mut().filter(|open| open.place == place).for_each(|open| open.done = true);
        Some(name)
    }

    /// The frame is done: all that was noted is of it.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>) {
        if let Some((outlet, snap)) = &mut self.rolling {
            let data = frame.data.get(..*snap).unwrap_or(frame.data);
            outlet.packet(None, meta_of(frame), [data, &[]]);
        }
        if let Some(flows) = &mut self.flows
            && !(flows.notes.is_empty() && flows.alerts.is_empty())
        {
            flows.frame(frame, &mut self.counters);
        }
    }

    /// The frame came to nothing: what was noted is forgotten.
    pub fn forget(&mut self) {
        if let Some(flows) = &mut self.flows {
            flows.notes.clear();
            flows.alerts.clear();
        }
    }

    /// To be called once a batch: what is complete is ended, what is old handed over.
    pub fn batch_end(&mut self, now: Timestamp) {
        if let Some((outlet, _)) = &mut self.rolling {
            outlet.batch_end(now);
        }
        if let Some(flows) = &mut self.flows {
            flows.close(|open| open.done || now > open.until);
            flows.outlet.batch_end(now);
            self.counters.open = flows.open.len() as u64;
        }
    }

    /// Hands over all there is: the worker stops.
    pub fn finish(&mut self) {
        if let Some((outlet, _)) = &mut self.rolling {
            outlet.hand_over();
        }
        if let Some(flows) = &mut self.flows {
            flows.close(|_| true);
            flows.outlet.hand_over();
        }
        self.counters.open = 0;
    }
}

fn meta_of(frame: &Frame<'_>) -> Meta {
    Meta { ts: frame.ts, link: frame.link, interface: frame.interface, wire_len: frame.wire_len }
}

#[cfg(test)]
mod tests {
    use super::super::counts::Counts;
    use super::super::outlet::{Chunk, Item, Sink, WriterThread};
    use super::*;
    use crate::decode::LinkType;
    use crate::event::AlertAction;
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    /// Remembers what it is given, in words.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Sink for Told {
        fn take(&mut self, chunk: &Chunk) {
            let mut told = self.0.lock().unwrap();
            for item in &chunk.items {
                told.push(match item {
                    Item::Begin(name, _) => format!("begin {}@{}", name.flow_id, name.start.0),
                    Item::Packet(name, _, range) => {
                        let name = name.map_or_else(|| "all".to_owned(), |name| name.flow_id.to_string());
                        format!("{name} {}", String::from_utf8_lossy(&chunk.bytes[range.clone()]))
                    }
                    Item::Note(name, note) => format!("alert {}@{}", name.flow_id, note.ts.0),
                    Item::End(name) => format!("end {}@{}", name.flow_id, name.start.0),
                });
            }
        }
        fn tick(&mut self, _: SystemTime) {}
        fn end(&mut self) {}
    }

    struct Bench {
        recorder: Recorder,
        thread: WriterThread,
        told: Told,
        now: u64,
    }

    impl Bench {
        fn new(config: &EvidenceConfig) -> Self {
            let told = Told::default();
            let sink = Box::new(told.clone());
            let thread = WriterThread::start("test", sink, Arc::<Counts>::default(), config.queue_bytes, true).unwrap();
            let recorder = Recorder::new(config, (Some(thread.outlet()), None), 0, 64);
            Self { recorder, thread, told, now: 0 }
        }

        /// A frame of that flow, a nanosecond after the one before.
        fn frame(&mut self, flow: u64, data: &str, alerts: bool) {
            self.now += 1;
            let ts = Timestamp(self.now);
            let index = FlowIndex(flow as u32);
            self.recorder.in_flow(index, flow);
            if alerts {
                let name = self.recorder.alert(Some((index, flow)), note(ts)).unwrap();
                assert_eq!(name.flow_id, flow);
            }
            let wire_len = data.len() as u32;
            let (number, interface, link) = (self.now, 0, LinkType::ETHERNET);
            self.recorder.frame(&Frame { ts, number, interface, link, data: data.as_bytes(), wire_len });
        }

        fn end(mut self) -> (Vec<String>, EvidenceCounters) {
            self.recorder.finish();
            let counters = self.recorder.counters;
            self.thread.finish();
            let told = self.told.0.lock().unwrap().clone();
            (told, counters)
        }
    }

    fn note(ts: Timestamp) -> AlertNote {
        AlertNote { ruleset: Arc::default(), signature: 0, action: AlertAction::Allowed, ts }
    }

    #[test]
    fn what_came_before_and_after_an_alert_is_kept_and_nothing_of_other_flows() {
        let mut bench = Bench::new(&EvidenceConfig::default());
        for (flow, data, alerts) in
            [(1, "a", false), (2, "x", false), (1, "b", false), (1, "c", true), (2, "y", false), (1, "d", false)]
        {
            bench.frame(flow, data, alerts);
        }
        let (told, counters) = bench.end();
        assert_eq!(told, ["begin 1@4", "1 a", "1 b", "1 c", "alert 1@4", "1 d", "end 1@4"]);
        assert_eq!((counters.recorded, counters.begun, counters.cut_short), (6, 1, 0));
    }

    #[test]
    fn one_flow_more_than_may_be_open_ends_the_oldest() {
        let mut bench = Bench::new(&EvidenceConfig { open_flows: 2, ..EvidenceConfig::default() });
        (1..=3).for_each(|flow| bench.frame(flow, "m", true));
        // Its packets are remembered again, but not kept until it alerts again: in a file of another name.
        bench.frame(1, "n", false);
        bench.recorder.batch_end(Timestamp(4));
        assert_eq!((bench.recorder.counters.open, bench.recorder.counters.cut_short), (2, 1));
        bench.frame(1, "o", true);
        let (told, counters) = bench.end();
        let expected =
            ["begin 1@1", "1 m", "alert 1@1", "begin 2@2", "2 m", "alert 2@2", "end 1@1", "begin 3@3", "3 m"];
        assert_eq!(told[..9], expected);
        assert_eq!(told[9..], ["alert 3@3", "end 2@2", "begin 1@5", "1 n", "1 o", "alert 1@5", "end 3@3", "end 1@5"]);
        assert_eq!((counters.begun, counters.cut_short, counters.open), (4, 2, 0));
    }

    #[test]
    fn packets_bytes_and_time_after_an_alert_are_limited() {
        let few = EvidenceConfig { after_packets: 2, ..EvidenceConfig::default() };
        let short = EvidenceConfig { after_bytes: 2, ..EvidenceConfig::default() };
        for config in [few, short] {
            let mut bench = Bench::new(&config);
            bench.frame(1, "m", true);
            ["a", "b", "c"].into_iter().for_each(|data| bench.frame(1, data, false));
            assert_eq!(bench.end().0, ["begin 1@1", "1 m", "alert 1@1", "1 a", "1 b", "end 1@1"], "{config:?}");
        }
        let mut bench = Bench::new(&EvidenceConfig { after_s: 10, ..EvidenceConfig::default() });
        bench.frame(1, "m", true);
        bench.recorder.batch_end(Timestamp(10_000_000_001));
        assert_eq!(bench.recorder.counters.open, 1);
        bench.recorder.batch_end(Timestamp(10_000_000_002));
        assert_eq!(bench.recorder.counters.open, 0);
        bench.frame(1, "late", false);
        assert_eq!(bench.end().0, ["begin 1@1", "1 m", "alert 1@1", "end 1@1"]);
    }

    #[test]
    fn beyond_its_first_bytes_a_flow_is_remembered_only_once_it_alerted() {
        let mut bench = Bench::new(&EvidenceConfig { flow_bytes: 4, ..EvidenceConfig::default() });
        for (data, alerts) in [("abcd", false), ("not this", false), ("m", true), ("after", false)] {
            bench.frame(1, data, alerts);
        }
        let (told, counters) = bench.end();
        assert_eq!(told, ["begin 1@3", "1 abcd", "1 m", "alert 1@3", "1 after", "end 1@3"]);
        assert_eq!((counters.recorded, counters.beyond), (3, 1));
    }

    #[test]
    fn a_flow_that_alerts_as_it_ends_has_its_packets_or_none() {
        let mut bench = Bench::new(&EvidenceConfig::default());
        bench.frame(1, "a", false);
        let name = bench.recorder.alert_at_end(FlowIndex(1), 1, note(Timestamp(9))).unwrap();
        assert_eq!((name.flow_id, name.start), (1, Timestamp(9)));
        // Nobody has seen a packet of this one.
        assert!(bench.recorder.alert_at_end(FlowIndex(2), 2, note(Timestamp(9))).is_none());
        let (told, counters) = bench.end();
        assert_eq!(told, ["begin 1@9", "1 a", "alert 1@9", "end 1@9"]);
        assert_eq!(counters.too_late, 1);
    }
}
