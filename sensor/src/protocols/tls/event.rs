//! What can be odd about a handshake, under Suricata's names.

/// Odd things, each told once a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u32);

macro_rules! oddities {
    ($($name:ident = $bit:literal, $event:literal;)*) => {
        impl Oddities {
            $(#[doc = concat!("`", $event, "`")] pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $event)),*];
        }
    };
}

oddities! {
    INVALID_SSLV2_HEADER = 0, "invalid_sslv2_header";
    INVALID_TLS_HEADER = 1, "invalid_tls_header";
    INVALID_RECORD_VERSION = 2, "invalid_record_version";
    INVALID_RECORD_TYPE = 3, "invalid_record_type";
    INVALID_HANDSHAKE_MESSAGE = 4, "invalid_handshake_message";
    HANDSHAKE_INVALID_LENGTH = 5, "handshake_invalid_length";
    INVALID_CERTIFICATE = 6, "invalid_certificate";
    CERTIFICATE_INVALID_LENGTH = 7, "certificate_invalid_length";
    ERROR_MESSAGE_ENCOUNTERED = 8, "error_message_encountered";
    INVALID_SSL_RECORD = 9, "invalid_ssl_record";
    HEARTBEAT_MESSAGE = 10, "heartbeat_message";
    OVERFLOW_HEARTBEAT_MESSAGE = 11, "overflow_heartbeat_message";
    INVALID_HEARTBEAT_MESSAGE = 12, "invalid_heartbeat_message";
    DATALEAK_HEARTBEAT_MISMATCH = 13, "dataleak_heartbeat_mismatch";
    MULTIPLE_SNI_EXTENSIONS = 14, "multiple_sni_extensions";
    INVALID_SNI_TYPE = 15, "invalid_sni_type";
    INVALID_SNI_LENGTH = 16, "invalid_sni_length";
    CERTIFICATE_INVALID_VERSION = 17, "certificate_invalid_version";
    CERTIFICATE_INVALID_SERIAL = 18, "certificate_invalid_serial";
    CERTIFICATE_INVALID_ALGORITHM = 19, "certificate_invalid_algorithmidentifier";
    CERTIFICATE_INVALID_NAME = 20, "certificate_invalid_x509name";
    CERTIFICATE_INVALID_DATE = 21, "certificate_invalid_date";
    CERTIFICATE_INVALID_EXTENSIONS = 22, "certificate_invalid_extensions";
    CERTIFICATE_INVALID_DER = 23, "certificate_invalid_der";
}

impl Oddities {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds these.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Those of `other` that are not among these.
    #[must_use]
    pub fn missing(self, other: Self) -> Self {
        Self(other.0 & !self.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(oddity, _)| self.0 & oddity.0 != 0).map(|(_, name)| *name)
    }
}
