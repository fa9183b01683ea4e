//! Conditions on what is kept between packets: sets of values, bits on hosts, numbers on flows, tags, how much a flow has
//! seen, and what lists say of an address. Plain data, as [`crate::model`]; meanings are those of Suricata 8's user guide.

use crate::model::NumberTest;
use std::path::PathBuf;

/// All that a rule asks of, and does to, what is kept between packets, beside flowbits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptConditions {
    /// `hostbits` and `xbits`.
    pub host_bits: Vec<HostBit>,
    /// `flowvar` and `pktvar`.
    pub variables: Vec<VariableTest>,
    /// `flowint`.
    pub flow_ints: Vec<FlowInt>,
    /// `iprep`.
    pub reputations: Vec<IpRep>,
    /// `geoip`.
    pub countries: Vec<GeoIp>,
    /// `tag`.
    pub tags: Vec<Tag>,
    /// `stream_size`, `flow.age`, `flow.pkts`, `flow.bytes`.
    pub measures: Vec<FlowMeasure>,
}

/// `flowvar` or `pktvar`: what an expression captured has these bytes in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariableTest {
    /// What was captured for the packet, not for the flow.
    pub of_packet: bool,
    /// Under which name.
    pub name: Box<str>,
    /// The bytes.
    pub content: Box<[u8]>,
}

/// What of a flow is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Whole seconds since its first packet.
    Age,
    /// Packets.
    Packets,
    /// Bytes of these packets, all headers included.
    Bytes,
    /// Sequence numbers that a TCP stream has used so far, its SYN and FIN included.
    StreamSize,
}

/// Which direction of a flow is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MeasureSide {
    ToServer,
    ToClient,
    /// The test holds for both, each by itself.
    Both,
    /// It holds for one of them at least.
    Either,
}

/// How much a flow has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FlowMeasure {
    pub what: Measure,
    /// Of no matter to [`Measure::Age`].
    pub side: MeasureSide,
    pub test: NumberTest,
}

/// A number with a fraction, as a rule gives it.
#[derive(Clone, Copy, Debug)]
pub struct Decimal(pub f64);

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Decimal {}

/// What `entropy` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntropyTest {
    /// One number.
    Order(Order, Decimal),
    /// Between two numbers, both left out; or not.
    Between {
        /// The lower one.
        low: Decimal,
        /// The higher one.
        high: Decimal,
        /// Outside: at one of them, or beyond.
        negated: bool,
    },
}

/// `entropy`: Shannon's, in bits a byte, of the buffer or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entropy {
    /// Bytes that are looked at; all, if not said.
    pub bytes: Option<u32>,
    /// Bytes that are passed over first.
    pub offset: u32,
    /// The buffer's name in records.
    pub of: &'static str,
    /// What it must be.
    pub test: EntropyTest,
}

impl Entropy {
    /// Whether a value between 0 and 8 is accepted.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.test {
            EntropyTest::Order(order, Decimal(wanted)) => order.holds(value, wanted),
            EntropyTest::Between { low, high, negated } => (low.0 < value && value < high.0) != negated,
        }
    }

    /// The entropy of what it looks at; `None` when there are no such bytes.
    #[must_use]
    pub fn measure(&self, data: &[u8]) -> Option<f64> {
        let data = data.get(self.offset as usize..)?;
        let data = self.bytes.map_or(data, |n| &data[..data.len().min(n as usize)]);
        if data.is_empty() {
            return None;
        }
        let mut counts = [0_u32; 256];
        for byte in data {
            counts[usize::from(*byte)] += 1;
        }
        let len = data.len() as f64;
        let bits = counts.iter().filter(|n| **n > 0).map(|&n| {
            let share = f64::from(n) / len;
            -share * share.log2()
        });
        Some(bits.sum())
    }
}

/// `base64_decode`: what `base64_data` looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base64Decode {
    /// So many encoded bytes at most; all, if not said.
    pub bytes: Option<u32>,
    /// Where they begin.
    pub offset: u32,
    /// Counted from the end of the previous match.
    pub relative: bool,
}

/// What a rule switches off where it matches (`config`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// The records of the transaction.
    Transaction,
    /// The records of all transactions of the flow from here on.
    Flow,
}

/// What a set's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// Any bytes; base64 in files.
    String,
    /// 16 bytes; hexadecimal in files.
    Md5,
    /// 32 bytes; hexadecimal in files.
    Sha256,
    /// An IPv4 address.
    Ipv4,
    /// An address of either version.
    Ip,
}

impl SetKind {
    /// As it stands in rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
            Self::Ipv4 => "ipv4",
            Self::Ip => "ip",
        }
    }
}

/// How a set's file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SetFormat {
    /// One value a line.
    #[default]
    Csv,
    /// A JSON array of objects, perhaps within an object.
    Json,
    /// One JSON object a line.
    JsonLines,
}

/// What a rule, or the configuration, says of a set. Equal for all rules that name the set, or left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SetOptions {
    /// `type`.
    pub kind: Option<SetKind>,
    /// `load`, or `state`: read at the start.
    pub load: Option<PathBuf>,
    /// `save`, or `state`: written at the end.
    pub save: Option<PathBuf>,
    /// `memcap`, in bytes.
    pub memcap: Option<u64>,
    /// `hashsize`, in entries.
    pub hashsize: Option<u32>,
    /// `format`.
    pub format: SetFormat,
    /// `value_key`: which member of an object is the value.
    pub value_key: Option<Box<str>>,
    /// `array_key`: the path, with dots, to the array.
    pub array_key: Option<Box<str>>,
    /// `context_key`: the name under which an alert carries the object.
    pub context_key: Option<Box<str>>,
    /// `remove_key`: the value is left out of that object.
    pub remove_key: bool,
}

/// What `dataset` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum SetCommand {
    /// Adds the value; holds when it is new.
    Set,
    /// Takes the value out; holds when it was there.
    Unset,
    IsSet,
    IsNotSet,
}

/// `dataset`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub struct Dataset {
    pub command: SetCommand,
    pub name: Box<str>,
    pub options: SetOptions,
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Order {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Order {
    /// Whether `left` stands to `right` so.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

/// `datarep`: the value is in the set, and what the set says of it compares so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub struct Datarep {
    pub name: Box<str>,
    pub order: Order,
    pub reputation: u16,
    pub options: SetOptions,
}

/// What is done to a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keywords' own words")]
pub enum BitCommand {
    Set,
    Unset,
    Toggle,
    IsSet,
    IsNotSet,
}

impl BitCommand {
    /// Asks, and changes nothing.
    #[must_use]
    pub fn is_test(self) -> bool {
        matches!(self, Self::IsSet | Self::IsNotSet)
    }
}

/// Whose bit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOwner {
    /// The packet's source address.
    Source,
    /// Its destination address.
    Destination,
    /// Both, each by itself: to set it is to set it on both; a test holds when it holds for either.
    Both,
    /// The two together, whichever way the packet goes.
    Pair,
    /// The transaction.
    Transaction,
}

/// `xbits` or `hostbits`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostBit {
    /// What is done.
    pub command: BitCommand,
    /// The bit's name.
    pub name: Box<str>,
    /// Whose it is.
    pub owner: BitOwner,
    /// Seconds until a bit that is set is gone by itself.
    pub expire_s: u32,
}

/// What `flowint` does with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowIntOp {
    /// Adds; what is not set counts as 0.
    Add,
    /// Subtracts, down to 0.
    Subtract,
    /// Sets it.
    Assign,
    /// It is set, and compares so.
    Compare(Order),
    /// It is set.
    IsSet,
    /// It is not.
    NotSet,
}

impl FlowIntOp {
    /// Asks, and changes nothing.
    #[must_use]
    pub fn is_test(self) -> bool {
        matches!(self, Self::Compare(_) | Self::IsSet | Self::NotSet)
    }
}

/// The operand of `flowint`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FlowIntOperand {
    /// Written out.
    Number(u32),
    /// Another of the flow's numbers.
    Name(Box<str>),
}

/// `flowint`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FlowInt {
    pub name: Box<str>,
    pub op: FlowIntOp,
    /// 0 where the operation has none.
    pub operand: FlowIntOperand,
}

/// What `tag` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagScope {
    /// The flow.
    Session,
    /// All packets of the source.
    Source,
    /// All packets of the destination.
    Destination,
}

/// How long `tag` follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub enum TagLength {
    Packets(u32),
    Seconds(u32),
    Bytes(u32),
    /// `tag:session` alone: as long as the flow lasts.
    Unlimited,
}

/// `tag`: packets that follow are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tag {
    pub scope: TagScope,
    pub length: TagLength,
}

/// Which side of the packet a condition on addresses is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keywords' own words")]
pub enum Side {
    Source,
    Destination,
    Any,
    Both,
}

/// `iprep`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keyword's own words")]
pub struct IpRep {
    pub side: Side,
    pub category: Box<str>,
    pub test: ScoreTest,
}

/// What an address' score must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScoreTest {
    /// There is one.
    Listed,
    /// There is none.
    NotListed,
    /// There is one, and it compares so with this number, 0 to 127.
    Score(Order, u8),
}

impl ScoreTest {
    /// Whether a score is accepted; `None` for an address that is not listed.
    #[must_use]
    pub fn holds(self, score: Option<u8>) -> bool {
        match self {
            Self::Listed => score.is_some(),
            Self::NotListed => score.is_none(),
            Self::Score(order, wanted) => score.is_some_and(|score| order.holds(score, wanted)),
        }
    }
}

/// `geoip`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GeoIp {
    /// Whose address.
    pub side: Side,
    /// ISO 3166 codes, capital letters.
    pub countries: Box<[[u8; 2]]>,
    /// The country is none of them.
    pub negated: bool,
}
