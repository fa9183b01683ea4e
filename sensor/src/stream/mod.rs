//! TCP streams.

/// A stream event, under Suricata's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "skeleton")]
pub enum StreamEvent {
    ThreeWhsAckInWrongDir,
}

impl StreamEvent {
    /// Every event.
    pub const ALL: [Self; 1] = [Self::ThreeWhsAckInWrongDir];
    /// Suricata's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThreeWhsAckInWrongDir => "stream.3whs_ack_in_wrong_dir",
        }
    }
}
