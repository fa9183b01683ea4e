//! What a connection has bound: which interface each context id stands for (C706, 12.6.4.3 and following).

use crate::protocols::text::Short;
use std::fmt;

/// Interfaces that are remembered of one connection, and read of one bind.
pub const MAX_INTERFACES: usize = 64;

/// An interface's id, in the order in which it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// From the wire, where its first three numbers are in the message's byte order.
    #[must_use]
    pub fn read(mut bytes: [u8; 16], little: bool) -> Self {
        if little {
            bytes[0..4].reverse();
            bytes[4..6].reverse();
            bytes[6..8].reverse();
        }
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Short::<36>::default();
        for (i, byte) in self.0.iter().enumerate() {
            text.push_str(if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" });
            text.push_hex(&[*byte]);
        }
        f.write_str(text.as_str())
    }
}

/// An interface that a client wants to use, or uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The context id by which calls name it.
    pub context: u16,
    /// Which.
    pub uuid: Uuid,
    /// Its version, major and minor.
    pub version: (u16, u16),
    /// What the server says of it: result (0: accepted) and reason.
    pub result: Option<(u16, u16)>,
}

impl Interface {
    /// The server offers it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.result, Some((0, _)))
    }
}

/// The interfaces that a connection has bound.
#[derive(Debug, Default)]
pub struct Association {
    bound: Vec<Interface>,
}

impl Association {
    /// Notes what the server said of the interfaces of a bind, and remembers those that it accepted.
    pub fn answer(&mut self, wanted: &mut [Interface], results: &[(u16, u16)]) {
        for (interface, result) in wanted.iter_mut().zip(results) {
            interface.result = Some(*result);
            if !interface.is_accepted() {
                continue;
            }
            self.bound.retain(|known| known.context != interface.context);
            if self.bound.len() >= MAX_INTERFACES {
                self.bound.remove(0);
            }
            self.bound.push(*interface);
        }
    }

    /// The interface that a context id stands for.
    #[must_use]
    pub fn interface(&self, context: u16) -> Option<Interface> {
        self.bound.iter().find(|known| known.context == context).copied()
    }
}
