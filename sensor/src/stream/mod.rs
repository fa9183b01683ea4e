//! TCP streams.

/// A stream event, under Suricata's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "skeleton")]
pub enum StreamEvent {
    ThreeWhsAckInWrongDir,
}
