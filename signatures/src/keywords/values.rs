//! The integers that rules test: how large they can be, and the names that protocols give their values.

use crate::buffers::Buffer;

/// The largest value that an integer can have.
pub(super) fn widest(buffer: Buffer) -> u64 {
    match buffer {
        Buffer::DnsOpcode | Buffer::Http2Frametype | Buffer::Http2Priority => u64::from(u8::MAX),
        Buffer::WebsocketFlags | Buffer::WebsocketOpcode => u64::from(u8::MAX),
        Buffer::Http2Errorcode | Buffer::Http2Window | Buffer::WebsocketMask => u64::from(u32::MAX),
        Buffer::DnsRcode | Buffer::DnsRrtype => u64::from(u16::MAX),
        Buffer::TlsCertChainLen => u64::from(u32::MAX),
        _ => u64::MAX,
    }
}

/// Names of values, in small letters. DNS: IANA, "Domain Name System Parameters"; HTTP/2: RFC 9113, 6 and 7; WebSocket: RFC 6455, 11.8.
pub(super) fn names(buffer: Buffer) -> &'static [(&'static str, u64)] {
    match buffer {
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
        _ => &[],
    }
}

/// Names of single bits of an integer that is a set of them (RFC 6455, 5.2; RFC 7692, 7).
pub(super) fn bits(buffer: Buffer) -> &'static [(&'static str, u8)] {
    match buffer {
        Buffer::WebsocketFlags => &[("fin", 0x80), ("comp", 0x40)],
        _ => &[],
    }
}
