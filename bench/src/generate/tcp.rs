//! TCP as two hosts speak it (RFC 9293): handshake with options, windows that grow, an acknowledgement for every other segment,
//! losses found and mended, segments out of order, orderly and other ends.

use super::apps::Ending;
use super::cursor::{Cursor, Pace};
use super::flow::{CLIENT_DELAY, Env, Flow, Next, Speech};
use super::frame::{ACK, CLIENT, Ends, FIN, PSH, RST, SERVER, SYN, Segment};
use arrayvec::ArrayVec;
use fastrand::Rng;

/// Largest window that is offered, in units of 2^7: 128 KiB and a bit.
const WINDOW: u16 = 1026;
const SCALE: u8 = 7;
/// Bytes on the way, at most; less than the window.
const IN_FLIGHT: u64 = 120_000;
/// Least retransmission time-out of the systems in use, nanoseconds.
const LEAST_RTO: u64 = 200_000_000;
/// Segments that must follow a lost one for three duplicate acknowledgements to tell of it (RFC 5681, section 3.2).
const SEGMENTS_FOR_FAST_RETRANSMIT: u64 = 4;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Syn,
    SynAck,
    Ack,
    Talk,
    /// Frames of the ending that were sent.
    Closing(Closing, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Fin(usize),
    Reset(usize),
}

/// What is due in the middle of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Data,
    Ack,
    /// The acknowledgement of all that had come when a hole was filled.
    LateAck,
    Repair,
}

/// A segment that did not arrive.
#[derive(Clone, Copy, Debug)]
struct Hole {
    pos: u64,
    len: u16,
    /// When it is sent again.
    at: u64,
}

/// Padded TCP options.
type OptionBytes = ArrayVec<u8, 40>;

/// The state of a connection, both sides of it.
#[derive(Debug, Default)]
pub struct Tcp {
    phase: Phase,
    /// When the next frame of a handshake is due.
    at: u64,
    /// Next sequence number of each side; in the middle of a message, its first.
    seq: [u32; 2],
    id: [u16; 2],
    /// Clocks of the timestamps option (RFC 7323), and what each side said last.
    clock: [u32; 2],
    said: [u32; 2],
    timestamps: bool,
    /// The message's last segments are acknowledged by the answer.
    piggyback: bool,
    /// The segment after this one went first.
    swapped: bool,
    pace: Pace,
    data: Cursor,
    acks: Cursor,
    hole: Option<Hole>,
    late_ack: Option<u64>,
    /// When something last happened, and when a segment with data last went.
    last: u64,
    sent: u64,
}

impl Tcp {
    pub fn new(ends: &Ends, frame_size: usize, rtt: u64, rng: &mut Rng) -> Self {
        // Windows has the option off.
        let timestamps = ends.ttl[CLIENT] == 64 || rng.u8(..3) > 0;
        let mss = frame_size.saturating_sub(ends.header_len() + if timestamps { 32 } else { 20 }).max(1) as u64;
        // From 20 Mbit/s to 1 Gbit/s.
        let bits_a_second = if ends.local { 1e9 } else { 2e7 * 50_f64.powf(rng.f64()) };
        let gap = ((mss + 66) as f64 * 8e9 / bits_a_second) as u64;
        let most = (IN_FLIGHT / mss).clamp(2, 64) as u16;
        Self {
            seq: [rng.u32(..), rng.u32(..)],
            id: [rng.u16(..), rng.u16(..)],
            clock: [rng.u32(..), rng.u32(..)],
            timestamps,
            pace: Pace { gap, rtt, mss, most },
            ..Self::default()
        }
    }

    /// The handshake starts then.
    pub fn begin(&mut self, time: u64) {
        self.at = time;
    }

    /// When the next step is due.
    pub fn due(&self, speech: &Speech) -> u64 {
        if self.phase == Phase::Talk { self.talk_due(speech).0 } else { self.at }
    }

    /// Does it; tells whether a frame passes the sensor, and whether the connection is over.
    pub fn step(&mut self, flow: &mut Flow, env: &mut Env<'_>) -> (bool, bool) {
        match self.phase {
            Phase::Syn => {
                self.frame(flow, env, CLIENT, SYN, self.at);
                self.phase = Phase::SynAck;
                self.at += self.pace.rtt;
                (true, flow.is_scan())
            }
            Phase::SynAck => {
                self.frame(flow, env, SERVER, SYN | ACK, self.at);
                self.phase = Phase::Ack;
                self.at += CLIENT_DELAY;
                (true, false)
            }
            Phase::Ack => {
                self.frame(flow, env, CLIENT, ACK, self.at);
                (self.last, self.sent) = (self.at, self.at);
                self.speak(flow, env);
                (true, false)
            }
            Phase::Talk => self.talk(flow, env),
            Phase::Closing(Closing::Reset(side), _) => {
                self.frame(flow, env, side, RST | ACK, self.at);
                (true, true)
            }
            Phase::Closing(Closing::Fin(first), sent) => {
                let side = if sent == 1 { 1 - first } else { first };
                self.frame(flow, env, side, if sent < 2 { FIN | ACK } else { ACK }, self.at);
                self.phase = Phase::Closing(Closing::Fin(first), sent + 1);
                self.at += self.way(side);
                (true, sent >= 2)
            }
        }
    }

    /// From a frame of `side` until the other side's answer to it passes.
    fn way(&self, side: usize) -> u64 {
        if side == CLIENT { self.pace.rtt } else { CLIENT_DELAY }
    }

    /// Takes the next thing to say.
    fn speak(&mut self, flow: &mut Flow, env: &mut Env<'_>) {
        let before = flow.speech.from;
        match flow.speak(self.sent, env.options, env.world) {
            Next::Speak(at) => {
                // What the speaker heard passed before: an acknowledgement delays nobody, but the order stays.
                let at = at.max(self.last);
                self.phase = Phase::Talk;
                self.piggyback = flow.speech.total <= 2 * self.pace.mss && flow.rng.u8(..10) < 6;
                self.data.begin(at);
                self.acks.begin(at);
                self.last = at;
            }
            Next::End(ending) => {
                self.phase = Phase::Closing(
                    match ending {
                        Ending::Reset(side) => Closing::Reset(side),
                        Ending::Fin(side) => Closing::Fin(side),
                        Ending::Silence => Closing::Fin(CLIENT),
                    },
                    0,
                );
                let side = match ending {
                    Ending::Fin(side) | Ending::Reset(side) => side,
                    Ending::Silence => CLIENT,
                };
                let heard = self.sent + CLIENT_DELAY + if side == before { 0 } else { self.way(before) };
                self.at = heard.max(self.last);
            }
        }
    }

    /// Where the next acknowledgement reaches to, and when it is due; `None` while what it needs was not sent.
    fn ack_due(&self, speech: &Speech) -> Option<(u64, u64)> {
        let total = speech.total;
        if self.acks.pos >= total || (self.piggyback && total - self.acks.pos <= 2 * self.pace.mss) {
            return None;
        }
        // Out of order, each segment is acknowledged at once.
        let each = self.hole.is_some_and(|hole| self.acks.pos >= hole.pos);
        let target = total.min(self.acks.pos + self.pace.mss * if each { 1 } else { 2 });
        if self.data.pos < target {
            return None;
        }
        let mut second = self.acks;
        if target - self.acks.pos > self.pace.mss {
            second.advance(self.pace.mss, &self.pace);
        }
        Some((second.time + self.way(speech.from), target))
    }

    fn talk_due(&self, speech: &Speech) -> (u64, Due) {
        let mut due = (u64::MAX, Due::Data);
        let blocked = self.hole.is_some_and(|hole| self.data.pos - hole.pos >= IN_FLIGHT);
        if self.data.pos < speech.total && !blocked {
            due = (self.data.time, Due::Data);
        }
        if let Some((time, _)) = self.ack_due(speech) {
            due = if time < due.0 { (time, Due::Ack) } else { due };
        }
        if let Some(hole) = self.hole {
            due = if hole.at < due.0 { (hole.at, Due::Repair) } else { due };
        }
        if let Some(time) = self.late_ack {
            due = if time < due.0 { (time, Due::LateAck) } else { due };
        }
        // What was held up is due at once.
        (due.0.max(self.last), due.1)
    }

    fn talk(&mut self, flow: &mut Flow, env: &mut Env<'_>) -> (bool, bool) {
        let (now, due) = self.talk_due(&flow.speech);
        self.last = now;
        let frame = match due {
            Due::Data => self.data(flow, env, now),
            Due::Ack => self.acknowledge(flow, env, now),
            Due::LateAck => {
                self.late_ack = None;
                // Another segment may be missing by now.
                let pos = self.hole.map_or(self.acks.pos, |hole| hole.pos.min(self.acks.pos));
                self.ack_frame(flow, env, pos, None, now);
                true
            }
            Due::Repair => self.repair(flow, env, now),
        };
        let all_sent = self.data.pos >= flow.speech.total && self.hole.is_none() && self.late_ack.is_none();
        if all_sent && self.ack_due(&flow.speech).is_none() {
            let from = flow.speech.from & 1;
            self.seq[from] = self.seq[from].wrapping_add(flow.speech.total as u32);
            env.counts.transactions.count(flow.speech.done);
            env.counts.marked += u64::from(flow.speech.message.body.mark.is_some());
            self.speak(flow, env);
        }
        (frame, false)
    }

    /// The next segment, or the one after it first, or none that arrives.
    fn data(&mut self, flow: &mut Flow, env: &mut Env<'_>, now: u64) -> bool {
        let (total, mss, pos) = (flow.speech.total, self.pace.mss, self.data.pos);
        let len = mss.min(total - pos);
        if self.swapped {
            self.swapped = false;
            self.data_frame(flow, env, pos, len, now);
            self.data.advance(len, &self.pace);
            let second = mss.min(total - self.data.pos);
            self.data.advance(second, &self.pace);
            return true;
        }
        let whole = self.hole.is_none();
        if whole && total - pos > mss && env.options.reorder > 0.0 && flow.rng.f64() < env.options.reorder {
            self.swapped = true;
            self.data.time += self.pace.gap;
            env.counts.tcp.reordered += 1;
            self.data_frame(flow, env, pos + len, mss.min(total - pos - len), now);
            return true;
        }
        self.data.advance(len, &self.pace);
        if whole && env.options.loss > 0.0 && flow.rng.f64() < env.options.loss {
            let follow = (total - self.data.pos).div_ceil(mss);
            let wait = if follow >= SEGMENTS_FOR_FAST_RETRANSMIT {
                SEGMENTS_FOR_FAST_RETRANSMIT * self.pace.gap + self.pace.rtt + CLIENT_DELAY
            } else {
                LEAST_RTO.max(2 * self.pace.rtt)
            };
            self.hole = Some(Hole { pos, len: len as u16, at: now + wait });
            if flow.rng.bool() {
                env.counts.tcp.lost_before += 1;
                return false;
            }
            env.counts.tcp.lost_after += 1;
        }
        self.data_frame(flow, env, pos, len, now);
        true
    }

    fn repair(&mut self, flow: &mut Flow, env: &mut Env<'_>, now: u64) -> bool {
        let Some(hole) = self.hole.take() else { return false };
        self.data_frame(flow, env, hole.pos, hole.len.into(), now);
        env.counts.tcp.retransmitted += 1;
        let answer = now + self.way(flow.speech.from);
        if self.acks.pos >= hole.pos + u64::from(hole.len) {
            self.late_ack = Some(answer);
        }
        self.data.time = self.data.time.max(if self.data.pos - hole.pos >= IN_FLIGHT { answer } else { now });
        true
    }

    /// For two segments, or for one that came out of order.
    fn acknowledge(&mut self, flow: &mut Flow, env: &mut Env<'_>, now: u64) -> bool {
        let Some((_, target)) = self.ack_due(&flow.speech) else { return false };
        let before = self.acks.pos;
        while self.acks.pos < target {
            self.acks.advance(self.pace.mss.min(target - self.acks.pos), &self.pace);
        }
        match self.hole {
            Some(hole) if target > hole.pos => {
                let end = hole.pos + u64::from(hole.len);
                // Of the missing segment itself nothing is heard.
                if target <= end && before >= hole.pos {
                    return false;
                }
                self.ack_frame(flow, env, hole.pos, (target > end).then_some((end, target)), now);
            }
            _ => self.ack_frame(flow, env, target, None, now),
        }
        true
    }

    fn tick(&mut self, side: usize, now: u64) -> u32 {
        let value = self.clock[side].wrapping_add((now / 1_000_000) as u32);
        self.said[side] = value;
        value
    }

    fn add_timestamps(&mut self, options: &mut OptionBytes, side: usize, now: u64) {
        options.extend([8, 10]);
        options.extend(self.tick(side, now).to_be_bytes());
        options.extend(self.said[1 - side].to_be_bytes());
    }

    fn options(&mut self, side: usize, flags: u8, now: u64) -> OptionBytes {
        let mut options = OptionBytes::new();
        if flags & SYN != 0 {
            let mss = self.pace.mss + if self.timestamps { 12 } else { 0 };
            options.extend([2, 4]);
            options.extend((mss as u16).to_be_bytes());
            if self.timestamps {
                options.extend([4, 2]);
                self.add_timestamps(&mut options, side, now);
                options.extend([1, 3, 3, SCALE]);
            } else {
                options.extend([1, 3, 3, SCALE, 1, 1, 4, 2]);
            }
        } else if self.timestamps {
            options.extend([1, 1]);
            self.add_timestamps(&mut options, side, now);
        }
        options
    }

    fn next_id(&mut self, side: usize) -> u16 {
        self.id[side] = self.id[side].wrapping_add(1);
        self.id[side]
    }

    /// A segment with no data, at the ends of a connection.
    fn frame(&mut self, flow: &Flow, env: &mut Env<'_>, side: usize, flags: u8, now: u64) {
        let options = self.options(side, flags, now);
        let (seq, id) = (self.seq[side], self.next_id(side));
        let ack = if flags & ACK == 0 { 0 } else { self.seq[1 - side] };
        // The window of a SYN is not scaled.
        let window = if flags & SYN == 0 { WINDOW } else { 64_240 };
        flow.ends.segment(env.frame, side, &Segment { seq, ack, flags, window, options: &options, id }, 0, |_| {});
        self.seq[side] = seq.wrapping_add(u32::from(flags & (SYN | FIN) != 0));
    }

    /// The receiver has all to `pos`, and perhaps a range after it (RFC 2018).
    fn ack_frame(&mut self, flow: &Flow, env: &mut Env<'_>, pos: u64, range: Option<(u64, u64)>, now: u64) {
        let (from, side) = (flow.speech.from & 1, 1 - flow.speech.from);
        let mut options = self.options(side, ACK, now);
        let at = |pos: u64| self.seq[from].wrapping_add(pos as u32);
        let ack = at(pos);
        if let Some((start, end)) = range {
            options.extend([1, 1, 5, 10]);
            options.extend(at(start).to_be_bytes());
            options.extend(at(end).to_be_bytes());
        }
        let (seq, id) = (self.seq[side], self.next_id(side));
        let segment = Segment { seq, ack, flags: ACK, window: WINDOW, options: &options, id };
        flow.ends.segment(env.frame, side, &segment, 0, |_| {});
    }

    /// `len` bytes of the message from `pos`.
    fn data_frame(&mut self, flow: &Flow, env: &mut Env<'_>, pos: u64, len: u64, now: u64) {
        let side = flow.speech.from & 1;
        let options = self.options(side, ACK, now);
        let flags = if pos + len >= flow.speech.total { PSH | ACK } else { ACK };
        let (seq, id) = (self.seq[side].wrapping_add(pos as u32), self.next_id(side));
        let segment = Segment { seq, ack: self.seq[1 - side], flags, window: WINDOW, options: &options, id };
        let world = env.world;
        flow.ends.segment(env.frame, side, &segment, len as usize, |out| {
            flow.speech.message.write(world, pos, len as usize, out);
        });
        env.counts.tcp.data_segments += 1;
        self.sent = now;
    }
}
