//! ICMP echo (RFC 792, RFC 4443) and NTP (RFC 5905).

use super::{Done, Ending, Stage, Step};
use crate::generate::frame::{CLIENT, SERVER};
use fastrand::Rng;

/// A few pings, a second apart.
#[derive(Debug)]
pub struct Echo {
    id: u16,
    left: u8,
    seq: u16,
    answer: bool,
}

impl Echo {
    pub fn new(rng: &mut Rng) -> Self {
        Self { id: rng.u16(..), left: 1 + rng.u8(..4), seq: 0, answer: false }
    }

    /// The head is what comes after the checksum.
    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        if self.left == 0 {
            return Step::End(Ending::Silence);
        }
        self.seq += u16::from(!self.answer);
        stage.head.extend(self.id.to_be_bytes());
        stage.head.extend(self.seq.to_be_bytes());
        stage.head.extend(0..56);
        let answers = self.answer;
        self.answer = !answers;
        if answers {
            self.left -= 1;
            Step::say(SERVER, 0.0).counted(Done::Ping)
        } else {
            Step::say(CLIENT, if self.seq == 1 { 0.0 } else { 1e9 })
        }
    }
}

/// A client asks for the time, once.
#[derive(Debug, Default)]
pub struct Ntp {
    step: u8,
}

impl Ntp {
    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        self.step += 1;
        match self.step {
            1 => {
                // No leap, version 4, mode 3; stratum, poll, precision.
                stage.head.extend([0x23, 0, 6, 0xec]);
                stage.head.resize(40, 0);
                stage.random(8);
                Step::say(CLIENT, 0.0)
            }
            2 => {
                stage.head.extend([0x24, 2, 6, 0xe9, 0, 0, 2, 0, 0, 0, 3, 0]);
                stage.random(36);
                Step::say(SERVER, 3e4).counted(Done::Ntp)
            }
            _ => Step::End(Ending::Silence),
        }
    }
}
