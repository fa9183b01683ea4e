//! Stream events: what the TCP tracker found odd, under the names that Suricata 8 gives them in its user guide and in the
//! rules that ship with it, so that `stream-event:` rules and EVE readers keep working.

macro_rules! stream_events {
    ($($variant:ident => $name:literal,)*) => {
        /// A stream event, under Suricata's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names are Suricata's")]
        pub enum StreamEvent { $($variant,)* }

        impl StreamEvent {
            /// Every event, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Its place in [`StreamEvent::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// As in EVE's `anomaly.event`: `stream.` and the word of the `stream-event` keyword.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => concat!("stream.", $name),)* }
            }

            /// The word of the `stream-event` keyword.
            #[must_use]
            pub const fn keyword(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event of a `stream-event` keyword, with or without `stream.` before it.
            #[must_use]
            pub fn from_keyword(word: &str) -> Option<Self> {
                match word.strip_prefix("stream.").unwrap_or(word) {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

stream_events! {
    ThreeWhsAckInWrongDir => "3whs_ack_in_wrong_dir",
    ThreeWhsAsyncWrongSeq => "3whs_async_wrong_seq",
    ThreeWhsRightSeqWrongAckEvasion => "3whs_right_seq_wrong_ack_evasion",
    ThreeWhsSynackInWrongDirection => "3whs_synack_in_wrong_direction",
    ThreeWhsSynackResendWithDifferentAck => "3whs_synack_resend_with_different_ack",
    ThreeWhsSynackResendWithDiffSeq => "3whs_synack_resend_with_diff_seq",
    ThreeWhsSynackToserverOnSynRecv => "3whs_synack_toserver_on_syn_recv",
    ThreeWhsSynackWithWrongAck => "3whs_synack_with_wrong_ack",
    ThreeWhsSynackFlood => "3whs_synack_flood",
    ThreeWhsSynackTfoDataIgnored => "3whs_synack_tfo_data_ignored",
    ThreeWhsSynFlood => "3whs_syn_flood",
    ThreeWhsSynResendDiffSeqOnSynRecv => "3whs_syn_resend_diff_seq_on_syn_recv",
    ThreeWhsSynToclientOnSynRecv => "3whs_syn_toclient_on_syn_recv",
    ThreeWhsWrongSeqWrongAck => "3whs_wrong_seq_wrong_ack",
    ThreeWhsAckDataInject => "3whs_ack_data_inject",
    FourWhsSynackWithWrongAck => "4whs_synack_with_wrong_ack",
    FourWhsSynackWithWrongSyn => "4whs_synack_with_wrong_syn",
    FourWhsWrongSeq => "4whs_wrong_seq",
    FourWhsInvalidAck => "4whs_invalid_ack",
    ClosewaitAckOutOfWindow => "closewait_ack_out_of_window",
    ClosewaitFinOutOfWindow => "closewait_fin_out_of_window",
    ClosewaitPktBeforeLastAck => "closewait_pkt_before_last_ack",
    ClosewaitInvalidAck => "closewait_invalid_ack",
    ClosingAckWrongSeq => "closing_ack_wrong_seq",
    ClosingInvalidAck => "closing_invalid_ack",
    EstAckZwpData => "est_ack_zwp_data",
    EstPacketOutOfWindow => "est_packet_out_of_window",
    EstPktBeforeLastAck => "est_pkt_before_last_ack",
    EstSynackResend => "est_synack_resend",
    EstSynackResendWithDifferentAck => "est_synack_resend_with_different_ack",
    EstSynackResendWithDiffSeq => "est_synack_resend_with_diff_seq",
    EstSynackToserver => "est_synack_toserver",
    EstSynResend => "est_syn_resend",
    EstSynResendDiffSeq => "est_syn_resend_diff_seq",
    EstSynToclient => "est_syn_toclient",
    EstInvalidAck => "est_invalid_ack",
    FinInvalidAck => "fin_invalid_ack",
    Fin1AckWrongSeq => "fin1_ack_wrong_seq",
    Fin1FinWrongSeq => "fin1_fin_wrong_seq",
    Fin1InvalidAck => "fin1_invalid_ack",
    Fin2AckWrongSeq => "fin2_ack_wrong_seq",
    Fin2FinWrongSeq => "fin2_fin_wrong_seq",
    Fin2InvalidAck => "fin2_invalid_ack",
    FinButNoSession => "fin_but_no_session",
    FinOutOfWindow => "fin_out_of_window",
    FinSyn => "fin_syn",
    LastackAckWrongSeq => "lastack_ack_wrong_seq",
    LastackInvalidAck => "lastack_invalid_ack",
    RstButNoSession => "rst_but_no_session",
    RstInvalidAck => "rst_invalid_ack",
    RstWithData => "rst_with_data",
    TimewaitAckWrongSeq => "timewait_ack_wrong_seq",
    TimewaitInvalidAck => "timewait_invalid_ack",
    ShutdownSynResend => "shutdown_syn_resend",
    PktInvalidTimestamp => "pkt_invalid_timestamp",
    PktInvalidAck => "pkt_invalid_ack",
    PktBrokenAck => "pkt_broken_ack",
    PktBadWindowUpdate => "pkt_bad_window_update",
    PktRetransmission => "pkt_retransmission",
    PktSpuriousRetransmission => "pkt_spurious_retransmission",
    SuspectedRstInject => "suspected_rst_inject",
    // Never raised: a flow's packets are all of one queue, and a queue's of one worker.
    WrongThread => "wrong_thread",
    ReassemblySegmentBeforeBaseSeq => "reassembly_segment_before_base_seq",
    // Never raised: segments have no pool of their own that could run out; the one of their bytes has reassembly_insert_memcap.
    ReassemblyNoSegment => "reassembly_no_segment",
    ReassemblySeqGap => "reassembly_seq_gap",
    ReassemblyOverlapDifferentData => "reassembly_overlap_different_data",
    ReassemblyDepthReached => "reassembly_depth_reached",
    ReassemblyInsertLimit => "reassembly_insert_limit",
    ReassemblyInsertMemcap => "reassembly_insert_memcap",
    // Never raised: it stands for a defect of Suricata's own, a segment that its store refuses. Ours takes every segment that was judged valid.
    ReassemblyInsertInvalid => "reassembly_insert_invalid",
    // Never raised: urgent data stays in the stream, as the standard has it (RFC 6093, 2.1), so there is no limit to how much is taken out.
    ReassemblyUrgentOobLimitReached => "reassembly_urgent_oob_limit_reached",
}

const _: () = assert!(StreamEvent::ALL.len() <= 128, "StreamEventSet has 128 bits");

/// The set of stream events of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEventSet(u128);

impl StreamEventSet {
    /// No event.
    pub const EMPTY: Self = Self(0);

    /// Adds `event`.
    pub fn insert(&mut self, event: StreamEvent) {
        self.0 |= 1 << event as u8;
    }

    /// Whether `event` is in the set.
    #[must_use]
    pub const fn contains(self, event: StreamEvent) -> bool {
        self.0 & (1 << event as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The events, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = StreamEvent> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            if bits == 0 {
                return None;
            }
            let place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            StreamEvent::ALL.get(place).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_distinct_and_lead_back_to_their_event() {
        let mut seen = HashSet::new();
        for &event in StreamEvent::ALL {
            assert!(seen.insert(event.name()));
            assert_eq!(StreamEvent::from_keyword(event.name()), Some(event));
            assert_eq!(StreamEvent::from_keyword(event.keyword()), Some(event));
        }
        assert_eq!(StreamEvent::from_keyword("no_such_event"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        for &event in StreamEvent::ALL {
            let mut set = StreamEventSet::default();
            assert!(set.is_empty());
            set.insert(event);
            assert!(set.contains(event) && !set.is_empty());
            assert_eq!(set.iter().collect::<Vec<_>>(), [event]);
        }
        let mut all = StreamEventSet::EMPTY;
        StreamEvent::ALL.iter().for_each(|&event| all.insert(event));
        assert_eq!(all.iter().collect::<Vec<_>>(), StreamEvent::ALL);
    }
}
