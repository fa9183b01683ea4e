//! Whether the sensor sees both sides of connections, or only one: a mirror that sends what comes in and not what goes out, or routes
//! that differ by direction.
//!
//! Told by handshakes. One is two-sided when the SYN/ACK that answers a SYN was seen; it is one-sided when one of the sides sends data
//! and of the other not a packet was seen. SYNs that nobody answers (scans) and SYN/ACKs that nobody asked for (an attack's backscatter) are
//! neither.
//!
//! [`OneSided::Auto`] follows one-sided connections once they are nine of ten. It takes that many since following them gives
//! something up: without the other side's numbers segments are not judged by windows, and somebody who sends to nobody is believed.
//! To bring that about on a link of which both sides are seen, one would have to send nine times as many handshakes as all others do.

use super::StreamEngine;
use super::session::TcpSession;
use serde::Deserialize;

/// Whether connections of which only one side is seen are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Setting")]
pub enum OneSided {
    /// No: `one_sided = false`.
    #[default]
    Never,
    /// From when on nine of ten are such: `one_sided = "auto"`.
    Auto,
    /// From the first one on: `one_sided = true`.
    Always,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false or \"auto\"")]
enum Setting {
    Switch(bool),
    Word(Word),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Auto,
}

impl From<Setting> for OneSided {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Switch(false) => Self::Never,
            Setting::Switch(true) => Self::Always,
            Setting::Word(Word::Auto) => Self::Auto,
        }
    }
}

/// The latest handshakes of a worker, older ones counting less and less.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sides {
    one: u32,
    two: u32,
}

impl Sides {
    /// One-sided handshakes before anything is said of the mirror.
    const LEAST: u32 = 16;
    /// How many are remembered at full weight.
    const MEMORY: u32 = 512;

    fn count(&mut self, one_sided: bool) {
        *(if one_sided { &mut self.one } else { &mut self.two }) += 1;
        if self.one + self.two >= Self::MEMORY {
            self.one /= 2;
            self.two /= 2;
        }
    }

    const fn mostly_one(self) -> bool {
        self.one >= Self::LEAST && self.one >= 9 * self.two
    }
}

impl StreamEngine {
    /// Whether a connection of which only one side is seen is followed.
    pub(super) const fn follows_one_side(&self) -> bool {
        match self.config.one_sided {
            OneSided::Never => false,
            OneSided::Auto => self.sides.mostly_one(),
            OneSided::Always => true,
        }
    }

    /// Counts a connection's handshake, once.
    pub(super) fn note_sides(&mut self, session: &mut TcpSession, one_sided: bool) {
        if session.is(TcpSession::SIDES_NOTED) {
            return;
        }
        session.marks |= TcpSession::SIDES_NOTED;
        self.sides.count(one_sided);
        if one_sided {
            self.counters.one_sided += 1;
        } else {
            self.counters.two_sided += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_and_no_fewer_than_sixteen() {
        let mut sides = Sides::default();
        for _ in 0..15 {
            sides.count(true);
            assert!(!sides.mostly_one());
        }
        sides.count(true);
        assert!(sides.mostly_one());
        sides.count(false);
        assert!(sides.mostly_one(), "16 to 1");
        sides.count(false);
        assert!(!sides.mostly_one(), "16 to 2");
        for _ in 0..2 {
            sides.count(true);
        }
        assert!(sides.mostly_one(), "18 to 2");
    }

    #[test]
    fn what_was_is_forgotten() {
        let mut sides = Sides::default();
        for _ in 0..100_000 {
            sides.count(true);
        }
        let mut needed = 0;
        while sides.mostly_one() {
            sides.count(false);
            needed += 1;
        }
        assert!(needed < 100, "{needed}");
    }

    #[test]
    fn it_is_written_as_a_switch_or_a_word() {
        #[derive(Deserialize)]
        struct Holder {
            one_sided: OneSided,
        }
        let read = |text: &str| toml::from_str::<Holder>(text).map(|holder| holder.one_sided);
        assert_eq!(read("one_sided = false").unwrap(), OneSided::Never);
        assert_eq!(read("one_sided = true").unwrap(), OneSided::Always);
        assert_eq!(read("one_sided = \"auto\"").unwrap(), OneSided::Auto);
        assert!(read("one_sided = \"sometimes\"").is_err_and(|error| error.to_string().contains("\"auto\"")));
    }
}
