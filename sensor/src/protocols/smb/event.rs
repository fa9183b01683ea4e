//! What can be odd about a connection, under Suricata's names.

/// A message is cut short or contradicts itself.
pub const MALFORMED_DATA: &str = "malformed_data";
/// Data of a write stand outside the message.
pub const RECORD_OVERFLOW: &str = "record_overflow";
/// An NTLMSSP message cannot be read.
pub const MALFORMED_NTLMSSP_REQUEST: &str = "malformed_ntlmssp_request";
/// The dialects of a negotiation cannot be read.
pub const NEGOTIATE_MALFORMED_DIALECTS: &str = "negotiate_malformed_dialects";
/// What was written or read is written or read again.
pub const FILE_OVERLAP: &str = "file_overlap";
/// Pieces of a file that was read came too far before their turn: their count.
pub const READ_QUEUE_CNT_EXCEEDED: &str = "read_queue_cnt_exceeded";
/// The same: their bytes.
pub const READ_QUEUE_SIZE_EXCEEDED: &str = "read_queue_size_exceeded";
/// Pieces of a file that was written came too far before their turn: their count.
pub const WRITE_QUEUE_CNT_EXCEEDED: &str = "write_queue_cnt_exceeded";
/// The same: their bytes.
pub const WRITE_QUEUE_SIZE_EXCEEDED: &str = "write_queue_size_exceeded";
