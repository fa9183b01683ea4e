//! Messages (MQTT 5.0, 2 and 3), read where they lie.

use crate::protocols::cursor::Cursor;

/// Topics and reasons that are looked at of a message.
pub const LIST_LIMIT: usize = 256;

/// What a message is (MQTT 5.0, 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageType(pub u8);

#[expect(missing_docs, reason = "the names say it")]
impl MessageType {
    pub const CONNECT: Self = Self(1);
    pub const CONNACK: Self = Self(2);
    pub const PUBLISH: Self = Self(3);
    pub const PUBACK: Self = Self(4);
    pub const PUBREC: Self = Self(5);
    pub const PUBREL: Self = Self(6);
    pub const PUBCOMP: Self = Self(7);
    pub const SUBSCRIBE: Self = Self(8);
    pub const SUBACK: Self = Self(9);
    pub const UNSUBSCRIBE: Self = Self(10);
    pub const UNSUBACK: Self = Self(11);
    pub const PINGREQ: Self = Self(12);
    pub const PINGRESP: Self = Self(13);
    pub const DISCONNECT: Self = Self(14);
    pub const AUTH: Self = Self(15);

    /// As rules and EVE call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        sekisho_signatures::buffers::Buffer::MqttType.value_name(self.0.into()).unwrap_or("unassigned")
    }
}

/// The fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type and flags.
    pub first: u8,
    /// Bytes of the header.
    pub len: usize,
    /// Bytes behind it.
    pub rest: usize,
}

/// What the first bytes of a message say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All of its header.
    Is(Header),
    /// There are too few.
    More,
    /// The length cannot be.
    Not,
}

impl Header {
    /// Reads it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Start {
        let Some((&first, rest)) = bytes.split_first() else { return Start::More };
        match variable(rest) {
            Some(Some((len, rest))) => Start::Is(Self { first, len: 1 + len, rest }),
            Some(None) => Start::More,
            None => Start::Not,
        }
    }

    /// What the message is.
    #[must_use]
    pub fn kind(self) -> MessageType {
        MessageType(self.first >> 4)
    }

    /// Its quality of service.
    #[must_use]
    pub fn qos(self) -> u8 {
        self.first >> 1 & 3
    }
}

/// A variable byte integer (1.5.5): how many bytes it takes, and its value; Some(None) if it is not all there, None if it is none.
pub(super) fn variable(bytes: &[u8]) -> Option<Option<(usize, usize)>> {
    let mut value = 0;
    for i in 0..4 {
        let Some(byte) = bytes.get(i) else { return Some(None) };
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(Some((i + 1, value)));
        }
    }
    None
}

/// What a CONNECT says (3.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Connect<'a> {
    pub protocol: &'a [u8],
    pub version: u8,
    pub flags: u8,
    pub properties: &'a [u8],
    pub client_id: &'a [u8],
    pub will: Option<Will<'a>>,
    pub username: Option<&'a [u8]>,
    pub password: Option<&'a [u8]>,
}

/// What the server is to publish once the client is gone.
#[derive(Clone, Copy, Debug)]
pub struct Will<'a> {
    pub properties: &'a [u8],
    pub topic: &'a [u8],
    pub message: &'a [u8],
}

/// What is behind the fixed header, as far as it is read.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// CONNACK: flags, a reason, properties.
    Connack(u8, u8, &'a [u8]),
    /// PUBLISH: the topic, the identifier, properties, the payload.
    Publish(&'a [u8], Option<u16>, &'a [u8], &'a [u8]),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP: the identifier, a reason.
    Ack(u16, Option<u8>),
    /// SUBSCRIBE: the identifier, topics with what is asked for.
    Subscribe(u16, Vec<(&'a [u8], u8)>),
    /// SUBACK or UNSUBACK: the identifier, a reason for each topic.
    Reasons(u16, &'a [u8]),
    /// UNSUBSCRIBE: the identifier, topics.
    Unsubscribe(u16, Vec<&'a [u8]>),
    /// DISCONNECT or AUTH: a reason, properties.
    Reason(Option<u8>, &'a [u8]),
    /// Nothing.
    Empty,
}

impl<'a> Body<'a> {
    /// Reads what is behind a header; `version` is the protocol's. None if it is broken.
    #[must_use]
    pub fn read(header: Header, bytes: &'a [u8], version: u8) -> Option<Self> {
        let mut c = Cursor::big(bytes);
        let c = &mut c;
        let is_5 = version >= 5;
        Some(match header.kind() {
            MessageType::CONNECT => Self::Connect(connect(c)?),
            MessageType::CONNACK => {
                let (flags, reason) = (c.u8()?, c.u8()?);
                Self::Connack(flags, reason, properties(c, is_5)?)
            }
            MessageType::PUBLISH => {
                let topic = string(c)?;
                let id = if header.qos() > 0 { Some(c.u16()?) } else { None };
                Self::Publish(topic, id, properties(c, is_5)?, c.rest())
            }
            MessageType::PUBACK | MessageType::PUBREC | MessageType::PUBREL | MessageType::PUBCOMP => {
                let id = c.u16()?;
                let reason = c.u8().filter(|_| is_5);
                properties(c, is_5 && !c.rest().is_empty())?;
                Self::Ack(id, reason)
            }
            MessageType::SUBSCRIBE => {
                let (id, _, mut topics) = (c.u16()?, properties(c, is_5)?, vec![]);
                while !c.rest().is_empty() && topics.len() < LIST_LIMIT {
                    topics.push((string(c)?, c.u8()?));
                }
                Self::Subscribe(id, topics)
            }
            MessageType::UNSUBSCRIBE => {
                let (id, _, mut topics) = (c.u16()?, properties(c, is_5)?, vec![]);
                while !c.rest().is_empty() && topics.len() < LIST_LIMIT {
                    topics.push(string(c)?);
                }
                Self::Unsubscribe(id, topics)
            }
            MessageType::SUBACK | MessageType::UNSUBACK => {
                let (id, _) = (c.u16()?, properties(c, is_5)?);
                Self::Reasons(id, c.rest().get(..LIST_LIMIT).unwrap_or(c.rest()))
            }
            MessageType::DISCONNECT | MessageType::AUTH => {
                let reason = c.u8();
                Self::Reason(reason, properties(c, is_5 && !c.rest().is_empty())?)
            }
            _ => Self::Empty,
        })
    }

    /// The packet identifier, for messages that have one.
    #[must_use]
    pub fn id(&self) -> Option<u16> {
        match self {
            Self::Publish(_, id, ..) => *id,
            Self::Ack(id, ..) | Self::Subscribe(id, ..) | Self::Reasons(id, ..) | Self::Unsubscribe(id, ..) => {
                Some(*id)
            }
            Self::Connect(_) | Self::Connack(..) | Self::Reason(..) | Self::Empty => None,
        }
    }

    /// Its reasons.
    #[must_use]
    pub fn reasons(&self) -> &[u8] {
        match self {
            Self::Connack(_, reason, _) => std::slice::from_ref(reason),
            Self::Ack(_, reason) | Self::Reason(reason, _) => reason.as_slice(),
            Self::Reasons(_, reasons) => reasons,
            _ => &[],
        }
    }
}

fn string<'a>(c: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = c.u16()?;
    c.take(len.into())
}

fn properties<'a>(c: &mut Cursor<'a>, are_there: bool) -> Option<&'a [u8]> {
    if !are_there {
        return Some(&[]);
    }
    let (width, len) = variable(c.rest())??;
    c.skip(width)?;
    c.take(len)
}

fn connect<'a>(c: &mut Cursor<'a>) -> Option<Connect<'a>> {
    let (protocol, version, flags) = (string(c)?, c.u8()?, c.u8()?);
    let _keep_alive = c.u16()?;
    let is_5 = version >= 5;
    let own = properties(c, is_5)?;
    let client_id = string(c)?;
    let will = if flags & 0x04 != 0 {
        Some(Will { properties: properties(c, is_5)?, topic: string(c)?, message: string(c)? })
    } else {
        None
    };
    let username = if flags & 0x80 != 0 { Some(string(c)?) } else { None };
    let password = if flags & 0x40 != 0 { Some(string(c)?) } else { None };
    Some(Connect { protocol, version, flags, properties: own, client_id, will, username, password })
}
