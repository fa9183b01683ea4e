//! A transfer in bulk with a protocol of its own: a short request, then megabytes one way, random bytes.

use super::{Ending, Stage, Step};
use crate::generate::distribution::{pareto, within};
use crate::generate::frame::{CLIENT, SERVER};
use crate::generate::message::Body;
use fastrand::Rng;

/// See the module's head.
#[derive(Debug)]
pub struct Bulk {
    len: u64,
    upload: bool,
    step: u8,
}

impl Bulk {
    pub fn new(rng: &mut Rng) -> Self {
        let len = within(pareto(rng, 300_000.0, 1.2), 0, 200_000_000);
        Self { len, upload: rng.u8(..4) == 0, step: 0 }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        self.step += 1;
        let speaker = if self.upload { CLIENT } else { SERVER };
        match self.step {
            1 => {
                stage.text(if self.upload { "put" } else { "get" });
                stage.random(37);
                Step::say(CLIENT, 0.0)
            }
            2 => Step::say(speaker, 1e6).with(Body { start: stage.rng.u32(..1 << 20), len: self.len, ..Body::NONE }),
            3 => {
                stage.random(20);
                Step::say(1 - speaker, 1e6)
            }
            _ => Step::End(Ending::Fin(CLIENT)),
        }
    }
}
