//! EVE's `dns` (version 3), `mdns`, and `llmnr`, which is written as `dns` is: Suricata 8 does not read it, and it is not in its schema.

use super::message::{Message, Question, Resource};
use super::name::Name;
use super::parser::Family;
use super::rdata::{Rdata, Soa, Srv, kind};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::{Address, Hex, Short, Text};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// One message for EVE.
#[derive(Debug)]
pub struct DnsRecord {
    pub(super) family: Family,
    pub(super) tx_id: u64,
    /// Whether answers are listed by type as well.
    pub(super) grouped: bool,
    pub(super) message: Message,
}

impl Record for DnsRecord {
    fn kind(&self) -> &'static str {
        match self.family {
            Family::Dns => "dns",
            Family::Mdns => "mdns",
            Family::Llmnr => "llmnr",
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self.family {
            Family::Dns | Family::Llmnr => json::write(out, &DnsObject(self)),
            Family::Mdns => json::write(out, &MdnsObject(&self.message)),
        }
    }
}

/// A list whose entries are made as they are written.
struct List<'a, T, F>(&'a [T], F);

impl<'a, T, R: Serialize, F: Fn(&'a T) -> R> Serialize for List<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

struct DnsObject<'a>(&'a DnsRecord);

impl Serialize for DnsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.0.message;
        let header = &message.header;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &3)?;
        map.serialize_entry("type", kind_of_message(message))?;
        map.serialize_entry("tx_id", &self.0.tx_id)?;
        map.serialize_entry("id", &header.id)?;
        let mut flags = Short::<4>::default();
        flags.push_hex_number(header.flags.into());
        map.serialize_entry("flags", &flags)?;
        for (name, _) in FLAGS.iter().filter(|(_, bit)| header.flags & bit != 0) {
            map.serialize_entry(name, &true)?;
        }
        map.serialize_entry("opcode", &header.opcode())?;
        match RCODES.get(usize::from(header.rcode())) {
            Some(name) => map.serialize_entry("rcode", name)?,
            None => map.serialize_entry("rcode", &format_args!("{}", header.rcode()))?,
        }
        if !message.queries.is_empty() {
            let query = |question| DnsQuery { message, question };
            map.serialize_entry("queries", &List(&message.queries, query))?;
        }
        let sections = [
            (Section::Answers, &message.answers),
            (Section::Authorities, &message.authorities),
            (Section::Additionals, &message.additionals),
        ];
        for (section, resources) in sections {
            if !resources.is_empty() {
                let answer = |resource| DnsAnswer { message, resource, section };
                map.serialize_entry(section.name(), &List(resources, answer))?;
            }
            if section == Section::Answers && self.0.grouped && message.answers.iter().any(is_grouped) {
                map.serialize_entry("grouped", &Grouped(message))?;
            }
        }
        map.end()
    }
}

/// The flags that EVE names, in its order.
const FLAGS: [(&str, u16); 6] =
    [("qr", 0x8000), ("aa", 0x0400), ("tc", 0x0200), ("rd", 0x0100), ("ra", 0x0080), ("z", 0x0040)];

/// The flags that EVE lists for multicast DNS.
const MDNS_FLAGS: [(&str, u16); 7] =
    [("aa", 0x0400), ("tc", 0x0200), ("rd", 0x0100), ("ra", 0x0080), ("z", 0x0040), ("ad", 0x0020), ("cd", 0x0010)];

/// By number (RFC 6895).
const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
];

fn kind_of_message(message: &Message) -> &'static str {
    if message.header.is_response() { "response" } else { "request" }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answers,
    Authorities,
    Additionals,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Authorities => "authorities",
            Self::Additionals => "additionals",
        }
    }
}

struct DnsQuery<'a> {
    message: &'a Message,
    question: &'a Question,
}

impl Serialize for DnsQuery<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rrname", &Text(self.message.name(self.question.name)))?;
        if self.question.name.truncated {
            map.serialize_entry("rrname_truncated", &true)?;
        }
        map.serialize_entry("rrtype", &RrType(self.question.kind))?;
        map.end()
    }
}

struct DnsAnswer<'a> {
    message: &'a Message,
    resource: &'a Resource,
    section: Section,
}

impl Serialize for DnsAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, resource, section } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rrname", &Text(message.name(resource.name)))?;
        if resource.name.truncated && section == Section::Authorities {
            map.serialize_entry("rrname_truncated", &true)?;
        }
        map.serialize_entry("rrtype", &RrType(resource.kind))?;
        map.serialize_entry("ttl", &resource.ttl)?;
        match resource.data {
            Rdata::Address(span) => map.serialize_entry("rdata", &Address(message.bytes(span)))?,
            Rdata::Name(name) => {
                map.serialize_entry("rdata", &Text(message.name(name)))?;
                if name.truncated && section == Section::Authorities {
                    map.serialize_entry("rdata_truncated", &true)?;
                }
            }
            Rdata::Txt { first, count } => map.serialize_entry("rdata", &Txt { message, first, count })?,
            Rdata::Null(span) => map.serialize_entry("rdata", &Text(message.bytes(span)))?,
            Rdata::Soa(ref soa) if section != Section::Additionals => {
                map.serialize_entry("soa", &SoaObject { message, soa })?
            }
            Rdata::Srv(ref srv) if section == Section::Answers => {
                map.serialize_entry("srv", &SrvObject { message, srv })?
            }
            Rdata::Sshfp { algorithm, kind, fingerprint } if section == Section::Answers => {
                let fingerprint = Hex(message.bytes(fingerprint), ":");
                map.serialize_entry("sshfp", &SshfpObject { fingerprint, algo: algorithm, kind })?
            }
            Rdata::Opt { first, count } if section == Section::Additionals && count > 0 => {
                map.serialize_entry("opt", &Options { message, first, count })?
            }
            _ => {}
        }
        map.end()
    }
}

/// The strings of a TXT as one.
struct Txt<'a> {
    message: &'a Message,
    first: u32,
    count: u32,
}

impl Serialize for Txt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut strings = self.message.strings(self.first, self.count);
        match (strings.next(), strings.next()) {
            (Some(only), None) => Text(only).serialize(serializer),
            _ => {
                let all: Vec<u8> = self.message.strings(self.first, self.count).flatten().copied().collect();
                Text(&all).serialize(serializer)
            }
        }
    }
}

struct Options<'a> {
    message: &'a Message,
    first: u32,
    count: u32,
}

impl Serialize for Options<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            code: u16,
            data: Hex<'a>,
        }
        let options = self.message.options(self.first, self.count);
        serializer.collect_seq(options.map(|o| Entry { code: o.code, data: Hex(self.message.bytes(o.data), "") }))
    }
}

struct SoaObject<'a> {
    message: &'a Message,
    soa: &'a Soa,
}

impl Serialize for SoaObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let soa = self.soa;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mname", &Text(self.message.name(soa.mname)))?;
        if soa.mname.truncated {
            map.serialize_entry("mname_truncated", &true)?;
        }
        map.serialize_entry("rname", &Text(self.message.name(soa.rname)))?;
        map.serialize_entry("serial", &soa.serial)?;
        map.serialize_entry("refresh", &soa.refresh)?;
        map.serialize_entry("retry", &soa.retry)?;
        map.serialize_entry("expire", &soa.expire)?;
        map.serialize_entry("minimum", &soa.minimum)?;
        map.end()
    }
}

struct SrvObject<'a> {
    message: &'a Message,
    srv: &'a Srv,
}

impl Serialize for SrvObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("priority", &self.srv.priority)?;
        map.serialize_entry("weight", &self.srv.weight)?;
        map.serialize_entry("port", &self.srv.port)?;
        map.serialize_entry("name", &Text(self.message.name(self.srv.name)))?;
        map.end()
    }
}

#[derive(Serialize)]
struct SshfpObject<'a> {
    fingerprint: Hex<'a>,
    algo: u8,
    #[serde(rename = "type")]
    kind: u8,
}

/// The answers by type.
struct Grouped<'a>(&'a Message);

/// The types that are grouped, in EVE's order.
const GROUPS: [(u16, &str); 11] = [
    (kind::A, "A"),
    (kind::AAAA, "AAAA"),
    (kind::CNAME, "CNAME"),
    (kind::MX, "MX"),
    (kind::NS, "NS"),
    (kind::NULL, "NULL"),
    (kind::PTR, "PTR"),
    (kind::SOA, "SOA"),
    (kind::SRV, "SRV"),
    (kind::SSHFP, "SSHFP"),
    (kind::TXT, "TXT"),
];

fn is_grouped(resource: &Resource) -> bool {
    !matches!(resource.data, Rdata::Other(_) | Rdata::Opt { .. })
}

impl Serialize for Grouped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (kind, name) in GROUPS {
            if self.0.answers.iter().any(|r| r.kind == kind && is_grouped(r)) {
                map.serialize_entry(name, &Group { message: self.0, kind })?;
            }
        }
        map.end()
    }
}

struct Group<'a> {
    message: &'a Message,
    kind: u16,
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut seq = serializer.serialize_seq(None)?;
        for resource in message.answers.iter().filter(|r| r.kind == self.kind) {
            match resource.data {
                Rdata::Address(span) => seq.serialize_element(&Address(message.bytes(span)))?,
                Rdata::Name(name) => seq.serialize_element(&Text(message.name(name)))?,
                Rdata::Txt { first, count } => seq.serialize_element(&Txt { message, first, count })?,
                Rdata::Null(span) => seq.serialize_element(&Text(message.bytes(span)))?,
                Rdata::Soa(ref soa) => seq.serialize_element(&SoaObject { message, soa })?,
                Rdata::Srv(ref srv) => seq.serialize_element(&SrvObject { message, srv })?,
                Rdata::Sshfp { algorithm, kind, fingerprint } => {
                    let fingerprint = Hex(message.bytes(fingerprint), ":");
                    seq.serialize_element(&SshfpObject { fingerprint, algo: algorithm, kind })?
                }
                Rdata::Other(_) | Rdata::Opt { .. } => {}
            }
        }
        seq.end()
    }
}

/// A record type by IANA's name, or by number.
struct RrType(u16);

impl Serialize for RrType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match RR_TYPES.binary_search_by_key(&self.0, |(number, _)| *number) {
            Ok(found) => serializer.serialize_str(RR_TYPES[found].1),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

/// By number.
#[rustfmt::skip]
const RR_TYPES: &[(u16, &str)] = &[
    (1, "A"), (2, "NS"), (3, "MD"), (4, "MF"), (5, "CNAME"), (6, "SOA"), (7, "MB"), (8, "MG"), (9, "MR"), (10, "NULL"),
    (11, "WKS"), (12, "PTR"), (13, "HINFO"), (14, "MINFO"), (15, "MX"), (16, "TXT"), (17, "RP"), (18, "AFSDB"),
    (19, "X25"), (20, "ISDN"), (21, "RT"), (22, "NSAP"), (23, "NSAPPTR"), (24, "SIG"), (25, "KEY"), (26, "PX"),
    (27, "GPOS"), (28, "AAAA"), (29, "LOC"), (30, "NXT"), (31, "EID"), (32, "NIMLOC"), (33, "SRV"), (34, "ATMA"),
    (35, "NAPTR"), (36, "KX"), (37, "CERT"), (38, "A6"), (39, "DNAME"), (40, "SINK"), (41, "OPT"), (42, "APL"),
    (43, "DS"), (44, "SSHFP"), (45, "IPSECKEY"), (46, "RRSIG"), (47, "NSEC"), (48, "DNSKEY"), (49, "DHCID"),
    (50, "NSEC3"), (51, "NSEC3PARAM"), (52, "TLSA"), (53, "SMIMEA"), (55, "HIP"), (56, "NINFO"), (57, "RKEY"),
    (58, "TALINK"), (59, "CDS"), (60, "CDNSKEY"), (61, "OPENPGPKEY"), (62, "CSYNC"), (63, "ZONEMD"), (64, "SVCB"),
    (65, "HTTPS"), (99, "SPF"), (100, "UINFO"), (101, "UID"), (102, "GID"), (103, "UNSPEC"), (104, "NID"),
    (105, "L32"), (106, "L64"), (107, "LP"), (108, "EUI48"), (109, "EUI64"), (249, "TKEY"), (250, "TSIG"),
    (251, "IXFR"), (252, "AXFR"), (253, "MAILB"), (254, "MAILA"), (255, "ANY"), (256, "URI"), (257, "CAA"),
    (258, "AVC"), (259, "DOA"), (260, "AMTRELAY"), (32768, "TA"), (32769, "DLV"),
];

struct MdnsObject<'a>(&'a Message);

impl Serialize for MdnsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let header = &message.header;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", kind_of_message(message))?;
        map.serialize_entry("id", &header.id)?;
        let flags: Vec<_> =
            MDNS_FLAGS.iter().filter(|(_, bit)| header.flags & bit != 0).map(|(name, _)| name).collect();
        if !flags.is_empty() {
            map.serialize_entry("flags", &flags)?;
        }
        map.serialize_entry("opcode", &header.opcode())?;
        map.serialize_entry("rcode", &header.rcode())?;
        if !message.queries.is_empty() {
            map.serialize_entry("queries", &List(&message.queries, |q| mdns_query(message, q)))?;
        }
        let sections = [
            (Section::Answers, &message.answers),
            (Section::Authorities, &message.authorities),
            (Section::Additionals, &message.additionals),
        ];
        for (section, resources) in sections {
            if !resources.is_empty() {
                let plain = section == Section::Authorities;
                map.serialize_entry(section.name(), &List(resources, |r| mdns_entry(message, r, plain)))?;
            }
        }
        map.end()
    }
}

fn mdns_query<'a>(message: &'a Message, question: &'a Question) -> MdnsEntry<'a> {
    MdnsEntry { message, name: question.name, about: About::Query(question) }
}

fn mdns_entry<'a>(message: &'a Message, resource: &'a Resource, plain: bool) -> MdnsEntry<'a> {
    let about = if plain { About::Name } else { About::Record(resource) };
    MdnsEntry { message, name: resource.name, about }
}

enum About<'a> {
    Query(&'a Question),
    Record(&'a Resource),
    Name,
}

struct MdnsEntry<'a> {
    message: &'a Message,
    name: Name,
    about: About<'a>,
}

impl Serialize for MdnsEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rrname", &Text(message.name(self.name)))?;
        if self.name.truncated {
            map.serialize_entry("rrname_truncated", &true)?;
        }
        match self.about {
            About::Query(question) => match RR_TYPES.binary_search_by_key(&question.kind, |(number, _)| *number) {
                Ok(found) => map.serialize_entry("rrtype", &RR_TYPES[found].1.to_ascii_lowercase())?,
                Err(_) => map.serialize_entry("rrtype", &format_args!("{}", question.kind))?,
            },
            About::Record(&Resource { kind: kind::PTR, data: Rdata::Name(name), .. }) => {
                map.serialize_entry("ptr", &Text(message.name(name)))?
            }
            About::Record(&Resource { data: Rdata::Txt { first, count }, .. }) => {
                let strings: Vec<_> = message.strings(first, count).map(Text).collect();
                map.serialize_entry("txt", &strings)?;
            }
            About::Record(_) | About::Name => {}
        }
        map.end()
    }
}
