//! Which of our counters stand in `stats` events, under which of Suricata's names.

/// Path below `stats`, and the name of our metric without its prefix. Only where both count the same thing.
pub(super) const STATS: &[(&str, &str)] = &[
    ("decoder.arp", "decode_arp_packets_total"),
    ("decoder.bytes", "decode_bytes_total"),
    ("decoder.chdlc", "decode_chdlc_frames_total"),
    ("decoder.erspan", "decode_erspan_packets_total"),
    ("decoder.esp", "decode_esp_packets_total"),
    ("decoder.ethernet", "decode_ethernet_packets_total"),
    ("decoder.geneve", "decode_geneve_packets_total"),
    ("decoder.gre", "decode_gre_packets_total"),
    ("decoder.icmpv4", "decode_icmpv4_packets_total"),
    ("decoder.icmpv6", "decode_icmpv6_packets_total"),
    ("decoder.ieee8021ah", "decode_ieee8021ah_packets_total"),
    ("decoder.invalid", "decode_invalid_packets_total"),
    ("decoder.ipv4", "decode_ipv4_packets_total"),
    ("decoder.ipv4_in_ipv4", "decode_ipv4_in_ipv4_packets_total"),
    ("decoder.ipv4_in_ipv6", "decode_ipv4_in_ipv6_packets_total"),
    ("decoder.ipv6", "decode_ipv6_packets_total"),
    ("decoder.ipv6_in_ipv4", "decode_ipv6_in_ipv4_packets_total"),
    ("decoder.ipv6_in_ipv6", "decode_ipv6_in_ipv6_packets_total"),
    ("decoder.mpls", "decode_mpls_packets_total"),
    ("decoder.nsh", "decode_nsh_packets_total"),
    ("decoder.null", "decode_null_frames_total"),
    ("decoder.pkts", "decode_frames_total"),
    ("decoder.ppp", "decode_ppp_packets_total"),
    ("decoder.pppoe", "decode_pppoe_packets_total"),
    ("decoder.raw", "decode_raw_frames_total"),
    ("decoder.sctp", "decode_sctp_packets_total"),
    ("decoder.sll", "decode_sll_frames_total"),
    ("decoder.sll2", "decode_sll2_frames_total"),
    ("decoder.tcp", "decode_tcp_packets_total"),
    ("decoder.teredo", "decode_teredo_packets_total"),
    ("decoder.too_many_layers", "decode_too_many_layers_packets_total"),
    ("decoder.udp", "decode_udp_packets_total"),
    ("decoder.unknown_ethertype", "decode_unknown_ethertype_packets_total"),
    ("decoder.vlan", "decode_vlan_packets_total"),
    ("decoder.vlan_qinq", "decode_vlan_qinq_packets_total"),
    ("decoder.vlan_qinqinq", "decode_vlan_qinqinq_packets_total"),
    ("decoder.vntag", "decode_vntag_packets_total"),
    ("decoder.vxlan", "decode_vxlan_packets_total"),
];

/// Where an event stands: `decoder.ipv4.trunc_pkt` under `decoder.event.ipv4.trunc_pkt`, `stream.…` under its own name.
pub(super) fn event_path(event: &str) -> Option<String> {
    if let Some(rest) = event.strip_prefix("decoder.") {
        return Some(format!("decoder.event.{rest}"));
    }
    event.starts_with("stream.").then(|| event.to_owned())
}
