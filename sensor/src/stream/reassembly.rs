//! Puts the bytes of one direction in order.
//!
//! The usual segment is the next one expected with nothing buffered: it costs a comparison and the call of the sink.
//! Everything else is a list of buffered pieces, sorted and without overlap, all of them behind `next`.

use super::pool::{NIL, Piece, Pool};
use super::session::{Half, seq_ge};
use super::{
    Delivery, OverlapPolicy, PayloadFate, StreamConfig, StreamCounters, StreamEvent, StreamEventSet, StreamSink,
};
use crate::packet::Direction;

/// Most pieces kept where nothing acknowledges them, since the receiver's side is not seen.
const UNACKNOWLEDGED_PIECES: u16 = 64;

/// Why a segment could not be buffered.
enum Full {
    Limit,
    Memory,
}

/// One direction of one session, with all that delivering needs.
pub(super) struct Lane<'a, S> {
    pub pool: &'a mut Pool,
    pub counters: &'a mut StreamCounters,
    pub config: &'a StreamConfig,
    pub depth: u64,
    pub half: &'a mut Half,
    /// The receiver's segments are seen, so that holes will be acknowledged or filled.
    pub acknowledged: bool,
    /// So are the sender's, so that a hole which the receiver acknowledged is a loss.
    pub two_sided: bool,
    /// What is in order is delivered, acknowledged or not.
    pub at_once: bool,
    pub direction: Direction,
    pub sink: &'a mut S,
    pub events: &'a mut StreamEventSet,
}

impl<S: StreamSink> Lane<'_, S> {
    /// Takes a segment's payload, whose first byte has sequence number `seq`.
    #[inline]
    pub(super) fn payload(&mut self, seq: u32, bytes: &[u8]) -> PayloadFate {
        if self.half.is(Half::DEPTH) {
            return PayloadFate::BeyondDepth;
        }
        if self.half.is(Half::ENDED) {
            return PayloadFate::OutsideWindow;
        }
        if self.waits() {
            let fate = self.payload_out_of_order(seq, bytes);
            self.deliver_acknowledged();
            return fate;
        }
        if seq == self.half.next_seq() && self.half.head == NIL {
            self.deliver(bytes, true);
            return if self.half.is(Half::DEPTH) && self.half.next_seq() != seq.wrapping_add(bytes.len() as u32) {
                PayloadFate::Partly
            } else {
                PayloadFate::InOrder
            };
        }
        self.payload_out_of_order(seq, bytes)
    }

    fn payload_out_of_order(&mut self, seq: u32, segment: &[u8]) -> PayloadFate {
        let bytes = segment;
        loop {
            let offset = seq.wrapping_sub(self.half.next_seq()) as i32;
            let start = self.half.next.saturating_add_signed(offset.into());
            let from = (start, start.saturating_add(segment.len() as u64));
            let known = offset.min(0).unsigned_abs() as usize;
            if known >= bytes.len() {
                self.counters.duplicates += 1;
                return PayloadFate::Duplicate;
            }
            let bytes = &bytes[known..];
            if offset <= 0 && !self.waits() {
                return self.merge_in_order(bytes, known, from);
            }
            let position = self.half.next + u64::from(offset.max(0).unsigned_abs());
            let Some(room) = self.depth.checked_sub(position).filter(|&room| room > 0) else {
                return PayloadFate::BeyondDepth;
            };
            if offset > 0 && self.half.acked_position() >= position {
                self.give_up(position);
                continue;
            }
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            match self.buffer(position, &bytes[..fits], from) {
                Ok(0) => {
                    self.counters.duplicates += 1;
                    return PayloadFate::Duplicate;
                }
                Ok(_) => {
                    self.counters.buffered += u64::from(offset > 0);
                    return PayloadFate::Buffered;
                }
                // No room to wait in.
                Err(_) if offset <= 0 => {
                    self.at_once = true;
                    return self.merge_in_order(bytes, known, from);
                }
                Err(full) => self.make_room(full, position),
            }
        }
    }

    /// Delivers `bytes`, which are next, and of whose segment `known` bytes were there before.
    fn merge_in_order(&mut self, bytes: &[u8], known: usize, from: (u64, u64)) -> PayloadFate {
        self.merge(bytes, from);
        if known > 0 || self.half.is(Half::DEPTH) { PayloadFate::Partly } else { PayloadFate::InOrder }
    }

    /// Bytes in order wait for their acknowledgement.
    #[inline]
    fn waits(&self) -> bool {
        self.config.deliver == Delivery::Acknowledged && self.acknowledged && !self.config.inline && !self.at_once
    }

    /// Up to which position bytes may be delivered.
    fn limit(&self) -> u64 {
        if self.waits() { self.half.acked_position() } else { u64::MAX }
    }

    /// Delivers what is acknowledged, holes reported.
    fn deliver_acknowledged(&mut self) {
        let acked = self.half.acked_position();
        while self.half.head != NIL && !self.half.is(Half::DEPTH) {
            let position = self.pool.piece(self.half.head).position;
            if position.max(self.half.next) >= acked {
                break;
            }
            self.give_up(position);
        }
    }

    /// Gives up the first hole, and if nothing is buffered the one before `position`.
    fn make_room(&mut self, full: Full, position: u64) {
        match full {
            Full::Limit => {
                self.counters.limit_hits += 1;
                self.events.insert(StreamEvent::ReassemblyInsertLimit);
            }
            Full::Memory => {
                self.counters.memcap_hits += 1;
                self.events.insert(StreamEvent::ReassemblyInsertMemcap);
            }
        }
        let first = match self.half.head {
            NIL => position,
            head => self.pool.piece(head).position.min(position),
        };
        let waits = std::mem::replace(&mut self.at_once, true);
        self.give_up(first);
        self.at_once = waits;
    }

    /// Takes an acknowledgement of this direction's bytes, already noted in `half`.
    pub(super) fn on_ack(&mut self) {
        if self.waits() {
            self.deliver_acknowledged();
        } else if self.half.head != NIL {
            let acked = self.half.acked_position();
            while self.half.head != NIL && self.pool.piece(self.half.head).position <= acked {
                self.give_up(self.pool.piece(self.half.head).position);
            }
        }
        self.end_if_over();
    }

    /// Ends the direction once its FIN is acknowledged and everything before it was delivered.
    pub(super) fn end_if_over(&mut self) {
        if self.half.is(Half::FIN_ACKED)
            && !self.half.is(Half::ENDED)
            && (self.half.is(Half::DEPTH) || seq_ge(self.half.next_seq(), self.half.fin))
        {
            self.half.marks |= Half::ENDED;
            self.free_all();
            self.sink.end(self.direction);
        }
    }

    /// The SYN's payload was accepted by the receiver, or was not.
    pub(super) fn settle_syn_data(&mut self, accepted: bool) {
        if self.half.is(Half::SYN_DATA) {
            self.half.marks &= !Half::SYN_DATA;
            self.at_once = true;
            if accepted { self.drain() } else { self.free_all() }
        }
    }

    /// Keeps the SYN's payload until it is known whether the receiver took it (RFC 7413 §2).
    pub(super) fn keep_syn_data(&mut self, bytes: &[u8]) -> PayloadFate {
        self.free_all();
        self.half.marks &= !Half::SYN_DATA;
        if bytes.is_empty() {
            return PayloadFate::Empty;
        }
        match self.buffer(0, bytes, (0, bytes.len() as u64)) {
            Ok(_) => {
                self.half.marks |= Half::SYN_DATA;
                PayloadFate::Buffered
            }
            Err(_) => {
                self.free_all();
                PayloadFate::OutsideWindow
            }
        }
    }

    /// The connection is over: delivers what is buffered, holes reported, and ends the direction.
    pub(super) fn close(&mut self) {
        if self.half.is(Half::ENDED) {
            self.free_all();
            return;
        }
        self.at_once = true;
        while self.half.head != NIL {
            let position = self.pool.piece(self.half.head).position;
            if position > self.half.acked_position() {
                // Never acknowledged: perhaps on its way when the connection broke off, so no loss of ours.
                self.sink.gap(self.direction, self.half.next, position - self.half.next);
                self.half.next = position;
            }
            self.give_up(position);
        }
        let acked = self.half.acked_position().min(self.depth);
        if self.half.is(Half::KNOWN) && !self.half.is(Half::DEPTH) && acked > self.half.next {
            self.give_up(acked);
        }
        self.half.marks |= Half::ENDED;
        self.sink.end(self.direction);
    }

    /// Gives up every hole before `position` and delivers what is buffered up to there and behind, up to the next hole.
    fn give_up(&mut self, position: u64) {
        while self.half.next < position && !self.half.is(Half::DEPTH) {
            let behind = match self.half.head {
                NIL => position,
                head => self.pool.piece(head).position.min(position),
            };
            if let Some(len) = behind.checked_sub(self.half.next).filter(|&len| len > 0) {
                self.half.marks |= Half::GAP;
                self.counters.gaps += 1;
                self.counters.gap_bytes += len;
                if self.two_sided && behind <= self.half.acked_position() {
                    self.counters.losses += 1;
                    self.counters.lost_bytes += len;
                }
                self.events.insert(StreamEvent::ReassemblySeqGap);
                self.sink.gap(self.direction, self.half.next, len);
                self.half.next = behind;
            }
            self.drain();
        }
        self.drain();
    }

    /// Delivers `bytes` of the segment `from` at `next`; of them and the buffered pieces among them the overlap policy chooses.
    fn merge(&mut self, mut bytes: &[u8], from: (u64, u64)) {
        while !bytes.is_empty() && !self.half.is(Half::DEPTH) {
            let head = self.half.head;
            let ahead = match head {
                NIL => bytes.len(),
                _ => {
                    let distance = self.pool.piece(head).position.saturating_sub(self.half.next);
                    usize::try_from(distance).unwrap_or(usize::MAX).min(bytes.len())
                }
            };
            if ahead > 0 {
                let (now, rest) = bytes.split_at(ahead);
                self.deliver(now, true);
                bytes = rest;
                continue;
            }
            let skip = self.half.next.saturating_sub(self.pool.piece(head).position) as usize;
            let len = self.pool.bytes(head).len().saturating_sub(skip).min(bytes.len());
            let (now, rest) = bytes.split_at(len);
            self.settle_overlap(head, skip, now, from);
            bytes = rest;
            self.deliver_head(len);
        }
        self.drain();
    }

    /// Delivers buffered pieces up to the first hole, or to what may be delivered.
    fn drain(&mut self) {
        let limit = self.limit();
        while self.half.head != NIL
            && self.pool.piece(self.half.head).position <= self.half.next
            && self.half.next < limit
        {
            self.deliver_head(usize::try_from(limit - self.half.next).unwrap_or(usize::MAX));
        }
    }

    /// Delivers at most `limit` bytes of the first piece, from `next` on, and frees it when it is used up.
    fn deliver_head(&mut self, limit: usize) {
        let head = self.half.head;
        let piece = *self.pool.piece(head);
        let held = self.pool.bytes(head);
        let skip = usize::try_from(self.half.next.saturating_sub(piece.position)).unwrap_or(usize::MAX).min(held.len());
        let end = skip.saturating_add(limit).min(held.len());
        let room = usize::try_from(self.depth.saturating_sub(self.half.next)).unwrap_or(usize::MAX);
        let now = &held[skip..end.min(skip.saturating_add(room))];
        if !now.is_empty() {
            self.counters.delivered_bytes += now.len() as u64;
            self.counters.two_sided_bytes += now.len() as u64 * u64::from(self.two_sided);
            self.sink.data(self.direction, self.half.next, now, false);
            self.half.next += now.len() as u64;
        }
        if end == held.len() {
            self.half.head = piece.next;
            if piece.next == NIL {
                self.half.tail = NIL;
            }
            self.half.pieces -= 1;
            self.pool.give(head);
        }
        self.check_depth();
    }

    /// Delivers `bytes` at `next`, up to the depth limit.
    #[inline]
    fn deliver(&mut self, bytes: &[u8], from_segment: bool) {
        let room = usize::try_from(self.depth.saturating_sub(self.half.next)).unwrap_or(usize::MAX);
        let now = &bytes[..bytes.len().min(room)];
        self.counters.delivered_bytes += now.len() as u64;
        self.counters.two_sided_bytes += now.len() as u64 * u64::from(self.two_sided);
        self.sink.data(self.direction, self.half.next, now, from_segment);
        self.half.next += now.len() as u64;
        self.check_depth();
    }

    #[inline]
    fn check_depth(&mut self) {
        if self.half.next >= self.depth && !self.half.is(Half::DEPTH) {
            self.half.marks |= Half::DEPTH;
            self.counters.depth_reached += 1;
            self.events.insert(StreamEvent::ReassemblyDepthReached);
            self.free_all();
        }
    }

    fn overlap(&self) -> OverlapPolicy {
        self.half.overlap.unwrap_or(self.config.overlap)
    }

    /// `new`, of the segment `from`, lies over the bytes of piece `index` from `skip` on: notes a difference and lets the policy's
    /// bytes hold. Tells whether those are the new ones.
    fn settle_overlap(&mut self, index: u32, skip: usize, new: &[u8], from: (u64, u64)) -> bool {
        let wins = self.overlap().later_wins(self.pool.piece(index).from, from);
        let held = &mut self.pool.bytes_mut(index)[skip..skip + new.len()];
        if held != new {
            self.counters.overlaps_different += 1;
            self.events.insert(StreamEvent::ReassemblyOverlapDifferentData);
            if wins {
                held.copy_from_slice(new);
            }
        }
        wins
    }

    /// The `len` bytes from `skip` on of a piece are those of the segment `from` now. Where there is no room for another piece the
    /// borders stay as they were.
    fn transfer(&mut self, mut index: u32, skip: usize, len: usize, from: (u64, u64)) {
        if self.pool.piece(index).from == from || !self.overlap().minds_borders() {
            return;
        }
        if skip > 0 {
            match self.split(index, skip) {
                Some(tail) => index = tail,
                None => return,
            }
        }
        if len < self.pool.piece(index).len as usize && self.split(index, len).is_none() {
            return;
        }
        self.pool.set_from(index, from);
    }

    fn split(&mut self, index: u32, len: usize) -> Option<u32> {
        if self.half.pieces >= self.most_pieces() {
            return None;
        }
        let tail = self.pool.split(index, len)?;
        self.half.pieces += 1;
        if self.half.tail == index {
            self.half.tail = tail;
        }
        Some(tail)
    }

    fn most_pieces(&self) -> u16 {
        let most = self.config.max_out_of_order_blocks;
        if self.acknowledged { most } else { most.min(UNACKNOWLEDGED_PIECES) }
    }

    /// Keeps what is new of `bytes`, of the segment `from`, at `position`, and tells how much that was.
    fn buffer(&mut self, mut position: u64, mut bytes: &[u8], from: (u64, u64)) -> Result<usize, Full> {
        let mut kept = 0;
        let (mut before, mut at) = (NIL, self.half.head);
        if self.half.tail != NIL && self.pool.piece(self.half.tail).end() <= position {
            (before, at) = (self.half.tail, NIL);
        }
        while !bytes.is_empty() {
            while at != NIL && self.pool.piece(at).end() <= position {
                (before, at) = (at, self.pool.piece(at).next);
            }
            let free = match at {
                NIL => bytes.len(),
                _ => {
                    let distance = self.pool.piece(at).position.saturating_sub(position);
                    usize::try_from(distance).unwrap_or(usize::MAX).min(bytes.len())
                }
            };
            let used = if free == 0 {
                let piece = *self.pool.piece(at);
                let skip = (position - piece.position) as usize;
                let used = (piece.len as usize - skip).min(bytes.len());
                if self.settle_overlap(at, skip, &bytes[..used], from) {
                    self.transfer(at, skip, used, from);
                }
                used
            } else {
                let used = self.store(&mut before, at, position, &bytes[..free], from)?;
                kept += used;
                used
            };
            position += used as u64;
            bytes = &bytes[used..];
        }
        Ok(kept)
    }

    /// Stores the start of `bytes` between two pieces: at the end of `before` if it continues that one, else in a new
    /// piece, which becomes `before`. Tells how many bytes it stored, at least one.
    fn store(
        &mut self,
        before: &mut u32,
        behind: u32,
        position: u64,
        bytes: &[u8],
        from: (u64, u64),
    ) -> Result<usize, Full> {
        let continues =
            |piece: &Piece| piece.end() == position && (piece.from == from || !self.overlap().minds_borders());
        if *before != NIL && continues(self.pool.piece(*before)) {
            let used = self.pool.append(*before, bytes);
            if used > 0 {
                return Ok(used);
            }
        }
        if self.half.pieces >= self.most_pieces() {
            return Err(Full::Limit);
        }
        let index = self.pool.take(position, bytes, from).ok_or(Full::Memory)?;
        self.half.pieces += 1;
        self.pool.link(index, behind);
        match *before {
            NIL => self.half.head = index,
            before => self.pool.link(before, index),
        }
        if behind == NIL {
            self.half.tail = index;
        }
        *before = index;
        Ok(self.pool.piece(index).len as usize)
    }

    /// Gives all pieces back to the pool.
    pub(super) fn free_all(&mut self) {
        let mut at = self.half.head;
        while at != NIL {
            let next = self.pool.piece(at).next;
            self.pool.give(at);
            at = next;
        }
        (self.half.head, self.half.tail, self.half.pieces) = (NIL, NIL, 0);
    }
}
