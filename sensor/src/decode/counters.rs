//! What the decoder counts.

crate::counters! {
    /// Packets by protocol, and what was odd about them. A frame can count under several.
    pub struct DecodeCounters {
        /// Frames that were given to the decoder.
        frames => "decode_frames_total",
        /// Captured bytes of those frames.
        bytes => "decode_bytes_total",
        /// Frames of which the capture holds less than was on the wire.
        truncated => "decode_truncated_frames_total",
        /// IP packets of which less is there than their header says.
        cut => "decode_truncated_packets_total",
        /// Packets with an event that makes them invalid.
        invalid => "decode_invalid_packets_total",
        /// Frames of a link type that is not known.
        unknown_link_type => "decode_unknown_link_type_frames_total",
        /// Packets of an EtherType that is not known.
        unknown_ethertype => "decode_unknown_ethertype_packets_total",
        /// Ethernet headers, those inside tunnels included.
        ethernet => "decode_ethernet_packets_total",
        /// Packets with one VLAN tag.
        vlan => "decode_vlan_packets_total",
        /// Packets with two VLAN tags.
        vlan_qinq => "decode_vlan_qinq_packets_total",
        /// Packets with three VLAN tags.
        vlan_qinqinq => "decode_vlan_qinqinq_packets_total",
        /// Frames of raw IP with no link header.
        raw => "decode_raw_frames_total",
        /// Frames of BSD loopback captures.
        null => "decode_null_frames_total",
        /// Frames of Linux cooked captures, version 1.
        sll => "decode_sll_frames_total",
        /// Frames of Linux cooked captures, version 2.
        sll2 => "decode_sll2_frames_total",
        /// Cisco HDLC frames.
        chdlc => "decode_chdlc_frames_total",
        /// PPP frames, those inside PPPoE and GRE included.
        ppp => "decode_ppp_packets_total",
        /// PPPoE packets, discovery and session.
        pppoe => "decode_pppoe_packets_total",
        /// MPLS label stacks.
        mpls => "decode_mpls_packets_total",
        /// Virtual NIC tags (802.1BR's ancestor VN-Tag).
        vntag => "decode_vntag_packets_total",
        /// Provider backbone bridging headers (802.1ah).
        ieee8021ah => "decode_ieee8021ah_packets_total",
        /// Network service headers (RFC 8300).
        nsh => "decode_nsh_packets_total",
        /// ARP packets.
        arp => "decode_arp_packets_total",
        /// IPv4 packets, reassembled ones included.
        ipv4 => "decode_ipv4_packets_total",
        /// IPv6 packets, reassembled ones included.
        ipv6 => "decode_ipv6_packets_total",
        /// TCP segments.
        tcp => "decode_tcp_packets_total",
        /// UDP datagrams.
        udp => "decode_udp_packets_total",
        /// ICMP messages.
        icmpv4 => "decode_icmpv4_packets_total",
        /// ICMPv6 messages.
        icmpv6 => "decode_icmpv6_packets_total",
        /// SCTP packets.
        sctp => "decode_sctp_packets_total",
        /// ESP packets.
        esp => "decode_esp_packets_total",
        /// GRE packets.
        gre => "decode_gre_packets_total",
        /// ERSPAN packets, types I to III.
        erspan => "decode_erspan_packets_total",
        /// VXLAN packets.
        vxlan => "decode_vxlan_packets_total",
        /// GENEVE packets.
        geneve => "decode_geneve_packets_total",
        /// Teredo packets.
        teredo => "decode_teredo_packets_total",
        /// IPv4 in IPv4.
        ipv4_in_ipv4 => "decode_ipv4_in_ipv4_packets_total",
        /// IPv6 in IPv4.
        ipv6_in_ipv4 => "decode_ipv6_in_ipv4_packets_total",
        /// IPv4 in IPv6.
        ipv4_in_ipv6 => "decode_ipv4_in_ipv6_packets_total",
        /// IPv6 in IPv6.
        ipv6_in_ipv6 => "decode_ipv6_in_ipv6_packets_total",
        /// Packets given up because of too many headers or tunnels inside each other.
        too_many_layers => "decode_too_many_layers_packets_total",
        /// Packets with a wrong IP or transport checksum.
        bad_checksum => "decode_bad_checksum_packets_total",
    }
}
