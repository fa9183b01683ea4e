//! One call, or one bind: the request and what answers it, wherever they are carried.

use super::association::{Association, Interface, Uuid};
use super::pdu::{Body, Pdu, PduKind};
use sekisho_signatures::question::Question;

/// Bytes of stub data that are kept of one message.
pub const MAX_STUB: usize = 1024 * 1024;

/// Which half of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What the client wants.
    Request,
    /// What answers it.
    Response,
}

/// One half of a call.
#[derive(Debug, Default)]
pub struct Half {
    /// What it is; None if it was not seen.
    pub kind: Option<PduKind>,
    /// Arguments or results, as far as they are kept.
    pub stub: Vec<u8>,
    /// Bytes of them that came.
    pub size: u64,
    /// Fragments that came.
    pub fragments: u32,
    /// Its integers begin with their lowest byte.
    pub little: bool,
    /// Its first fragment was seen.
    pub begun: bool,
    /// All of it came, or no more will.
    pub over: bool,
}

impl Half {
    /// Takes a fragment's stub data, of which `room` bytes may be kept.
    pub fn add(&mut self, stub: &[u8], room: usize) {
        let room = room.min(MAX_STUB.saturating_sub(self.stub.len()));
        // What is kept has no holes.
        if self.size == self.stub.len() as u64 {
            self.stub.extend_from_slice(stub.get(..room).unwrap_or(stub));
        }
        self.size = self.size.saturating_add(stub.len() as u64);
        self.fragments = self.fragments.saturating_add(1);
    }
}

/// A call or a bind.
#[derive(Debug)]
pub struct Call {
    /// By which its messages name it.
    pub id: u32,
    /// Version of the protocol, major and minor.
    pub version: (u8, u8),
    /// Number of the operation, if it is a call and the request was seen.
    pub opnum: Option<u16>,
    /// A bind's interfaces; a call's interface, if it is known.
    pub interfaces: Vec<Interface>,
    /// Request and response.
    pub halves: [Half; 2],
}

impl Call {
    /// Of which nothing came yet.
    #[must_use]
    pub fn new(id: u32, version: (u8, u8)) -> Self {
        Self { id, version, opnum: None, interfaces: Vec::new(), halves: [Half::default(), Half::default()] }
    }

    /// One half.
    #[must_use]
    pub fn half(&self, role: Role) -> &Half {
        &self.halves[role as usize]
    }

    /// The same, to change.
    pub fn half_mut(&mut self, role: Role) -> &mut Half {
        &mut self.halves[role as usize]
    }

    /// Both halves are over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.halves.iter().all(|half| half.over)
    }

    /// Bytes of stub data that are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.halves.iter().map(|half| half.stub.len()).sum()
    }

    /// Whether a unit is more of this call, or its answer.
    #[must_use]
    pub fn is_continued_by(&self, pdu: &Pdu<'_>) -> bool {
        let Some(role) = role_of(pdu.kind) else { return false };
        if self.id != pdu.call_id || self.half(role).over {
            return false;
        }
        let asked = self.half(Role::Request).kind;
        match pdu.kind {
            PduKind::REQUEST => asked == Some(PduKind::REQUEST),
            PduKind::RESPONSE => asked.is_none() || asked == Some(PduKind::REQUEST),
            PduKind::BINDACK | PduKind::BINDNAK => asked == Some(PduKind::BIND),
            PduKind::ALTER_CONTEXT_RESP => asked == Some(PduKind::ALTER_CONTEXT),
            PduKind::FAULT => true,
            _ => false,
        }
    }

    /// Takes a unit that is of it. `room`: bytes of stub data that may be kept.
    pub fn take(&mut self, pdu: &Pdu<'_>, association: &mut Association, room: usize) {
        let Some(role) = role_of(pdu.kind) else { return };
        let half = self.half_mut(role);
        half.kind.get_or_insert(pdu.kind);
        half.little = pdu.little;
        half.begun |= pdu.is_first();
        half.over |= pdu.is_last() || !matches!(pdu.kind, PduKind::REQUEST | PduKind::RESPONSE);
        match &pdu.body {
            Body::Request { context, opnum, stub } => {
                half.add(stub, room);
                self.opnum.get_or_insert(*opnum);
                if self.interfaces.is_empty() {
                    self.interfaces.extend(association.interface(*context));
                }
            }
            Body::Response { stub } => half.add(stub, room),
            // A bind that does not say that it begins is not looked into, as in Suricata.
            Body::Bind(interfaces) if pdu.is_first() => self.interfaces.clone_from(interfaces),
            Body::Results(results) => association.answer(&mut self.interfaces, results),
            Body::Bind(_) | Body::Other => {}
        }
    }

    /// The answer to what a rule asks of it.
    #[must_use]
    pub fn answer(&self, question: &Question) -> bool {
        let request = self.half(Role::Request);
        if request.kind != Some(PduKind::REQUEST) {
            return false;
        }
        match question {
            Question::DcerpcInterface { uuid, version, any_fragment } => {
                (*any_fragment || request.begun)
                    && self.interfaces.iter().any(|interface| {
                        interface.uuid == Uuid(*uuid)
                            && version.as_ref().is_none_or(|test| test.holds(interface.version.0.into()))
                    })
            }
            Question::DcerpcOperation(numbers) => self.opnum.is_some_and(|n| numbers.holds(n.into())),
            _ => false,
        }
    }
}

/// Which half of a call a unit is of; None for those that are of no call.
#[must_use]
pub fn role_of(kind: PduKind) -> Option<Role> {
    match kind {
        PduKind::REQUEST | PduKind::BIND | PduKind::ALTER_CONTEXT => Some(Role::Request),
        PduKind::RESPONSE | PduKind::FAULT | PduKind::BINDACK | PduKind::BINDNAK | PduKind::ALTER_CONTEXT_RESP => {
            Some(Role::Response)
        }
        _ => None,
    }
}
