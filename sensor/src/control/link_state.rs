//! Link state from port to port: where one loses its carrier, the other is taken down, so that whoever stands behind it learns that the
//! way is cut, as he would of a cable; and it is put up again when the carrier is back.
//!
//! Nothing is taken down for a carrier that was not there before: not at the start, and not while a port that was just put up
//! finds its speed.

use crate::capture::afxdp_pair::Side;

/// What one link's mirror remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mirror {
    /// Each port has had a carrier since it was last up.
    seen: [bool; 2],
    /// The port that was taken down.
    taken: Option<Side>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The port is to be taken down: the other one has lost its carrier.
    Down(Side),
    /// The port is to be put up again.
    Up(Side),
}

impl Mirror {
    /// How it is now: whether each port has a carrier. What is answered is to be done, and counts as done.
    pub fn look(&mut self, carriers: [bool; 2]) -> Option<Change> {
        let has = |side: Side| carriers[side as usize];
        if let Some(taken) = self.taken {
            return has(taken.other()).then(|| self.put_up(taken));
        }
        for side in Side::BOTH {
            if has(side) {
                self.seen[side as usize] = true;
            } else if std::mem::take(&mut self.seen[side as usize]) {
                self.taken = Some(side.other());
                return self.taken.map(Change::Down);
            }
        }
        None
    }

    fn put_up(&mut self, taken: Side) -> Change {
        self.taken = None;
        self.seen[taken as usize] = false;
        Change::Up(taken)
    }

    /// The port that is down, if one is: it is to be put up, since nobody looks any more.
    pub fn end(&mut self) -> Option<Side> {
        self.taken.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_carrier_takes_the_other_port_down_until_it_is_back() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.look([true, true]), None);
        assert_eq!(mirror.look([false, true]), Some(Change::Down(Side::B)));
        assert_eq!(mirror.look([false, false]), None);
        assert_eq!(mirror.look([true, false]), Some(Change::Up(Side::B)));
        // It takes its time.
        assert_eq!(mirror.look([true, false]), None);
        assert_eq!(mirror.look([true, true]), None);
        assert_eq!(mirror.look([true, false]), Some(Change::Down(Side::A)));
        assert_eq!(mirror.end(), Some(Side::A));
        assert_eq!(mirror.end(), None);
    }

    #[test]
    fn a_carrier_that_was_never_there_is_not_missed() {
        let mut mirror = Mirror::default();
        for carriers in [[false, true], [false, true], [true, true], [true, true]] {
            assert_eq!(mirror.look(carriers), None);
        }
        assert_eq!(mirror.look([true, false]), Some(Change::Down(Side::A)));
    }
}
