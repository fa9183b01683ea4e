//! A conversation of two short messages; some are refused, some end in a reset.

use super::{Ending, Stage, Step};
use crate::generate::frame::{CLIENT, SERVER};
use fastrand::Rng;

/// See the module's head.
#[derive(Debug)]
pub struct Short {
    step: u8,
    reset: bool,
}

impl Short {
    pub fn new(rng: &mut Rng) -> Self {
        Self { step: 0, reset: rng.u8(..10) == 0 }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        self.step += 1;
        match self.step {
            1 | 2 => {
                let len = stage.rng.usize(16..200);
                stage.random(len);
                Step::say(if self.step == 1 { CLIENT } else { SERVER }, stage.work(2.0))
            }
            _ if self.reset => Step::End(Ending::Reset(SERVER)),
            _ => Step::End(Ending::Fin(CLIENT)),
        }
    }
}
