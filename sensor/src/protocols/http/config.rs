//! What can be set.

/// Bounds of HTTP's parser. The defaults are Suricata's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Bytes kept of a request's body.
    pub request_body_limit: usize,
    /// Bytes kept of a response's body.
    pub response_body_limit: usize,
    /// Transactions of a flow that are not complete.
    pub max_transactions: usize,
    /// Bytes that transactions may hold which are not complete. Suricata has no such bound.
    pub pending_bytes: usize,
    /// Bounds of decompression.
    pub decompress: DecompressLimits,
}

/// Bounds of decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecompressLimits {
    /// Codings on one body; those beyond are left as they are.
    pub layers: usize,
    /// Whether LZMA is undone as well; Suricata does not by default.
    pub lzma: bool,
    /// A body that is larger than this once decompressed…
    pub bomb_bytes: u64,
    /// …and more than so many times as large as what came is a bomb, and nothing more of it is decompressed.
    pub bomb_ratio: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            request_body_limit: 100 * 1024,
            response_body_limit: 100 * 1024,
            max_transactions: 512,
            pending_bytes: 4 << 20,
            decompress: DecompressLimits::default(),
        }
    }
}

impl Default for DecompressLimits {
    fn default() -> Self {
        Self { layers: 2, lzma: false, bomb_bytes: 1_048_576, bomb_ratio: 2_048 }
    }
}
