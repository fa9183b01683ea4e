//! Calls in named pipes: units of DCE/RPC, as reads, writes and transactions of the pipe bring them.

use super::header::Header;
use super::session::{Session, remember};
use super::transaction::{Details, FileId};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::dcerpc::{Association, Call, MAX_STUBS, Pdu, Role};

/// Pipes that are remembered.
pub const MAX_PIPES: usize = 64;

/// A pipe that carries calls.
#[derive(Debug, Default)]
pub struct Pipe {
    pub(super) id: FileId,
    association: Association,
    /// Units, as far as they came: to the server, and from it.
    unfinished: [Vec<u8>; 2],
}

impl Session {
    /// Whether bytes in an open file are of calls.
    #[must_use]
    pub fn is_call(&self, id: FileId, role: Role, bytes: &[u8]) -> bool {
        let known = self.pipes.iter().find(|pipe| pipe.id == id);
        if known.is_some_and(|pipe| !pipe.unfinished[role as usize].is_empty()) {
            return true;
        }
        let pipe = self.handle(id).and_then(|handle| handle.pipe);
        pipe != Some(false) && bytes.len() >= Pdu::HEADER && Pdu::is_likely(bytes)
    }

    /// Takes bytes of a pipe in a message of `direction`.
    pub fn pipe_data(
        &mut self,
        header: &Header,
        direction: Direction,
        (id, role): (FileId, Role),
        bytes: &[u8],
        observer: &mut dyn Observer,
    ) {
        if !self.is_call(id, role, bytes) {
            return;
        }
        let mut pipe = match self.pipes.iter().position(|pipe| pipe.id == id) {
            Some(at) => self.pipes.remove(at),
            None => Pipe { id, ..Pipe::default() },
        };
        let mut whole = std::mem::take(&mut pipe.unfinished[role as usize]);
        whole.extend_from_slice(bytes);
        let mut rest = &whole[..];
        while let Some(len) = Pdu::length(rest).filter(|_| rest.len() >= Pdu::HEADER) {
            let Some((unit, behind)) = rest.split_at_checked(len.max(Pdu::HEADER)) else { break };
            rest = behind;
            let Some(pdu) = Pdu::read(unit) else { continue };
            self.unit(header, direction, (&mut pipe, role), &pdu, observer);
        }
        // What does not begin like a unit is none.
        if Pdu::is_likely(rest) {
            let left = whole.len() - rest.len();
            whole.drain(..left);
            pipe.unfinished[role as usize] = whole;
        }
        remember(&mut self.pipes, pipe, MAX_PIPES);
    }

    fn unit(
        &mut self,
        header: &Header,
        direction: Direction,
        (pipe, role): (&mut Pipe, Role),
        pdu: &Pdu<'_>,
        observer: &mut dyn Observer,
    ) {
        if crate::protocols::dcerpc::role_of(pdu.kind) != Some(role) {
            return;
        }
        let is_it = |details: &Details| match details {
            Details::Call(id, call) => *id == pipe.id && call.is_continued_by(pdu),
            _ => false,
        };
        let known = self.transactions.iter().position(|t| is_it(&t.details));
        let index = match (known, role) {
            (Some(index), _) => index,
            (None, Role::Request) => {
                let call = Call::new(pdu.call_id, pdu.version);
                self.begin(header, direction, Details::Call(pipe.id, call), observer)
            }
            (None, Role::Response) => return,
        };
        let room = MAX_STUBS.saturating_sub(self.stubs);
        let Some(Details::Call(_, call)) = self.details(index) else { return };
        let before = call.kept();
        call.take(pdu, &mut pipe.association, room);
        let more = call.kept().saturating_sub(before);
        self.stubs = self.stubs.saturating_add(more);
        self.called(index, role, direction, observer);
    }
}
