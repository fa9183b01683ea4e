//! Decoder events: what can be wrong with a packet, under the names that Suricata 8 gives them, so that rules
//! (`decode-event:ipv4.trunc_pkt`), EVE anomalies (`decoder.ipv4.trunc_pkt`) and metrics all say the same word.
//!
//! A packet carries its events as a bit set; raising one costs an `or`.

macro_rules! decode_events {
    ($($variant:ident => $name:literal, $invalid:literal;)+) => {
        /// A decoder event, under Suricata's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DecodeEvent {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl DecodeEvent {
            /// Every event, in the order of the discriminants.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];
            /// How many there are.
            pub const COUNT: usize = [$(Self::$variant),+].len();
            const NAMES: [&'static str; Self::COUNT] = [$($name),+];
            const INVALID: [bool; Self::COUNT] = [$($invalid),+];
        }
    };
}

decode_events! {
    // variant => name, whether it makes the packet invalid
    Ipv4FragIgnored => "decoder.ipv4.frag_ignored", false;
    Ipv4FragOverlap => "decoder.ipv4.frag_overlap", false;
    Ipv4FragPktTooLarge => "decoder.ipv4.frag_pkt_too_large", false;
    Ipv4HlenTooSmall => "decoder.ipv4.hlen_too_small", true;
    Ipv4Icmpv6 => "decoder.ipv4.icmpv6", false;
    Ipv4IplenSmallerThanHlen => "decoder.ipv4.iplen_smaller_than_hlen", true;
    Ipv4OptDuplicate => "decoder.ipv4.opt_duplicate", false;
    Ipv4OptEolRequired => "decoder.ipv4.opt_eol_required", false;
    Ipv4OptInvalid => "decoder.ipv4.opt_invalid", true;
    Ipv4OptInvalidLen => "decoder.ipv4.opt_invalid_len", true;
    Ipv4OptMalformed => "decoder.ipv4.opt_malformed", true;
    Ipv4OptPadRequired => "decoder.ipv4.opt_pad_required", false;
    Ipv4OptUnknown => "decoder.ipv4.opt_unknown", false;
    Ipv4PktTooSmall => "decoder.ipv4.pkt_too_small", true;
    Ipv4TruncPkt => "decoder.ipv4.trunc_pkt", true;
    Ipv4WrongIpVersion => "decoder.ipv4.wrong_ip_version", true;
    Ipv6DataAfterNoneHeader => "decoder.ipv6.data_after_none_header", false;
    Ipv6DstoptsOnlyPadding => "decoder.ipv6.dstopts_only_padding", false;
    Ipv6DstoptsUnknownOpt => "decoder.ipv6.dstopts_unknown_opt", false;
    Ipv6ExthdrAhResNotNull => "decoder.ipv6.exthdr_ah_res_not_null", false;
    Ipv6ExthdrDuplAh => "decoder.ipv6.exthdr_dupl_ah", false;
    Ipv6ExthdrDuplDh => "decoder.ipv6.exthdr_dupl_dh", false;
    Ipv6ExthdrDuplEh => "decoder.ipv6.exthdr_dupl_eh", false;
    Ipv6ExthdrDuplFh => "decoder.ipv6.exthdr_dupl_fh", false;
    Ipv6ExthdrDuplHh => "decoder.ipv6.exthdr_dupl_hh", false;
    Ipv6ExthdrDuplRh => "decoder.ipv6.exthdr_dupl_rh", false;
    Ipv6ExthdrInvalidOptlen => "decoder.ipv6.exthdr_invalid_optlen", true;
    Ipv6ExthdrUselessFh => "decoder.ipv6.exthdr_useless_fh", false;
    Ipv6FhNonZeroReservedField => "decoder.ipv6.fh_non_zero_reserved_field", false;
    Ipv6FragIgnored => "decoder.ipv6.frag_ignored", false;
    Ipv6FragInvalidLength => "decoder.ipv6.frag_invalid_length", false;
    Ipv6FragOverlap => "decoder.ipv6.frag_overlap", false;
    Ipv6FragPktTooLarge => "decoder.ipv6.frag_pkt_too_large", false;
    Ipv6HopoptsOnlyPadding => "decoder.ipv6.hopopts_only_padding", false;
    Ipv6HopoptsUnknownOpt => "decoder.ipv6.hopopts_unknown_opt", false;
    Ipv6Icmpv4 => "decoder.ipv6.icmpv4", false;
    Ipv6Ipv4InIpv6TooSmall => "decoder.ipv6.ipv4_in_ipv6_too_small", true;
    Ipv6Ipv4InIpv6WrongVersion => "decoder.ipv6.ipv4_in_ipv6_wrong_version", true;
    Ipv6Ipv6InIpv6TooSmall => "decoder.ipv6.ipv6_in_ipv6_too_small", true;
    Ipv6Ipv6InIpv6WrongVersion => "decoder.ipv6.ipv6_in_ipv6_wrong_version", true;
    Ipv6PktTooSmall => "decoder.ipv6.pkt_too_small", true;
    Ipv6RhType0 => "decoder.ipv6.rh_type_0", false;
    Ipv6TruncExthdr => "decoder.ipv6.trunc_exthdr", true;
    Ipv6TruncPkt => "decoder.ipv6.trunc_pkt", true;
    Ipv6UnknownNextHeader => "decoder.ipv6.unknown_next_header", false;
    Ipv6WrongIpVersion => "decoder.ipv6.wrong_ip_version", true;
    Ipv6ZeroLenPadn => "decoder.ipv6.zero_len_padn", false;
    Icmpv4Ipv4TruncPkt => "decoder.icmpv4.ipv4_trunc_pkt", false;
    Icmpv4Ipv4UnknownVer => "decoder.icmpv4.ipv4_unknown_ver", false;
    Icmpv4PktTooSmall => "decoder.icmpv4.pkt_too_small", true;
    Icmpv4UnknownCode => "decoder.icmpv4.unknown_code", false;
    Icmpv4UnknownType => "decoder.icmpv4.unknown_type", false;
    Icmpv6ExperimentationType => "decoder.icmpv6.experimentation_type", false;
    Icmpv6Ipv6TruncPkt => "decoder.icmpv6.ipv6_trunc_pkt", false;
    Icmpv6Ipv6UnknownVersion => "decoder.icmpv6.ipv6_unknown_version", false;
    Icmpv6MldMessageWithInvalidHl => "decoder.icmpv6.mld_message_with_invalid_hl", false;
    Icmpv6PktTooSmall => "decoder.icmpv6.pkt_too_small", true;
    Icmpv6UnassignedType => "decoder.icmpv6.unassigned_type", false;
    Icmpv6UnknownCode => "decoder.icmpv6.unknown_code", false;
    Icmpv6UnknownType => "decoder.icmpv6.unknown_type", false;
    TcpHlenTooSmall => "decoder.tcp.hlen_too_small", true;
    TcpInvalidOptlen => "decoder.tcp.invalid_optlen", true;
    TcpOptDuplicate => "decoder.tcp.opt_duplicate", false;
    TcpOptInvalidLen => "decoder.tcp.opt_invalid_len", false;
    TcpPktTooSmall => "decoder.tcp.pkt_too_small", true;
    UdpHlenInvalid => "decoder.udp.hlen_invalid", true;
    UdpHlenTooSmall => "decoder.udp.hlen_too_small", true;
    UdpLenInvalid => "decoder.udp.len_invalid", true;
    UdpPktTooSmall => "decoder.udp.pkt_too_small", true;
    SctpPktTooSmall => "decoder.sctp.pkt_too_small", true;
    EspPktTooSmall => "decoder.esp.pkt_too_small", true;
    EthernetPktTooSmall => "decoder.ethernet.pkt_too_small", true;
    EthernetUnknownEthertype => "decoder.ethernet.unknown_ethertype", false;
    VlanHeaderTooSmall => "decoder.vlan.header_too_small", true;
    VlanTooManyLayers => "decoder.vlan.too_many_layers", true;
    VlanUnknownType => "decoder.vlan.unknown_type", false;
    Ieee8021ahHeaderTooSmall => "decoder.ieee8021ah.header_too_small", true;
    VntagHeaderTooSmall => "decoder.vntag.header_too_small", true;
    VntagUnknownType => "decoder.vntag.unknown_type", false;
    ArpInvalidHardwareSize => "decoder.arp.invalid_hardware_size", true;
    ArpInvalidPkt => "decoder.arp.invalid_pkt", true;
    ArpInvalidProtocolSize => "decoder.arp.invalid_protocol_size", true;
    ArpPktTooSmall => "decoder.arp.pkt_too_small", true;
    ArpUnsupportedHardware => "decoder.arp.unsupported_hardware", true;
    ArpUnsupportedOpcode => "decoder.arp.unsupported_opcode", true;
    ArpUnsupportedProtocol => "decoder.arp.unsupported_protocol", true;
    MplsBadLabelImplicitNull => "decoder.mpls.bad_label_implicit_null", true;
    MplsBadLabelReserved => "decoder.mpls.bad_label_reserved", true;
    MplsBadLabelRouterAlert => "decoder.mpls.bad_label_router_alert", false;
    MplsHeaderTooSmall => "decoder.mpls.header_too_small", true;
    MplsPktTooSmall => "decoder.mpls.pkt_too_small", true;
    MplsUnknownPayloadType => "decoder.mpls.unknown_payload_type", true;
    PppIp4PktTooSmall => "decoder.ppp.ip4_pkt_too_small", true;
    PppIp6PktTooSmall => "decoder.ppp.ip6_pkt_too_small", true;
    PppPktTooSmall => "decoder.ppp.pkt_too_small", true;
    PppUnsupProto => "decoder.ppp.unsup_proto", false;
    PppVjuPktTooSmall => "decoder.ppp.vju_pkt_too_small", true;
    PppWrongType => "decoder.ppp.wrong_type", true;
    PppoeMalformedTags => "decoder.pppoe.malformed_tags", true;
    PppoePktTooSmall => "decoder.pppoe.pkt_too_small", true;
    PppoeWrongCode => "decoder.pppoe.wrong_code", true;
    ChdlcPktTooSmall => "decoder.chdlc.pkt_too_small", true;
    SllPktTooSmall => "decoder.sll.pkt_too_small", true;
    Sll2PktTooSmall => "decoder.sll2.pkt_too_small", true;
    LtnullPktTooSmall => "decoder.ltnull.pkt_too_small", true;
    LtnullUnsupportedType => "decoder.ltnull.unsupported_type", true;
    IprawInvalidIpVersion => "decoder.ipraw.invalid_ip_version", true;
    DcePktTooSmall => "decoder.dce.pkt_too_small", true;
    NshBadHeaderLength => "decoder.nsh.bad_header_length", true;
    NshHeaderTooSmall => "decoder.nsh.header_too_small", true;
    NshReservedType => "decoder.nsh.reserved_type", true;
    NshUnknownPayload => "decoder.nsh.unknown_payload", true;
    NshUnsupportedType => "decoder.nsh.unsupported_type", true;
    NshUnsupportedVersion => "decoder.nsh.unsupported_version", true;
    GrePktTooSmall => "decoder.gre.pkt_too_small", true;
    GreVersion0Flags => "decoder.gre.version0_flags", true;
    GreVersion0HdrTooBig => "decoder.gre.version0_hdr_too_big", true;
    GreVersion0MalformedSreHdr => "decoder.gre.version0_malformed_sre_hdr", true;
    GreVersion0Recur => "decoder.gre.version0_recur", true;
    GreVersion1Chksum => "decoder.gre.version1_chksum", true;
    GreVersion1Flags => "decoder.gre.version1_flags", true;
    GreVersion1HdrTooBig => "decoder.gre.version1_hdr_too_big", true;
    GreVersion1MalformedSreHdr => "decoder.gre.version1_malformed_sre_hdr", true;
    GreVersion1NoKey => "decoder.gre.version1_no_key", true;
    GreVersion1Recur => "decoder.gre.version1_recur", true;
    GreVersion1Route => "decoder.gre.version1_route", true;
    GreVersion1Ssr => "decoder.gre.version1_ssr", true;
    GreVersion1WrongProtocol => "decoder.gre.version1_wrong_protocol", true;
    GreWrongVersion => "decoder.gre.wrong_version", true;
    ErspanHeaderTooSmall => "decoder.erspan.header_too_small", true;
    ErspanTooManyVlanLayers => "decoder.erspan.too_many_vlan_layers", true;
    ErspanUnsupportedVersion => "decoder.erspan.unsupported_version", true;
    VxlanUnknownPayloadType => "decoder.vxlan.unknown_payload_type", false;
    GeneveUnknownPayloadType => "decoder.geneve.unknown_payload_type", false;
    AfpacketTruncPkt => "decoder.afpacket.trunc_pkt", false;
    TooManyLayers => "decoder.too_many_layers", true;
}

impl DecodeEvent {
    /// The name in EVE, such as `decoder.ipv4.trunc_pkt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The name in the rule keyword `decode-event`, such as `ipv4.trunc_pkt`.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        self.name().trim_start_matches("decoder.")
    }

    /// The event of this name, with or without `decoder.` before it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let keyword = name.strip_prefix("decoder.").unwrap_or(name);
        Self::ALL.into_iter().find(|event| event.keyword() == keyword)
    }

    /// Whether the packet counts as invalid, as opposed to merely odd.
    #[must_use]
    pub const fn is_invalid(self) -> bool {
        Self::INVALID[self as usize]
    }

    /// Its place in [`DecodeEvent::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The set of decoder events of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventSet([u64; 3]);

const _: () = assert!(DecodeEvent::COUNT <= 3 * 64, "the set has a bit for each event");

const fn mask_of_invalid() -> [u64; 3] {
    let mut mask = [0; 3];
    let mut i = 0;
    while i < DecodeEvent::COUNT {
        if DecodeEvent::INVALID[i] {
            mask[i / 64] |= 1 << (i % 64);
        }
        i += 1;
    }
    mask
}

impl EventSet {
    const INVALID: [u64; 3] = mask_of_invalid();

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, event: DecodeEvent) {
        self.0[event as usize / 64] |= 1 << (event as usize % 64);
    }

    /// Whether it is in.
    #[must_use]
    #[inline]
    pub const fn contains(&self, event: DecodeEvent) -> bool {
        self.0[event as usize / 64] & 1 << (event as usize % 64) != 0
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] == 0
    }

    /// Whether any of them makes the packet invalid.
    #[must_use]
    #[inline]
    pub const fn any_invalid(&self) -> bool {
        let mask = Self::INVALID;
        (self.0[0] & mask[0]) | (self.0[1] & mask[1]) | (self.0[2] & mask[2]) != 0
    }

    /// Those in the set, in the order of [`DecodeEvent::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = DecodeEvent> + use<> {
        let words = self.0;
        (0..3).flat_map(move |w| {
            let mut left = words[w];
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                DecodeEvent::ALL.get(w * 64 + bit).copied()
            })
        })
    }
}

impl FromIterator<DecodeEvent> for EventSet {
    fn from_iter<I: IntoIterator<Item = DecodeEvent>>(events: I) -> Self {
        let mut set = Self::default();
        for event in events {
            set.insert(event);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        let mut seen = std::collections::HashSet::new();
        for (i, event) in DecodeEvent::ALL.into_iter().enumerate() {
            assert_eq!(event.index(), i);
            assert!(event.name().starts_with("decoder."));
            assert!(seen.insert(event.name()));
            assert_eq!(DecodeEvent::from_name(event.name()), Some(event));
            assert_eq!(DecodeEvent::from_name(event.keyword()), Some(event));
        }
        assert_eq!(DecodeEvent::from_name("ipv4.no_such_thing"), None);
    }

    #[test]
    fn set_gives_back_what_was_put_in() {
        assert!(EventSet::default().is_empty());
        let set: EventSet = DecodeEvent::ALL.into_iter().collect();
        assert!(set.iter().eq(DecodeEvent::ALL));
        for event in DecodeEvent::ALL {
            let one: EventSet = [event].into_iter().collect();
            assert!(one.contains(event) && !one.is_empty());
            assert_eq!(one.iter().collect::<Vec<_>>(), [event]);
            assert_eq!(one.any_invalid(), event.is_invalid());
            assert_eq!(DecodeEvent::ALL.into_iter().filter(|e| one.contains(*e)).count(), 1);
        }
    }
}
