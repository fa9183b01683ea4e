//! Which of our counters stand in `stats` events, under which of Suricata's names.

/// Path below `stats`, and the names of our metrics, without their prefix, that add up to it. Only where both count the
/// same thing.
pub(super) const STATS: &[(&str, &[&str])] = &[
    ("decoder.arp", &["decode_arp_packets_total"]),
    ("decoder.bytes", &["decode_bytes_total"]),
    ("decoder.chdlc", &["decode_chdlc_frames_total"]),
    ("decoder.erspan", &["decode_erspan_packets_total"]),
    ("decoder.esp", &["decode_esp_packets_total"]),
    ("decoder.ethernet", &["decode_ethernet_packets_total"]),
    ("decoder.geneve", &["decode_geneve_packets_total"]),
    ("decoder.gre", &["decode_gre_packets_total"]),
    ("decoder.icmpv4", &["decode_icmpv4_packets_total"]),
    ("decoder.icmpv6", &["decode_icmpv6_packets_total"]),
    ("decoder.ieee8021ah", &["decode_ieee8021ah_packets_total"]),
    ("decoder.invalid", &["decode_invalid_packets_total"]),
    ("decoder.ipv4", &["decode_ipv4_packets_total"]),
    ("decoder.ipv4_in_ipv4", &["decode_ipv4_in_ipv4_packets_total"]),
    ("decoder.ipv4_in_ipv6", &["decode_ipv4_in_ipv6_packets_total"]),
    ("decoder.ipv6", &["decode_ipv6_packets_total"]),
    ("decoder.ipv6_in_ipv4", &["decode_ipv6_in_ipv4_packets_total"]),
    ("decoder.ipv6_in_ipv6", &["decode_ipv6_in_ipv6_packets_total"]),
    ("decoder.mpls", &["decode_mpls_packets_total"]),
    ("decoder.nsh", &["decode_nsh_packets_total"]),
    ("decoder.null", &["decode_null_frames_total"]),
    ("decoder.pkts", &["decode_frames_total"]),
    ("decoder.ppp", &["decode_ppp_packets_total"]),
    ("decoder.pppoe", &["decode_pppoe_packets_total"]),
    ("decoder.raw", &["decode_raw_frames_total"]),
    ("decoder.sctp", &["decode_sctp_packets_total"]),
    ("decoder.sll", &["decode_sll_frames_total"]),
    ("decoder.sll2", &["decode_sll2_frames_total"]),
    ("decoder.tcp", &["decode_tcp_packets_total"]),
    ("decoder.teredo", &["decode_teredo_packets_total"]),
    ("decoder.too_many_layers", &["decode_too_many_layers_packets_total"]),
    ("decoder.udp", &["decode_udp_packets_total"]),
    ("decoder.unknown_ethertype", &["decode_unknown_ethertype_packets_total"]),
    ("decoder.vlan", &["decode_vlan_packets_total"]),
    ("decoder.vlan_qinq", &["decode_vlan_qinq_packets_total"]),
    ("decoder.vlan_qinqinq", &["decode_vlan_qinqinq_packets_total"]),
    ("decoder.vntag", &["decode_vntag_packets_total"]),
    ("decoder.vxlan", &["decode_vxlan_packets_total"]),
    ("defrag.ipv4.fragments", &["defrag_ipv4_fragments_total"]),
    ("defrag.ipv4.reassembled", &["defrag_ipv4_reassembled_total"]),
    ("defrag.ipv4.timeouts", &["defrag_ipv4_timeouts_total"]),
    ("defrag.ipv6.fragments", &["defrag_ipv6_fragments_total"]),
    ("defrag.ipv6.reassembled", &["defrag_ipv6_reassembled_total"]),
    ("defrag.ipv6.timeouts", &["defrag_ipv6_timeouts_total"]),
    ("defrag.memuse", &["defrag_memory_bytes"]),
    ("detect.alerts_suppressed", &["detect_suppressed_total"]),
    ("flow.active", &["flow_active"]),
    ("flow.memcap", &["flow_table_full_packets_total"]),
    ("flow.memuse", &["flow_memory_bytes"]),
    ("flow.tcp", &["flow_created_tcp_total"]),
    ("flow.tcp_reuse", &["flow_ended_reused_total"]),
    ("flow.total", &["flow_created_total"]),
    ("flow.udp", &["flow_created_udp_total"]),
    ("flow_bypassed.bytes", &["bypass_kernel_bytes_total"]),
    ("flow_bypassed.pkts", &["bypass_kernel_packets_total"]),
    ("tcp.midstream_pickups", &["stream_midstream_sessions_total"]),
    ("tcp.overlap_diff_data", &["stream_overlap_different_data_total"]),
    ("tcp.reassembly_gap", &["stream_gaps_total"]),
    ("tcp.reassembly_memuse", &["stream_memory_bytes"]),
    ("tcp.sessions", &["stream_sessions_total", "stream_midstream_sessions_total"]),
    ("tcp.stream_depth_reached", &["stream_depth_reached_total"]),
];

/// Where an event stands: `decoder.ipv4.trunc_pkt` under `decoder.event.ipv4.trunc_pkt`, `stream.…` under its own name,
/// but for two that the schema spells in another way than the rule language does.
pub(super) fn event_path(event: &str) -> Option<String> {
    match event {
        // A counter of its own in the schema, and in `STATS`.
        "decoder.too_many_layers" => None,
        "stream.3whs_synack_resend_with_different_ack" => Some("stream.3whs_synack_resend_with_diff_ack".to_owned()),
        "stream.est_synack_resend_with_different_ack" => Some("stream.est_synack_resend_with_diff_ack".to_owned()),
        _ => match event.strip_prefix("decoder.") {
            Some(rest) => Some(format!("decoder.event.{rest}")),
            None => event.starts_with("stream.").then(|| event.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sources::Block;
    use crate::worker::Worker;
    use std::collections::HashSet;

    #[test]
    fn every_counter_that_stats_name_is_counted_by_a_worker() {
        let layout = Worker::layout();
        let counters = layout.iter().filter_map(|block| match block {
            Block::Counters(info) => Some(*info),
            Block::Labelled { .. } => None,
        });
        let known: HashSet<&str> = counters.flatten().map(|info| info.name).collect();
        for (path, names) in STATS {
            for name in *names {
                assert!(known.contains(name), "{path}: no worker counts {name}");
            }
        }
    }

    #[test]
    fn paths_are_sorted_and_there_once() {
        assert!(STATS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn events_stand_where_the_schema_has_them() {
        assert_eq!(event_path("decoder.ipv4.trunc_pkt").as_deref(), Some("decoder.event.ipv4.trunc_pkt"));
        assert_eq!(event_path("stream.3whs_synack_flood").as_deref(), Some("stream.3whs_synack_flood"));
        assert_eq!(
            event_path("stream.est_synack_resend_with_different_ack").as_deref(),
            Some("stream.est_synack_resend_with_diff_ack")
        );
        assert_eq!(event_path("decoder.too_many_layers"), None);
        assert_eq!(event_path("http.something"), None);
    }
}
