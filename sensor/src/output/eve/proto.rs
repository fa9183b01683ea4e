//! EVE's `proto`: IANA's keyword of the IP protocol number, or the number as three digits where there is none.

use super::text::three_digits;
use crate::packet::IpProto;

/// Keywords of the IANA registry "Assigned Internet Protocol Numbers", by number; empty where there is none.
const KEYWORDS: [&str; 146] = [
    "HOPOPT",
    "ICMP",
    "IGMP",
    "GGP",
    "IPv4",
    "ST",
    "TCP",
    "CBT",
    "EGP",
    "IGP",
    "BBN-RCC-MON",
    "NVP-II",
    "PUP",
    "ARGUS",
    "EMCON",
    "XNET",
    "CHAOS",
    "UDP",
    "MUX",
    "DCN-MEAS",
    "HMP",
    "PRM",
    "XNS-IDP",
    "TRUNK-1",
    "TRUNK-2",
    "LEAF-1",
    "LEAF-2",
    "RDP",
    "IRTP",
    "ISO-TP4",
    "NETBLT",
    "MFE-NSP",
    "MERIT-INP",
    "DCCP",
    "3PC",
    "IDPR",
    "XTP",
    "DDP",
    "IDPR-CMTP",
    "TP++",
    "IL",
    "IPv6",
    "SDRP",
    "IPv6-Route",
    "IPv6-Frag",
    "IDRP",
    "RSVP",
    "GRE",
    "DSR",
    "BNA",
    "ESP",
    "AH",
    "I-NLSP",
    "SWIPE",
    "NARP",
    "MOBILE",
    "TLSP",
    "SKIP",
    "IPv6-ICMP",
    "IPv6-NoNxt",
    "IPv6-Opts",
    "",
    "CFTP",
    "",
    "SAT-EXPAK",
    "KRYPTOLAN",
    "RVD",
    "IPPC",
    "",
    "SAT-MON",
    "VISA",
    "IPCV",
    "CPNX",
    "CPHB",
    "WSN",
    "PVP",
    "BR-SAT-MON",
    "SUN-ND",
    "WB-MON",
    "WB-EXPAK",
    "ISO-IP",
    "VMTP",
    "SECURE-VMTP",
    "VINES",
    "TTP",
    "NSFNET-IGP",
    "DGP",
    "TCF",
    "EIGRP",
    "OSPFIGP",
    "Sprite-RPC",
    "LARP",
    "MTP",
    "AX.25",
    "IPIP",
    "MICP",
    "SCC-SP",
    "ETHERIP",
    "ENCAP",
    "",
    "GMTP",
    "IFMP",
    "PNNI",
    "PIM",
    "ARIS",
    "SCPS",
    "QNX",
    "A/N",
    "IPComp",
    "SNP",
    "Compaq-Peer",
    "IPX-in-IP",
    "VRRP",
    "PGM",
    "",
    "L2TP",
    "DDX",
    "IATP",
    "STP",
    "SRP",
    "UTI",
    "SMP",
    "SM",
    "PTP",
    "ISIS",
    "FIRE",
    "CRTP",
    "CRUDP",
    "SSCOPMCE",
    "IPLT",
    "SPS",
    "PIPE",
    "SCTP",
    "FC",
    "RSVP-E2E-IGNORE",
    "Mobility-Header",
    "UDPLite",
    "MPLS-in-IP",
    "manet",
    "Shim6",
    "WESP",
    "ROHC",
    "Ethernet",
    "AGGFRAG",
    "NSH",
    "Homa",
];

/// An IP protocol as EVE prints it.
#[derive(Clone, Copy, Debug)]
pub struct ProtoText(pub IpProto);

impl ProtoText {
    /// Adds the name to `out`. None of them needs escaping.
    pub fn push(self, out: &mut Vec<u8>) {
        match KEYWORDS.get(usize::from(self.0.0)) {
            Some(keyword) if !keyword.is_empty() => out.extend_from_slice(keyword.as_bytes()),
            _ => out.extend_from_slice(three_digits(self.0.0).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_protocols_have_names_and_others_three_digits() {
        let text = |n| {
            let mut out = Vec::new();
            ProtoText(IpProto(n)).push(&mut out);
            String::from_utf8(out).unwrap()
        };
        for (number, want) in
            [(1, "ICMP"), (6, "TCP"), (17, "UDP"), (47, "GRE"), (58, "IPv6-ICMP"), (89, "OSPFIGP"), (132, "SCTP")]
        {
            assert_eq!(text(number), want);
        }
        assert_eq!(text(61), "061");
        assert_eq!(text(253), "253");
    }
}
