//! A checked signature: what the parser makes of a rule's text and what the engine compiles.
//!
//! Everything here is plain data. Positions and lengths are in bytes. Meanings are Suricata 8's, as its user guide
//! states them; where the guide is silent, the field's comment says what was decided.

use crate::app::Protocols;
use crate::buffers::{Buffer, Side, Source};
use crate::file::{FileTest, Filestore};
use crate::kept::{Base64Decode, Datarep, Dataset, Entropy, KeptConditions, Quiet};
use crate::question::Question;
use crate::transform::Transform;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

/// What a rule does when it matches, in the order in which rules are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Ends inspection of the packet or flow, with no alert.
    Pass,
    /// Drops, with an alert (in line).
    Drop,
    /// Drops, and answers with a reset or an unreachable (in line).
    Reject(RejectTo),
    /// Alerts.
    Alert,
    /// Changes what is logged, with no alert.
    Config,
}

/// Whom a reject answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RejectTo {
    Source,
    Destination,
    Both,
}

/// The header's protocol, as far as the packet path needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeaderProto {
    /// Any IP packet: `ip`, `ip4` or `ip6` (see [`Header::ip_version`]).
    Ip,
    /// `tcp`: judged on the stream, or on the packet where its keywords ask for that.
    Tcp,
    /// `tcp-pkt`: packets only.
    TcpPacket,
    /// `tcp-stream`: the stream only.
    TcpStream,
    /// `udp`.
    Udp,
    /// `icmp`: ICMP and ICMPv6.
    Icmp,
    /// `icmpv4`.
    Icmpv4,
    /// `icmpv6`.
    Icmpv6,
    /// `sctp`.
    Sctp,
    /// `pkthdr`: any packet, also one whose IP header could not be decoded.
    PacketHeader,
    /// An application protocol ([`Signature::app`] says which), over TCP or UDP.
    App,
}

/// The set of addresses that a header's side accepts, variables and groups resolved to prefixes.
/// An address is in the set when a prefix of `include` holds it (or `include` is empty: any) and none of `exclude` does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct AddressSet {
    /// Accepted ranges, first and last address, sorted, disjoint, one IP version each; empty means any.
    pub include: Vec<AddressRange>,
    /// Ranges taken out of it.
    pub exclude: Vec<AddressRange>,
}

/// From `first` to `last`, both included, of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AddressRange {
    pub first: IpAddr,
    pub last: IpAddr,
}

impl AddressSet {
    /// Accepts every address.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
    /// Whether `addr` is in the set.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        let holds = |ranges: &[AddressRange]| {
            ranges.iter().any(|r| r.first.is_ipv4() == addr.is_ipv4() && r.first <= addr && addr <= r.last)
        };
        (self.include.is_empty() || holds(&self.include)) && !holds(&self.exclude)
    }
}

/// The set of ports that a header's side accepts, negation already applied: sorted, disjoint ranges.
/// Any port is the one range 0 to 65535.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortSet {
    /// Accepted ranges.
    pub ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// Every port.
    #[must_use]
    pub fn any() -> Self {
        Self { ranges: vec![(0, u16::MAX)] }
    }
    /// Accepts every port.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.ranges == [(0, u16::MAX)]
    }
    /// Whether `port` is in the set.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&port))
    }
}

/// A rule's header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Header {
    pub proto: HeaderProto,
    /// Set for `ip4`, `ip6` (and `tcp4` …): 4 or 6.
    pub ip_version: Option<u8>,
    pub src: Arc<AddressSet>,
    pub src_ports: Arc<PortSet>,
    pub dst: Arc<AddressSet>,
    pub dst_ports: Arc<PortSet>,
    /// `<>`: also with the two sides exchanged.
    pub bidirectional: bool,
    /// `=>`: judged on whole transactions, whose requests go from the source to the destination.
    pub transactional: bool,
}

/// A number in a rule: written out, or the name of a `byte_extract` variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Written out.
    Literal(i64),
    /// Index into [`Signature::variables`].
    Variable(u8),
}

/// What was said about the fast pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FastPattern {
    /// Nothing.
    #[default]
    Unspecified,
    /// `fast_pattern`: this content.
    Yes,
    /// `fast_pattern:only`: this content, and it need not be looked for again.
    Only,
    /// `fast_pattern:offset,length`: this part of the content.
    Part(u16, u16),
}

/// `content`, with its modifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The bytes, escapes and |hex| resolved; never empty.
    pub pattern: Box<[u8]>,
    /// Letters match in either case.
    pub nocase: bool,
    /// The pattern must not be there.
    pub negated: bool,
    /// First byte at which it may start.
    pub offset: Option<Value>,
    /// It must end within so many bytes after `offset`.
    pub depth: Option<Value>,
    /// It starts so many bytes or more after the end of the previous match; makes it relative. May be negative.
    pub distance: Option<Value>,
    /// It ends within so many bytes after the end of the previous match (plus `distance`); makes it relative.
    pub within: Option<Value>,
    /// `startswith` (stands as offset 0, depth = length as well).
    pub startswith: bool,
    /// `endswith`: it must end where the buffer ends.
    pub endswith: bool,
    /// What was said about the fast pattern.
    pub fast_pattern: FastPattern,
}

impl Content {
    /// Looked for relative to the previous match.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }
}

/// `pcre`. The buffer letters have already chosen the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcre {
    /// What is done with what its groups capture, in their order.
    pub captures: Vec<Capture>,
    /// Between the slashes.
    pub pattern: Box<str>,
    /// Must not match.
    pub negated: bool,
    /// `R`: starts at the end of the previous match.
    pub relative: bool,
    /// `i`
    pub caseless: bool,
    /// `m`
    pub multi_line: bool,
    /// `s`
    pub dot_all: bool,
    /// `x`
    pub extended: bool,
    /// `A`
    pub anchored: bool,
    /// `E`
    pub dollar_end_only: bool,
    /// `G`
    pub ungreedy: bool,
}

/// Where a match of `pcre` keeps what a group captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// What it is kept on.
    pub on: CaptureOn,
    /// Under which name.
    pub name: Box<str>,
    /// The group's own name in the expression; groups without one are counted off, from the first.
    pub group: Option<Box<str>>,
}

/// What a captured value is kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum CaptureOn {
    Flow,
    Packet,
    Alert,
}

/// How a number is read from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFormat {
    /// Binary, big endian.
    BigEndian,
    /// Binary, little endian.
    LittleEndian,
    /// Binary, as the DCE/RPC message says; big endian where there is none.
    Dce,
    /// ASCII digits in base 8, 10 or 16 (0: as C's strtoul takes it).
    String(u8),
}

/// Comparison of `byte_test` and friends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Less,
    Greater,
    Equal,
    LessOrEqual,
    GreaterOrEqual,
    /// Any bit of the value is set in the number.
    And,
    /// Bitwise or is not zero.
    Or,
}

/// `byte_test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteTest {
    /// Bytes to read (a variable is allowed).
    pub bytes: Value,
    /// Compared how.
    pub comparison: Comparison,
    /// `!` before the operator.
    pub negated: bool,
    /// Compared with.
    pub value: Value,
    /// Where, from the start or from the previous match.
    pub offset: Value,
    /// From the previous match.
    pub relative: bool,
    /// Read how.
    pub format: NumberFormat,
    /// ANDed with the number before the comparison, then shifted right by the mask's trailing zeros.
    pub bitmask: Option<u32>,
}

/// `byte_jump`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteJump {
    /// Bytes to read; 0 with `from_beginning` and the like jumps by `post_offset` alone.
    pub bytes: Value,
    /// Where, from the start or from the previous match.
    pub offset: Value,
    /// From the previous match.
    pub relative: bool,
    /// Read how.
    pub format: NumberFormat,
    /// The number is multiplied by this; 1 unless said.
    pub multiplier: u32,
    /// Rounded up to a multiple of 4.
    pub align: bool,
    /// The jump counts from the start of the buffer.
    pub from_beginning: bool,
    /// The jump counts from the end of the buffer.
    pub from_end: bool,
    /// Added after the jump.
    pub post_offset: Value,
    /// ANDed with the number, then shifted right by the mask's trailing zeros.
    pub bitmask: Option<u32>,
}

/// `byte_extract`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteExtract {
    /// Bytes to read.
    pub bytes: u8,
    /// Where, from the start or from the previous match.
    pub offset: i32,
    /// The variable that takes it: index into [`Signature::variables`].
    pub variable: u8,
    /// From the previous match.
    pub relative: bool,
    /// Read how.
    pub format: NumberFormat,
    /// The number is multiplied by this; 1 unless said.
    pub multiplier: u32,
    /// Rounded up to a multiple of this (2 or 4), if said.
    pub align: Option<u8>,
    /// ANDed with the number, then shifted right by the mask's trailing zeros.
    pub bitmask: Option<u32>,
}

/// `byte_math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own names")]
pub struct ByteMath {
    pub bytes: Value,
    pub offset: i32,
    pub operator: MathOperator,
    pub operand: Value,
    pub variable: u8,
    pub relative: bool,
    pub format: NumberFormat,
    pub bitmask: Option<u32>,
}

/// `oper` of `byte_math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MathOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    ShiftLeft,
    ShiftRight,
}

/// `isdataat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsDataAt {
    /// At this position there must be data.
    pub position: Value,
    /// From the previous match.
    pub relative: bool,
    /// There must be none.
    pub negated: bool,
}

/// `bsize`: the buffer's length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberTest {
    /// Accepted ranges, both ends included. Negation is already applied.
    pub ranges: Vec<RangeInclusive<u64>>,
}

impl NumberTest {
    /// Whether the number is accepted.
    #[must_use]
    pub fn holds(&self, n: u64) -> bool {
        self.ranges.iter().any(|r| r.contains(&n))
    }
}

/// `asn1`: what must be found in the encoding (ITU-T X.690), any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Asn1 {
    /// A length greater than this, in bytes.
    pub oversize_length: Option<u32>,
    /// A bit string that has more unused bits than bits.
    pub bitstring_overflow: bool,
    /// A real number in decimal digits, of more than 256 bytes.
    pub double_overflow: bool,
    /// Where it begins: from the start, or from the previous match.
    pub offset: i32,
    /// From the previous match.
    pub relative: bool,
}

/// `rpc`: a call of ONC RPC (RFC 5531).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; none stands for any")]
pub struct RpcCall {
    pub program: u32,
    pub version: Option<u32>,
    pub procedure: Option<u32>,
}

/// Which of the integers of a buffer must be accepted ("multi-integers" in Suricata's user guide, "Integer Keywords").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// One at least, or there is none at all.
    OrAbsent,
    /// All, and there is one.
    All,
    /// All there are.
    AllOrAbsent,
    /// So many.
    Times(NumberTest),
    /// The one at this place, counted from the end where it is negative; `or_outside`: or there is no such place.
    At {
        /// The place.
        index: i64,
        /// Accepted where there is no such place.
        or_outside: bool,
    },
    /// One at least.
    Any,
}

/// A test of some of the integers of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberAmong {
    /// What is accepted.
    pub test: NumberTest,
    /// Which must be.
    pub which: Which,
    /// Only those from the first place to before the second, counted from the end where negative.
    pub slice: Option<(i64, i64)>,
}

impl NumberAmong {
    /// Whether the answer may change as long as more integers may come.
    #[must_use]
    pub fn needs_all(&self) -> bool {
        let settled = match self.which {
            Which::Any => true,
            Which::At { index, or_outside } => index >= 0 && !or_outside,
            Which::OrAbsent | Which::All | Which::AllOrAbsent | Which::Times(_) => false,
        };
        !settled || self.slice.is_some()
    }

    /// Whether these `len` integers are as wanted.
    #[must_use]
    pub fn holds(&self, len: usize, get: impl Fn(usize) -> Option<u64>) -> bool {
        let place = |at: i64| if at < 0 { (len as i64).saturating_add(at) } else { at };
        let (from, to) = match self.slice {
            None => (0, len),
            Some((from, to)) => {
                let inside = |at: i64| usize::try_from(place(at)).ok().filter(|at| *at <= len);
                inside(from).zip(inside(to)).filter(|(from, to)| from <= to).unwrap_or((0, 0))
            }
        };
        let accepted = |at: usize| get(at).is_some_and(|n| self.test.holds(n));
        let count = to - from;
        match &self.which {
            Which::Any => (from..to).any(accepted),
            Which::OrAbsent => count == 0 || (from..to).any(accepted),
            Which::All => count > 0 && (from..to).all(accepted),
            Which::AllOrAbsent => (from..to).all(accepted),
            Which::Times(times) => times.holds((from..to).filter(|at| accepted(*at)).count() as u64),
            Which::At { index, or_outside } => {
                let at = if *index < 0 { (count as i64).saturating_add(*index) } else { *index };
                match usize::try_from(at).ok().filter(|at| *at < count) {
                    Some(at) => accepted(from + at),
                    None => *or_outside,
                }
            }
        }
    }
}

/// One condition on a buffer; their order is the rule's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keywords' names")]
pub enum BufferCondition {
    Content(Content),
    Pcre(Pcre),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    IsDataAt(IsDataAt),
    Size(NumberTest),
    /// On a buffer of integers: one of them is accepted.
    Number(NumberTest),
    /// On a buffer of integers: which of them, or how many, are accepted.
    NumberAmong(NumberAmong),
    /// On a file as a whole; all such conditions of a rule hold of the same one.
    File(FileTest),
    /// What the transaction is asked; its answer must be yes.
    Ask(Question),
    /// `absent`: the buffer is not there at all; with `or_else`, or the conditions behind it hold.
    Absent {
        or_else: bool,
    },
    /// `dataset`, on the whole buffer.
    Dataset(Box<Dataset>),
    /// `datarep`, on the whole buffer.
    Datarep(Box<Datarep>),
    Entropy(Entropy),
    Asn1(Asn1),
    /// `ftpbounce`: a PORT command that names another host than its sender.
    FtpBounce,
    Base64 {
        decode: Base64Decode,
        /// What is done to the decoded bytes before.
        transforms: Vec<Transform>,
        /// What `base64_data` asks of them; if nothing, something must have been decoded.
        conditions: Vec<BufferCondition>,
    },
}

/// Conditions on one buffer, in the rule's order. Where the buffer is there several times, all must hold on the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BufferConditions {
    pub buffer: Buffer,
    /// In messages of which direction, where the rule says so (`=>`): to the server, or to the client.
    pub to_server: Option<bool>,
    /// What is done to its bytes before.
    pub transforms: Vec<Transform>,
    pub conditions: Vec<BufferCondition>,
}

/// A condition on the application protocol of a flow, or on what was odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppCondition {
    /// `app-layer-protocol`: the protocol recognised, in the direction that the rule says (none: this one, or of the flow).
    Protocol {
        /// Which; the empty set stands for `failed` or `unknown`.
        protocols: Protocols,
        /// It must be another.
        negated: bool,
        /// Asked about which direction.
        mode: ProtocolMode,
    },
    /// `app-layer-event:PROTOCOL.NAME`: Suricata's name without the protocol.
    Event {
        /// Whose; none for the events of recognition itself (`applayer_…`).
        protocols: Protocols,
        /// `gzip_decompression_failed`, for instance.
        name: Box<str>,
    },
}

/// Which recognition `app-layer-protocol` asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum ProtocolMode {
    Direction,
    Final,
    Either,
    ToServer,
    ToClient,
    Original,
}

/// TCP flags: `flags:[modifier]FSRPAU,mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagsTest {
    /// Wanted bits.
    pub flags: u8,
    /// Bits that are not looked at.
    pub ignored: u8,
    /// How.
    pub mode: FlagsMode,
}

/// The modifier of `flags`, and of `fragbits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagsMode {
    /// Exactly these (none given).
    Exact,
    /// `+`: these and perhaps others.
    All,
    /// `*`: any of these.
    Any,
    /// `!`: none of these (Suricata: true when not all of them are set exactly).
    Not,
}

/// A condition on the packet's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keywords' names")]
pub enum PacketCondition {
    /// Payload length in bytes.
    Dsize(NumberTest),
    TcpFlags(FlagsTest),
    TcpSeq(u32),
    TcpAck(u32),
    TcpWindow(NumberTest),
    TcpMss(NumberTest),
    Ttl(NumberTest),
    Tos(NumberTest),
    IpProto(NumberTest),
    IpId(u16),
    /// IP options present in IPv4 (option number; `any` is None).
    IpOption(Option<u8>),
    /// Bits of the IPv4 flags field, as a number of three bits: more fragments 1, do not fragment 2, reserved 4.
    FragBits(FlagsTest),
    /// Fragment offset in 8-byte units.
    FragOffset(NumberTest),
    SameIp,
    IcmpType(NumberTest),
    IcmpCode(NumberTest),
    IcmpId(u16),
    IcmpSeq(u16),
    /// `geoip`-less address family test etc. are header matters; VLAN tests are here.
    VlanId {
        layer: Option<u8>,
        test: NumberTest,
    },
    /// `vlan.id:…,-1`: the layer counted from the innermost tag, which is 1.
    VlanIdFromEnd {
        layer: u8,
        test: NumberTest,
    },
    /// `vlan.id:…,all`: every tag, and there is one.
    VlanIdAll(NumberTest),
    VlanLayers(NumberTest),
    /// The option for window scale (RFC 7323 §2): its shift count.
    TcpWindowScale(NumberTest),
    /// The MTU of an ICMPv6 packet too big message (RFC 4443 §3.2).
    Icmpv6Mtu(NumberTest),
    IgmpType(NumberTest),
    /// The frame's EtherType, behind all VLAN tags.
    EtherType(u16),
    /// The frame has an Ethernet header, and no IP.
    Ethernet,
    Rpc(RpcCall),
    /// The packet carries a VXLAN header (RFC 7348 §5) with this network identifier.
    VxlanVni(NumberTest),
    Checksum {
        of: ChecksumOf,
        right: bool,
    },
    /// Decoding found this odd: Suricata's name, as in `ipv4.trunc_pkt`.
    DecodeEvent(Box<str>),
    /// The stream engine found this odd: Suricata's name, as in `pkt_invalid_ack`.
    StreamEvent(Box<str>),
}

/// The header whose checksum a rule asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChecksumOf {
    Ipv4,
    Tcpv4,
    Tcpv6,
    Udpv4,
    Udpv6,
    Icmpv4,
    Icmpv6,
}

/// `flow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FlowCondition {
    /// The keyword is there (a rule with it needs a flow).
    pub given: bool,
    /// `to_server`/`from_client`: Some(true); `to_client`/`from_server`: Some(false).
    pub to_server: Option<bool>,
    /// `established`: Some(true); `not_established`: Some(false).
    pub established: Option<bool>,
    /// `stateless`.
    pub stateless: bool,
    /// `only_stream`: Some(true); `no_stream`: Some(false).
    pub stream: Option<bool>,
    /// `only_frag`: Some(true); `no_frag`: Some(false).
    pub fragment: Option<bool>,
}

/// What a `flowbits` option does. Bits are indices into the ruleset's table of names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words; a list is an or of names")]
pub enum Flowbits {
    Set(Vec<String>),
    Unset(Vec<String>),
    Toggle(Vec<String>),
    IsSet(Vec<String>),
    IsNotSet(Vec<String>),
}

/// Whom `threshold` and friends count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum TrackBy {
    Rule,
    Source,
    Destination,
    Both,
    Flow,
}

/// Type of `threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum ThresholdKind {
    Limit,
    Threshold,
    Both,
    /// `type backoff`, with its multiplier.
    Backoff {
        multiplier: u32,
    },
    /// `detection_filter`: alerts on every match after the first `count` within `seconds`.
    DetectionFilter,
}

/// `threshold` or `detection_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub struct Threshold {
    pub kind: ThresholdKind,
    pub track: TrackBy,
    pub count: u32,
    pub seconds: u32,
}

/// `target`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum Target {
    Source,
    Destination,
}

/// Where in the rule files something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Index into the list of files that were read.
    pub file: u32,
    /// 1-based line (a rule continued by `\` starts at its first).
    pub line: u32,
    /// 1-based column in bytes.
    pub column: u32,
}

/// A checked rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keywords' names")]
pub struct Signature {
    pub place: Place,
    pub action: Action,
    pub header: Header,
    pub gid: u32,
    pub sid: u32,
    pub rev: u32,
    pub msg: Box<str>,
    /// `classtype`, short name; its description and priority come from classification.config.
    pub classtype: Option<Arc<str>>,
    /// Description of the classtype; empty if unknown.
    pub category: Arc<str>,
    /// 1 (highest) to 255: `priority`, else the classtype's, else 3.
    pub priority: u8,
    /// (`url`, `example.com/x`)
    pub references: Vec<(Arc<str>, Arc<str>)>,
    /// Key and value of `metadata`; the value is empty where there is none.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
    pub target: Option<Target>,
    /// `noalert`, or `flowbits:noalert`.
    pub noalert: bool,
    /// `alert`: told, also where the action would not.
    pub alert: bool,
    pub flow: FlowCondition,
    pub packet: Vec<PacketCondition>,
    /// Conditions on the raw payload (`pkt_data`), in the rule's order.
    pub payload: Vec<BufferCondition>,
    /// Conditions on other buffers, in the order in which the rule names them first.
    pub buffers: Vec<BufferConditions>,
    /// The application protocols that the flow must be of; none: any, recognised or not.
    pub app: Protocols,
    pub app_conditions: Vec<AppCondition>,
    pub flowbits: Vec<Flowbits>,
    /// Bits on hosts, numbers on flows, lists of addresses, tags, and how much a flow has seen.
    pub kept: KeptConditions,
    /// `bypass`: the flow is not looked at any more.
    pub bypass: bool,
    /// `tls.store`: certificates are kept.
    pub tls_store: bool,
    /// `config`: what is not logged any more.
    pub quiet: Option<Quiet>,
    /// `filestore`.
    pub filestore: Option<Filestore>,
    /// `replace`: what contents of the payload are overwritten with, in line.
    pub replacements: Vec<Replacement>,
    pub threshold: Option<Threshold>,
    pub detection_filter: Option<Threshold>,
    /// Names of `byte_extract` and `byte_math` variables, in order of definition.
    pub variables: Vec<Box<str>>,
    /// The rule as it stands in the file; empty where it is not kept.
    pub text: Box<str>,
    /// SHA-256 of that text.
    pub digest: [u8; 32],
}

/// `replace`: in line, the bytes that a content of the payload found are overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Which of [`Signature::payload`]: a content that is not negated.
    pub condition: usize,
    /// As many bytes as the content has.
    pub bytes: Box<[u8]>,
}

impl BufferConditions {
    /// Whose messages it is looked for in.
    #[must_use]
    pub fn side(&self) -> Side {
        match self.to_server {
            None => self.buffer.declaration().side,
            Some(true) => Side::ToServer,
            Some(false) => Side::ToClient,
        }
    }
}

impl Signature {
    /// A signature that asks for nothing but its header.
    #[must_use]
    pub fn new(place: Place, action: Action, header: Header) -> Self {
        Self {
            place,
            action,
            header,
            gid: 1,
            sid: 0,
            rev: 0,
            msg: Box::default(),
            classtype: None,
            category: Arc::default(),
            priority: 3,
            references: Vec::new(),
            metadata: Vec::new(),
            target: None,
            noalert: false,
            alert: false,
            flow: FlowCondition::default(),
            packet: Vec::new(),
            payload: Vec::new(),
            buffers: Vec::new(),
            app: Protocols::NONE,
            app_conditions: Vec::new(),
            flowbits: Vec::new(),
            kept: KeptConditions::default(),
            bypass: false,
            tls_store: false,
            quiet: None,
            filestore: None,
            replacements: Vec::new(),
            threshold: None,
            detection_filter: None,
            variables: Vec::new(),
            text: Box::default(),
            digest: [0; 32],
        }
    }

    /// The only direction in whose messages it can hold, if there is one: what `flow` says, or that of buffers that only one
    /// side has.
    #[must_use]
    pub fn to_server(&self) -> Option<bool> {
        if self.header.transactional || self.flow.to_server.is_some() {
            return self.flow.to_server;
        }
        let mut sides =
            self.buffers.iter().filter(|b| !b.buffer.declaration().protocols.is_empty()).map(BufferConditions::side);
        match (sides.clone().any(|s| s == Side::ToServer), sides.any(|s| s == Side::ToClient)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// Some condition is about a header of the packet at hand, as bytes.
    #[must_use]
    pub fn inspects_headers(&self) -> bool {
        self.buffers.iter().any(|b| b.buffer.declaration().source == Source::Packet)
    }

    /// Forgets its text and what it looks for, which is most of its memory, once it is compiled.
    pub fn forget_contents(&mut self) {
        self.text = Box::default();
        self.payload = Vec::new();
        self.replacements = Vec::new();
        self.variables = Vec::new();
        for buffer in &mut self.buffers {
            buffer.conditions = Vec::new();
        }
    }

    /// Forgets all that alerts do not say.
    pub(crate) fn forget_conditions(&mut self) {
        self.forget_contents();
        self.buffers = Vec::new();
        self.packet = Vec::new();
        self.app_conditions = Vec::new();
        self.flowbits = Vec::new();
        self.kept = KeptConditions::default();
    }

    /// Lists of hashes are relative to the folder of the rule's file.
    pub(crate) fn resolve_lists(&mut self, folder: Option<&Path>) {
        for condition in self.buffers.iter_mut().flat_map(|b| &mut b.conditions) {
            if let (BufferCondition::File(FileTest::Hash { list, .. }), Some(folder)) = (condition, folder) {
                *list = folder.join(&*list);
            }
        }
    }

    /// Gives back the room that its lists grew beyond what is in them: a ruleset has tens of thousands of signatures.
    pub(crate) fn shrink(&mut self) {
        self.payload.shrink_to_fit();
        self.buffers.shrink_to_fit();
        for buffer in &mut self.buffers {
            buffer.conditions.shrink_to_fit();
            buffer.transforms.shrink_to_fit();
        }
        self.packet.shrink_to_fit();
        self.metadata.shrink_to_fit();
        self.references.shrink_to_fit();
        self.flowbits.shrink_to_fit();
    }

    /// Some condition is about a frame: the rule is judged on frames as they come.
    #[must_use]
    pub fn inspects_frames(&self) -> bool {
        self.buffers.iter().any(|b| b.buffer.is_frame())
    }

    /// Some condition is about a transaction of an application protocol: the rule is judged on these, not on packets.
    #[must_use]
    pub fn inspects_transactions(&self) -> bool {
        self.buffers.iter().any(|b| matches!(b.buffer.declaration().source, Source::Transaction(_) | Source::Frame))
            || self.app_conditions.iter().any(|c| matches!(c, AppCondition::Event { .. }))
    }
}
