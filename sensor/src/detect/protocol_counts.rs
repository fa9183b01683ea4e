//! What is on the wire by application protocol: flows as they are recognised, and their payload.

use crate::protocols::Recognition;
use sekisho_signatures::app::Protocol;

/// Values of the label: every protocol, and what is none that is known, or is not known yet.
const COUNT: usize = Protocol::ALL.len() + 1;

/// One worker's counts, in the order of [`ProtocolCounts::names`].
#[derive(Debug)]
pub struct ProtocolCounts {
    /// Flows that were recognised.
    pub flows: [u64; COUNT],
    /// Payload: TCP data in order, UDP data as it came.
    pub bytes: [u64; COUNT],
}

impl Default for ProtocolCounts {
    fn default() -> Self {
        Self { flows: [0; COUNT], bytes: [0; COUNT] }
    }
}

impl ProtocolCounts {
    /// The names in EVE's `app_proto`, and `unknown`.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Protocol::ALL.iter().map(|protocol| protocol.name()).chain(["unknown"]).collect()
    }

    /// Payload of a flow of which that is known.
    #[inline]
    pub fn payload(&mut self, of: Recognition, bytes: usize) {
        if let Some(count) = self.bytes.get_mut(place(of)) {
            *count = count.wrapping_add(bytes as u64);
        }
    }

    /// A flow was recognised, or given up.
    #[cold]
    pub fn flow(&mut self, of: Recognition) {
        if let Some(count) = self.flows.get_mut(place(of)) {
            *count = count.wrapping_add(1);
        }
    }
}

#[inline]
fn place(of: Recognition) -> usize {
    of.protocol().map_or(COUNT - 1, |protocol| protocol as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_its_place() {
        let mut counts = ProtocolCounts::default();
        for (i, protocol) in Protocol::ALL.iter().enumerate() {
            counts.flow(Recognition::Known(*protocol));
            counts.payload(Recognition::Known(*protocol), i);
        }
        counts.flow(Recognition::Failed);
        counts.payload(Recognition::Unknown, 7);
        assert_eq!(counts.flows, [1; COUNT]);
        let names = ProtocolCounts::names();
        for (i, (name, bytes)) in names.iter().zip(counts.bytes).enumerate() {
            assert_eq!(bytes, if *name == "unknown" { 7 } else { i as u64 }, "{name}");
        }
    }
}
