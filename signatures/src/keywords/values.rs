//! The integers that rules test: how large they can be, and the names that protocols give their values.

use crate::buffers::Buffer;

/// The largest value that an integer can have.
pub(super) fn widest(buffer: Buffer) -> u64 {
    match buffer {
        Buffer::DnsOpcode | Buffer::LdapRequestOperation | Buffer::LdapResponsesOperation | Buffer::SmbVersion => {
            u64::from(u8::MAX)
        }
        Buffer::DnsRcode | Buffer::DnsRrtype | Buffer::FtpDynamicPort => u64::from(u16::MAX),
        Buffer::TlsCertChainLen
        | Buffer::LdapResponsesResultCode
        | Buffer::LdapResponsesCount
        | Buffer::Http2Errorcode
        | Buffer::Http2Window
        | Buffer::WebsocketMask
        | Buffer::SnmpVersion
        | Buffer::SnmpPduType
        | Buffer::RfbSectype
        | Buffer::RfbSecresult
        | Buffer::IkeKeyExchangePayloadLength
        | Buffer::IkeNoncePayloadLength
        | Buffer::Krb5MsgType
        | Buffer::Krb5ErrCode
        | Buffer::NfsProcedure
        | Buffer::NfsVersion => u64::from(u32::MAX),
        Buffer::Http2Frametype | Buffer::Http2Priority | Buffer::WebsocketFlags | Buffer::WebsocketOpcode => {
            u64::from(u8::MAX)
        }
        Buffer::EnipState
        | Buffer::EnipCipStatus
        | Buffer::S7commRosctr
        | Buffer::S7commFunction
        | Buffer::S7commArea
        | Buffer::S7commGroup
        | Buffer::S7commSubfunction
        | Buffer::Iec104Control
        | Buffer::Iec104Type
        | Buffer::Iec104Cause
        | Buffer::Iec104CauseFlags
        | Buffer::Iec104Originator => u64::from(u8::MAX),
        Buffer::S7commError
        | Buffer::S7commDb
        | Buffer::S7commSzlId
        | Buffer::S7commSzlIndex
        | Buffer::Iec104CommonAddress => u64::from(u16::MAX),
        Buffer::S7commAddress | Buffer::Iec104ObjectAddress | Buffer::Iec104Value => u64::from(u32::MAX),
        Buffer::EnipCommand
        | Buffer::EnipProtocolVersion
        | Buffer::EnipCapabilities
        | Buffer::EnipVendorId
        | Buffer::EnipDeviceType
        | Buffer::EnipProductCode
        | Buffer::EnipRevision
        | Buffer::EnipIdentityStatus
        | Buffer::EnipCipExtendedstatus => u64::from(u16::MAX),
        Buffer::EnipStatus
        | Buffer::EnipSerial
        | Buffer::EnipCipClass
        | Buffer::EnipCipInstance
        | Buffer::EnipCipAttribute => u64::from(u32::MAX),
        Buffer::Dnp3Func
        | Buffer::MqttType
        | Buffer::MqttFlags
        | Buffer::MqttQos
        | Buffer::MqttReasonCode
        | Buffer::MqttProtocolVersion
        | Buffer::MqttConnectFlags
        | Buffer::MqttConnackSessionPresent
        | Buffer::IkeExchtype
        | Buffer::NtpVersion
        | Buffer::NtpMode
        | Buffer::NtpStratum => u64::from(u8::MAX),
        _ => u64::MAX,
    }
}

/// Whether there may be several, of which a rule can pick some.
pub(super) fn is_list(buffer: Buffer) -> bool {
    matches!(
        buffer,
        Buffer::LdapResponsesOperation
            | Buffer::LdapResponsesResultCode
            | Buffer::DnsRrtype
            | Buffer::MqttType
            | Buffer::MqttReasonCode
            | Buffer::EnipCipClass
            | Buffer::EnipCipInstance
            | Buffer::EnipCipAttribute
            | Buffer::EnipCipStatus
            | Buffer::EnipCipExtendedstatus
            | Buffer::S7commArea
            | Buffer::S7commDb
            | Buffer::S7commAddress
            | Buffer::Iec104ObjectAddress
            | Buffer::Iec104Value
    )
}

impl Buffer {
    /// The name that the protocol gives a value of this buffer of integers.
    #[must_use]
    pub fn value_name(self, value: u64) -> Option<&'static str> {
        names(self).iter().find(|(_, n)| *n == value).map(|(name, _)| *name)
    }
}

/// Names of values, in small letters. DNS: IANA, "Domain Name System Parameters"; HTTP/2: RFC 9113, 6 and 7; WebSocket: RFC 6455, 11.8.
/// Names of bits, for integers that are made of them. MQTT 5.0, 2.1.3 and 3.1.2.3.
pub(super) fn flags(buffer: Buffer) -> &'static [(&'static str, u64)] {
    match buffer {
        Buffer::Iec104CauseFlags => &[("negative", 0x40), ("test", 0x80)],
        Buffer::MqttFlags => &[("dup", 0x08), ("retain", 0x01)],
        Buffer::MqttConnectFlags => {
            &[("username", 0x80), ("password", 0x40), ("will_retain", 0x20), ("will", 0x04), ("clean_session", 0x02)]
        }
        _ => &[],
    }
}

/// Names of values, in small letters. DNS: IANA, "Domain Name System Parameters".
pub(super) fn names(buffer: Buffer) -> &'static [(&'static str, u64)] {
    match buffer {
        Buffer::TftpOpcode => &[("read", 1), ("write", 2), ("data", 3), ("ack", 4), ("error", 5)],
        Buffer::FtpMode => &[("active", 1), ("passive", 0)],
        Buffer::FtpReplyReceived => &[("yes", 1), ("true", 1), ("on", 1), ("no", 0), ("false", 0), ("off", 0)],
        Buffer::FtpdataCommand => &[("retr", 1), ("stor", 2)],
        Buffer::Http2Errorcode => &[
            ("no_error", 0),
            ("protocol_error", 1),
            ("internal_error", 2),
            ("flow_control_error", 3),
            ("settings_timeout", 4),
            ("stream_closed", 5),
            ("frame_size_error", 6),
            ("refused_stream", 7),
            ("cancel", 8),
            ("compression_error", 9),
            ("connect_error", 10),
            ("enhance_your_calm", 11),
            ("inadequate_security", 12),
            ("http_1_1_required", 13),
        ],
        Buffer::Http2Frametype => &[
            ("data", 0),
            ("headers", 1),
            ("priority", 2),
            ("rststream", 3),
            ("settings", 4),
            ("pushpromise", 5),
            ("ping", 6),
            ("goaway", 7),
            ("windowupdate", 8),
            ("continuation", 9),
        ],
        Buffer::WebsocketOpcode => {
            &[("continuation", 0), ("text", 1), ("binary", 2), ("connection_close", 8), ("ping", 9), ("pong", 10)]
        }
        Buffer::DnsOpcode => &[("query", 0), ("iquery", 1), ("status", 2), ("notify", 4), ("update", 5)],
        Buffer::DnsRcode => &[
            ("noerror", 0),
            ("formerr", 1),
            ("servfail", 2),
            ("nxdomain", 3),
            ("notimp", 4),
            ("refused", 5),
            ("yxdomain", 6),
            ("yxrrset", 7),
            ("nxrrset", 8),
            ("notauth", 9),
            ("notzone", 10),
            ("badvers", 16),
            ("badsig", 16),
            ("badkey", 17),
            ("badtime", 18),
            ("badmode", 19),
            ("badname", 20),
            ("badalg", 21),
            ("badtrunc", 22),
        ],
        Buffer::DnsRrtype => &[
            ("a", 1),
            ("ns", 2),
            ("md", 3),
            ("mf", 4),
            ("cname", 5),
            ("soa", 6),
            ("mb", 7),
            ("mg", 8),
            ("mr", 9),
            ("null", 10),
            ("wks", 11),
            ("ptr", 12),
            ("hinfo", 13),
            ("minfo", 14),
            ("mx", 15),
            ("txt", 16),
            ("rp", 17),
            ("afsdb", 18),
            ("sig", 24),
            ("key", 25),
            ("px", 26),
            ("gpos", 27),
            ("aaaa", 28),
            ("loc", 29),
            ("nxt", 30),
            ("srv", 33),
            ("naptr", 35),
            ("kx", 36),
            ("cert", 37),
            ("dname", 39),
            ("opt", 41),
            ("apl", 42),
            ("ds", 43),
            ("sshfp", 44),
            ("ipseckey", 45),
            ("rrsig", 46),
            ("nsec", 47),
            ("dnskey", 48),
            ("dhcid", 49),
            ("nsec3", 50),
            ("nsec3param", 51),
            ("tlsa", 52),
            ("svcb", 64),
            ("https", 65),
            ("spf", 99),
            ("tkey", 249),
            ("tsig", 250),
            ("any", 255),
            ("uri", 256),
        ],
        Buffer::RfbSecresult => &[("ok", 0), ("fail", 1), ("toomany", 2), ("unknown", 3)],
        Buffer::MqttConnackSessionPresent => &[("yes", 1), ("true", 1), ("no", 0), ("false", 0)],
        // MQTT 5.0, 2.1.2.
        Buffer::MqttType => &[
            ("unassigned", 0),
            ("connect", 1),
            ("connack", 2),
            ("publish", 3),
            ("puback", 4),
            ("pubrec", 5),
            ("pubrel", 6),
            ("pubcomp", 7),
            ("subscribe", 8),
            ("suback", 9),
            ("unsubscribe", 10),
            ("unsuback", 11),
            ("pingreq", 12),
            ("pingresp", 13),
            ("disconnect", 14),
            ("auth", 15),
        ],
        // RFC 5905, figure 10.
        Buffer::NtpMode => &[
            ("reserved", 0),
            ("symmetric_active", 1),
            ("symmetric_passive", 2),
            ("client", 3),
            ("server", 4),
            ("broadcast", 5),
            ("control", 6),
            ("private", 7),
        ],
        // RFC 4511, appendix B, by the last byte of the tag.
        Buffer::LdapRequestOperation | Buffer::LdapResponsesOperation => &[
            ("bind_request", 0),
            ("bind_response", 1),
            ("unbind_request", 2),
            ("search_request", 3),
            ("search_result_entry", 4),
            ("search_result_done", 5),
            ("modify_request", 6),
            ("modify_response", 7),
            ("add_request", 8),
            ("add_response", 9),
            ("del_request", 10),
            ("del_response", 11),
            ("mod_dn_request", 12),
            ("mod_dn_response", 13),
            ("compare_request", 14),
            ("compare_response", 15),
            ("abandon_request", 16),
            ("search_result_reference", 19),
            ("extended_request", 23),
            ("extended_response", 24),
            ("intermediate_response", 25),
        ],
        // IANA, "LDAP Result Codes", and codes that client libraries make up.
        Buffer::LdapResponsesResultCode => &[
            ("success", 0),
            ("operations_error", 1),
            ("protocol_error", 2),
            ("time_limit_exceeded", 3),
            ("size_limit_exceeded", 4),
            ("compare_false", 5),
            ("compare_true", 6),
            ("auth_method_not_supported", 7),
            ("stronger_auth_required", 8),
            ("referral", 10),
            ("admin_limit_exceeded", 11),
            ("unavailable_critical_extension", 12),
            ("confidentiality_required", 13),
            ("sasl_bind_in_progress", 14),
            ("no_such_attribute", 16),
            ("undefined_attribute_type", 17),
            ("inappropriate_matching", 18),
            ("constraint_violation", 19),
            ("attribute_or_value_exists", 20),
            ("invalid_attribute_syntax", 21),
            ("no_such_object", 32),
            ("alias_problem", 33),
            ("invalid_dns_syntax", 34),
            ("is_leaf", 35),
            ("alias_dereferencing_problem", 36),
            ("inappropriate_authentication", 48),
            ("invalid_credentials", 49),
            ("insufficient_access_rights", 50),
            ("busy", 51),
            ("unavailable", 52),
            ("unwilling_to_perform", 53),
            ("loop_detect", 54),
            ("sort_control_missing", 60),
            ("offset_range_error", 61),
            ("naming_violation", 64),
            ("object_class_violation", 65),
            ("not_allowed_on_non_leaf", 66),
            ("not_allowed_on_rdn", 67),
            ("entry_already_exists", 68),
            ("object_class_mods_prohibited", 69),
            ("results_too_large", 70),
            ("affects_multiple_dsas", 71),
            ("control_error", 76),
            ("other", 80),
            ("server_down", 81),
            ("local_error", 82),
            ("encoding_error", 83),
            ("decoding_error", 84),
            ("timeout", 85),
            ("auth_unknown", 86),
            ("filter_error", 87),
            ("user_canceled", 88),
            ("param_error", 89),
            ("no_memory", 90),
            ("connect_error", 91),
            ("not_supported", 92),
            ("control_not_found", 93),
            ("no_results_returned", 94),
            ("more_results_to_return", 95),
            ("client_loop", 96),
            ("referral_limit_exceeded", 97),
            ("invalid_response", 100),
            ("ambiguous_response", 101),
            ("tls_not_supported", 112),
            ("intermediate_response", 113),
            ("unknown_type", 114),
            ("canceled", 118),
            ("no_such_operation", 119),
            ("too_late", 120),
            ("cannot_cancel", 121),
            ("assertion_failed", 122),
            ("authorization_denied", 123),
            ("e_sync_refresh_required", 4096),
            ("no_operation", 16654),
        ],
        _ => super::plant::names(buffer),
    }
}

/// Names of single bits of an integer that is a set of them (RFC 6455, 5.2; RFC 7692, 7).
pub(super) fn bits(buffer: Buffer) -> &'static [(&'static str, u8)] {
    match buffer {
        Buffer::WebsocketFlags => &[("fin", 0x80), ("comp", 0x40)],
        _ => &[],
    }
}
