//! What can be odd about HTTP/2, under Suricata's names.

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $event:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $event;)*
    };
}

events! {
    /// The client does not begin as it must (RFC 9113, 3.4).
    INVALID_CLIENT_MAGIC = "invalid_client_magic";
    /// A frame of a type that nobody has defined.
    INVALID_FRAME_HEADER = "invalid_frame_header";
    /// A frame that breaks its type's rules.
    INVALID_FRAME_DATA = "invalid_frame_data";
    /// A frame of a length that its type does not have.
    INVALID_FRAME_LENGTH = "invalid_frame_length";
    /// A frame longer than is read.
    LONG_FRAME_DATA = "long_frame_data";
    /// A header block longer than is read.
    REASSEMBLY_LIMIT_REACHED = "reassembly_limit_reached";
    /// A header block that cannot be decompressed.
    INVALID_HEADER = "invalid_header";
    /// A number in a header block that is too large.
    HEADER_INTEGER_OVERFLOW = "header_integer_overflow";
    /// A stream begins that was over.
    STREAM_ID_REUSE = "stream_id_reuse";
    /// More streams than are followed.
    TOO_MANY_STREAMS = "too_many_streams";
    /// The settings in the request to upgrade make no sense.
    INVALID_HTTP1_SETTINGS = "invalid_http1_settings";
    /// A body's coding could not be undone.
    FAILED_DECOMPRESSION = "failed_decompression";
    /// A Content-Range that makes no sense.
    INVALID_RANGE = "invalid_range";
    /// `:authority` and Host say different things.
    AUTHORITY_HOST_MISMATCH = "authority_host_mismatch";
    /// `:authority` has a user's name in it.
    USERINFO_IN_URI = "userinfo_in_uri";
}
