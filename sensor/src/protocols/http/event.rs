//! What can be odd about HTTP, under the names that Suricata gives it: rules test them with `app-layer-event:http.<name>`.

macro_rules! events {
    ($($variant:ident: $name:literal;)*) => {
        /// Something odd.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Event { $($variant),* }

        impl Event {
            /// All, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in rules.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

events! {
    AbnormalContentEncoding: "abnormal_ce_header";
    AuthUnrecognized: "request_auth_unrecognized";
    CompressionBomb: "compression_bomb";
    ContinueAlreadySeen: "100_continue_already_seen";
    DecompressionFailed: "gzip_decompression_failed";
    DuplicateRequestLength: "duplicate_content_length_field_in_request";
    DuplicateResponseLength: "duplicate_content_length_field_in_response";
    HostAmbiguous: "host_header_ambiguous";
    HostHeaderInvalid: "request_header_host_invalid";
    HostMissing: "missing_host_header";
    InvalidRequestChunkLength: "invalid_request_chunk_len";
    InvalidRequestFolding: "invalid_request_field_folding";
    InvalidRequestLength: "invalid_content_length_field_in_request";
    InvalidRequestTransferEncoding: "invalid_transfer_encoding_value_in_request";
    InvalidResponseChunkLength: "invalid_response_chunk_len";
    InvalidResponseFolding: "invalid_response_field_folding";
    InvalidResponseLength: "invalid_content_length_field_in_response";
    LzmaMemoryLimit: "lzma_memlimit_reached";
    MethodDelimiter: "method_delim_non_compliant";
    MultipartError: "multipart_generic_error";
    MultipartInvalidHeader: "multipart_invalid_header";
    MultipartNoFile: "multipart_no_filedata";
    PortInvalid: "invalid_authority_port";
    RangeInvalid: "range_invalid";
    RequestBodyUnexpected: "request_body_unexpected";
    RequestChunkExtension: "request_chunk_extension";
    RequestColonMissing: "request_field_missing_colon";
    RequestFieldTooLong: "request_field_too_long";
    RequestHeaderInvalid: "request_header_invalid";
    RequestHeaderRepetition: "request_header_repetition";
    RequestLineIncomplete: "request_line_incomplete";
    RequestLineInvalid: "request_line_invalid";
    RequestLineLeadingSpace: "request_line_leading_whitespace";
    RequestLineNoProtocol: "request_line_missing_protocol";
    RequestTooManyHeaders: "request_too_many_headers";
    ResponseAbnormalTransferEncoding: "response_abnormal_transfer_encoding";
    ResponseBodyUnexpected: "response_body_unexpected";
    ResponseChunkExtension: "response_chunk_extension";
    ResponseChunkedOldProtocol: "response_chunked_old_proto";
    ResponseColonMissing: "response_field_missing_colon";
    ResponseFieldTooLong: "response_field_too_long";
    ResponseHeaderInvalid: "response_header_invalid";
    ResponseHeaderRepetition: "response_header_repetition";
    ResponseInvalidProtocol: "response_invalid_protocol";
    ResponseInvalidStatus: "response_invalid_status";
    ResponseMultipartRanges: "response_multipart_byteranges";
    ResponseTooManyHeaders: "response_too_many_headers";
    TooManyEncodingLayers: "too_many_encoding_layers";
    TooManyTransactions: "too_many_transactions";
    UnableToMatch: "unable_to_match_response_to_request";
    UriDelimiter: "uri_delim_non_compliant";
    UriHostInvalid: "request_uri_host_invalid";
}

/// The events of a transaction: each is told once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(u64);

const _: () = assert!(Event::ALL.len() <= 64);

impl Events {
    /// Adds one; whether it is new.
    pub(super) fn add(&mut self, event: Event) -> bool {
        let bit = 1 << event as u64;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// Whether it is among them.
    pub(super) fn has(self, event: Event) -> bool {
        self.0 & 1 << event as u64 != 0
    }

    /// Adds those of another set.
    pub(super) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Its members, in order of their numbers.
    pub(super) fn iter(self) -> impl Iterator<Item = Event> {
        Event::ALL.iter().copied().filter(move |e| self.0 >> *e as u64 & 1 != 0)
    }

    /// Those that are here and not there.
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
