//! The buffers: every part of a packet, of a stream or of a protocol's message that rules can look at, each a name with a
//! type, declared here and nowhere else. Keywords, checks, the compiler, the engine and the reference page read this table.
//!
//! A protocol's parser hands a buffer out under its [`Buffer`]; the engine asks for it when the parser says that it got
//! as far as the buffer's [`Progress`].

use crate::app::{BUILT, Protocols};

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One run of bytes.
    Bytes,
    /// Any number of runs of bytes: a rule's conditions must all hold on the same one.
    Many,
    /// Bytes that come over time, as bodies and files do, any number of them.
    Grows,
    /// Any number of integers.
    Number,
    /// Nothing that could be shown: the transaction answers a [`Question`](crate::question::Question) about it.
    Asked,
}

/// Whose messages have the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Side {
    ToServer,
    ToClient,
    Both,
}

impl Side {
    /// Whether messages to the server (or to the client) have it.
    #[must_use]
    pub fn has(self, to_server: bool) -> bool {
        match self {
            Self::Both => true,
            Self::ToServer => to_server,
            Self::ToClient => !to_server,
        }
    }
}

/// How far a parser got with one direction of a transaction. What a level brings is there from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Progress {
    /// Nothing is known yet.
    #[default]
    Start,
    /// The first part: a request or status line, a hello.
    Line,
    /// What describes the rest: headers, certificates.
    Headers,
    /// Bytes of the body; more may come.
    Body,
    /// All of it.
    Complete,
}

/// Where a buffer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The packet at hand.
    Packet,
    /// The rule itself makes it.
    Rule,
    /// A transaction, from this progress on.
    Transaction(Progress),
    /// A frame: a part of a protocol's message as it comes, whatever the transaction.
    Frame,
}

/// What the table says of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The sticky keyword.
    pub name: &'static str,
    /// Older names of it.
    pub aliases: &'static [&'static str],
    /// Keywords that move the content before them to this buffer.
    pub modifiers: &'static [&'static str],
    /// The application protocols that have it; none for those of packets.
    pub protocols: Protocols,
    /// Whose messages.
    pub side: Side,
    /// What it holds.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// What it is, in words.
    pub doc: &'static str,
}

macro_rules! source {
    (Packet) => {
        Source::Packet
    };
    (Rule) => {
        Source::Rule
    };
    (Frame) => {
        Source::Frame
    };
    ($progress:ident) => {
        Source::Transaction(Progress::$progress)
    };
}

macro_rules! buffers {
    ($($variant:ident: $name:literal, $aliases:expr, $modifiers:expr, $protocols:expr, $side:ident, $kind:ident, $source:ident, $doc:literal;)*) => {
        /// A buffer that rules can look at. The raw payload is not among them: it is what a rule looks at before it names one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each has its words in the table")]
        pub enum Buffer { $($variant),* }

        impl Buffer {
            /// All, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        static TABLE: &[Declaration] = &[$(Declaration {
            name: $name, aliases: $aliases, modifiers: $modifiers, protocols: $protocols, side: Side::$side,
            kind: Kind::$kind, source: source!($source), doc: $doc,
        }),*];
    };
}

buffers! {
    // name: keyword, older names, modifiers, protocols, side, kind, from when on, what it is
    HttpAccept: "http.accept", &["http_accept"], &[], Protocols::HTTP, ToServer, Bytes, Headers, "the request's Accept header.";
    HttpAcceptEnc: "http.accept_enc", &["http_accept_enc"], &[], Protocols::HTTP, ToServer, Bytes, Headers, "the request's Accept-Encoding header.";
    HttpAcceptLang: "http.accept_lang", &["http_accept_lang"], &[], Protocols::HTTP, ToServer, Bytes, Headers, "the request's Accept-Language header.";
    HttpConnection: "http.connection", &["http_connection"], &[], Protocols::HTTP, Both, Bytes, Headers, "the Connection header.";
    HttpContentLen: "http.content_len", &["http_content_len"], &[], Protocols::HTTP, Both, Bytes, Headers, "the Content-Length header.";
    HttpContentType: "http.content_type", &["http_content_type"], &[], Protocols::HTTP, Both, Bytes, Headers, "the Content-Type header.";
    HttpCookie: "http.cookie", &[], &["http_cookie"], Protocols::HTTP, Both, Bytes, Headers, "the Cookie or Set-Cookie header.";
    HttpHeader: "http.header", &[], &["http_header"], Protocols::HTTP, Both, Bytes, Headers, "the headers, normalised.";
    HttpHeaderRaw: "http.header.raw", &[], &["http_raw_header"], Protocols::HTTP, Both, Bytes, Headers, "the headers as they were sent.";
    HttpHeaderNames: "http.header_names", &["http_header_names"], &[], Protocols::HTTP, Both, Bytes, Headers, "the names of the headers.";
    HttpHost: "http.host", &[], &["http_host"], Protocols::HTTP, ToServer, Bytes, Headers, "the host, normalised.";
    HttpHostRaw: "http.host.raw", &[], &["http_raw_host"], Protocols::HTTP, ToServer, Bytes, Headers, "the host as it was sent.";
    HttpLocation: "http.location", &[], &[], Protocols::HTTP, ToClient, Bytes, Headers, "the response's Location header.";
    HttpMethod: "http.method", &[], &["http_method"], Protocols::HTTP, ToServer, Bytes, Line, "the request's method.";
    HttpProtocol: "http.protocol", &["http_protocol"], &[], Protocols::HTTP, Both, Bytes, Line, "the protocol field of the first line.";
    HttpReferer: "http.referer", &["http_referer"], &[], Protocols::HTTP, ToServer, Bytes, Headers, "the request's Referer header.";
    HttpRequestBody: "http.request_body", &[], &["http_client_body"], Protocols::HTTP, ToServer, Grows, Body, "the request's body.";
    HttpRequestHeader: "http.request_header", &[], &[], Protocols::HTTP, ToServer, Many, Headers, "each header of the request, as name: value.";
    HttpRequestLine: "http.request_line", &["http_request_line"], &[], Protocols::HTTP, ToServer, Bytes, Line, "the request's first line.";
    HttpResponseBody: "http.response_body", &[], &["http_server_body"], Protocols::HTTP, ToClient, Grows, Body, "the response's body.";
    HttpResponseHeader: "http.response_header", &[], &[], Protocols::HTTP, ToClient, Many, Headers, "each header of the response, as name: value.";
    HttpResponseLine: "http.response_line", &["http_response_line"], &[], Protocols::HTTP, ToClient, Bytes, Line, "the response's first line.";
    HttpServer: "http.server", &[], &[], Protocols::HTTP, ToClient, Bytes, Headers, "the response's Server header.";
    HttpStart: "http.start", &["http_start"], &[], Protocols::HTTP, Both, Bytes, Headers, "the first line and the headers.";
    HttpStatCode: "http.stat_code", &[], &["http_stat_code"], Protocols::HTTP, ToClient, Bytes, Line, "the response's status code.";
    HttpStatMsg: "http.stat_msg", &[], &["http_stat_msg"], Protocols::HTTP, ToClient, Bytes, Line, "the response's status message.";
    HttpUri: "http.uri", &[], &["http_uri"], Protocols::HTTP, ToServer, Bytes, Line, "the request's URI, normalised.";
    HttpUriRaw: "http.uri.raw", &[], &["http_raw_uri"], Protocols::HTTP, ToServer, Bytes, Line, "the request's URI as it was sent.";
    HttpUserAgent: "http.user_agent", &[], &["http_user_agent"], Protocols::HTTP, ToServer, Bytes, Headers, "the request's User-Agent header.";
    Http2HeaderName: "http2.header_name", &[], &[], Protocols::HTTP2, Both, Many, Headers, "each header name of an HTTP/2 stream.";
    FileData: "file.data", &["file_data"], &[], Protocols::FILES, Both, Grows, Body, "the contents of a file in transfer.";
    FileName: "file.name", &[], &[], Protocols::FILES, Both, Many, Body, "the name of a file in transfer.";
    FileMagic: "file.magic", &[], &[], Protocols::FILES, Both, Many, Body, "what libmagic says of a file in transfer.";
    DnsQuery: "dns.query", &["dns_query"], &[], Protocols::DNS, ToServer, Many, Complete, "each name asked for.";
    DnsQueryName: "dns.query.name", &[], &[], Protocols::DNS, Both, Many, Complete, "each name asked for or answered about.";
    DnsQueriesRrname: "dns.queries.rrname", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of the question section.";
    DnsAnswersRrname: "dns.answers.rrname", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of the answer section.";
    DnsAuthoritiesRrname: "dns.authorities.rrname", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of the authority section.";
    DnsAdditionalsRrname: "dns.additionals.rrname", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of the additional section.";
    DnsAnswerName: "dns.answer.name", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of the answer section.";
    DnsResponseRrname: "dns.response.rrname", &[], &[], Protocols::DNS, Both, Many, Complete, "each name of any section of a response.";
    MdnsQueriesRrname: "mdns.queries.rrname", &[], &[], Protocols::MDNS, Both, Many, Complete, "each name of the question section.";
    MdnsAnswersRrname: "mdns.answers.rrname", &[], &[], Protocols::MDNS, Both, Many, Complete, "each name of the answer section.";
    MdnsAuthoritiesRrname: "mdns.authorities.rrname", &[], &[], Protocols::MDNS, Both, Many, Complete, "each name of the authority section.";
    MdnsAdditionalsRrname: "mdns.additionals.rrname", &[], &[], Protocols::MDNS, Both, Many, Complete, "each name of the additional section.";
    MdnsResponseRrname: "mdns.response.rrname", &[], &[], Protocols::MDNS, Both, Many, Complete, "each name of any section of a response.";
    LlmnrQueriesRrname: "llmnr.queries.rrname", &[], &[], Protocols::LLMNR, Both, Many, Complete, "each name of the question section.";
    LlmnrAnswersRrname: "llmnr.answers.rrname", &[], &[], Protocols::LLMNR, Both, Many, Complete, "each name of the answer section.";
    LlmnrAuthoritiesRrname: "llmnr.authorities.rrname", &[], &[], Protocols::LLMNR, Both, Many, Complete, "each name of the authority section.";
    LlmnrAdditionalsRrname: "llmnr.additionals.rrname", &[], &[], Protocols::LLMNR, Both, Many, Complete, "each name of the additional section.";
    LlmnrResponseRrname: "llmnr.response.rrname", &[], &[], Protocols::LLMNR, Both, Many, Complete, "each name of any section of a response.";
    TlsSni: "tls.sni", &["tls_sni"], &[], Protocols::TLS, ToServer, Bytes, Line, "the server name that the client asks for.";
    TlsAlpn: "tls.alpn", &[], &[], Protocols::TLS, Both, Many, Line, "each application protocol offered or chosen.";
    TlsCertSubject: "tls.cert_subject", &["tls_cert_subject"], &[], Protocols::TLS, Both, Bytes, Headers, "the subject of the server's certificate.";
    TlsCertIssuer: "tls.cert_issuer", &["tls_cert_issuer"], &[], Protocols::TLS, Both, Bytes, Headers, "the issuer of the server's certificate.";
    TlsCertSerial: "tls.cert_serial", &["tls_cert_serial"], &[], Protocols::TLS, Both, Bytes, Headers, "the serial number of the server's certificate.";
    TlsCertFingerprint: "tls.cert_fingerprint", &["tls_cert_fingerprint"], &[], Protocols::TLS, Both, Bytes, Headers, "the SHA-1 of the server's certificate.";
    TlsCerts: "tls.certs", &[], &[], Protocols::TLS, Both, Many, Headers, "each certificate of the server, whole.";
    TlsSubjectaltname: "tls.subjectaltname", &[], &[], Protocols::TLS, Both, Many, Headers, "each alternative name of the server's certificate.";
    TlsRandom: "tls.random", &[], &[], Protocols::TLS, Both, Bytes, Line, "the random bytes of a hello.";
    TlsRandomTime: "tls.random_time", &[], &[], Protocols::TLS, Both, Bytes, Line, "the first 4 random bytes of a hello.";
    TlsRandomBytes: "tls.random_bytes", &[], &[], Protocols::TLS, Both, Bytes, Line, "the last 28 random bytes of a hello.";
    Ja3Hash: "ja3.hash", &["ja3_hash"], &[], Protocols::TLS_OR_QUIC, ToServer, Bytes, Line, "the JA3 hash of the client.";
    Ja3String: "ja3.string", &["ja3_string"], &[], Protocols::TLS_OR_QUIC, ToServer, Bytes, Line, "the JA3 string of the client.";
    Ja3sHash: "ja3s.hash", &["ja3s_hash"], &[], Protocols::TLS_OR_QUIC, ToClient, Bytes, Line, "the JA3S hash of the server.";
    Ja3sString: "ja3s.string", &["ja3s_string"], &[], Protocols::TLS_OR_QUIC, ToClient, Bytes, Line, "the JA3S string of the server.";
    Ja4Hash: "ja4.hash", &["ja4_hash"], &[], Protocols::TLS_OR_QUIC, ToServer, Bytes, Line, "the JA4 hash of the client.";
    SshProto: "ssh.proto", &["ssh_proto"], &[], Protocols::SSH, Both, Bytes, Line, "the protocol version of the banner.";
    SshSoftware: "ssh.software", &["ssh_software"], &[], Protocols::SSH, Both, Bytes, Line, "the software version of the banner.";
    SshHassh: "ssh.hassh", &[], &[], Protocols::SSH, ToServer, Bytes, Headers, "the HASSH of the client.";
    SshHasshString: "ssh.hassh.string", &[], &[], Protocols::SSH, ToServer, Bytes, Headers, "the HASSH string of the client.";
    SshHasshServer: "ssh.hassh.server", &[], &[], Protocols::SSH, ToClient, Bytes, Headers, "the HASSH of the server.";
    SshHasshServerString: "ssh.hassh.server.string", &[], &[], Protocols::SSH, ToClient, Bytes, Headers, "the HASSH string of the server.";
    SmbNamedPipe: "smb.named_pipe", &["smb_named_pipe"], &[], Protocols::SMB, ToServer, Bytes, Complete, "the named pipe of a tree connect.";
    SmbShare: "smb.share", &["smb_share"], &[], Protocols::SMB, ToServer, Bytes, Line, "the share of a tree connect.";
    SmbNtlmsspUser: "smb.ntlmssp_user", &[], &[], Protocols::SMB, Both, Bytes, Complete, "the user of an NTLMSSP exchange.";
    SmbNtlmsspDomain: "smb.ntlmssp_domain", &[], &[], Protocols::SMB, Both, Bytes, Complete, "the domain of an NTLMSSP exchange.";
    SmbVersion: "smb.version", &[], &[], Protocols::SMB, Both, Number, Complete, "1 for SMB 1, 2 for SMB 2 and 3.";
    DcerpcStubData: "dcerpc.stub_data", &["dce_stub_data"], &[], Protocols::DCERPC_OR_SMB, Both, Grows, Body, "the stub data of a request or response.";
    DcerpcIface: "dcerpc.iface", &["dce_iface"], &[], Protocols::DCERPC_OR_SMB, Both, Asked, Complete, "the interface of a call, by its UUID; perhaps a test of its version, and any_frag.";
    DcerpcOpnum: "dcerpc.opnum", &["dce_opnum"], &[], Protocols::DCERPC_OR_SMB, Both, Asked, Complete, "the operation of a call: numbers and ranges.";
    SmtpHelo: "smtp.helo", &[], &[], Protocols::SMTP, ToServer, Bytes, Line, "the HELO or EHLO parameter.";
    SmtpMailFrom: "smtp.mail_from", &[], &[], Protocols::SMTP, ToServer, Bytes, Headers, "the MAIL FROM parameter.";
    SmtpRcptTo: "smtp.rcpt_to", &[], &[], Protocols::SMTP, ToServer, Many, Headers, "each RCPT TO parameter.";
    EmailFrom: "email.from", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the From header of a mail.";
    EmailTo: "email.to", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the To header of a mail.";
    EmailCc: "email.cc", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the Cc header of a mail.";
    EmailSubject: "email.subject", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the Subject header of a mail.";
    EmailDate: "email.date", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the Date header of a mail.";
    EmailMessageId: "email.message_id", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the Message-ID header of a mail.";
    EmailXMailer: "email.x_mailer", &[], &[], Protocols::MAIL, Both, Bytes, Body, "the X-Mailer header of a mail.";
    EmailUrl: "email.url", &[], &[], Protocols::MAIL, Both, Many, Complete, "each URL in a mail's text.";
    EmailReceived: "email.received", &[], &[], Protocols::MAIL, Both, Many, Body, "each Received header of a mail.";
    EmailBodyMd5: "email.body_md5", &[], &[], Protocols::MAIL, Both, Bytes, Complete, "the MD5 of a mail's body.";
    FtpCommand: "ftp.command", &[], &[], Protocols::FTP, ToServer, Bytes, Complete, "the command's name.";
    FtpCommandData: "ftp.command_data", &[], &[], Protocols::FTP, ToServer, Bytes, Complete, "the command's argument.";
    FtpCompletionCode: "ftp.completion_code", &[], &[], Protocols::FTP, ToClient, Many, Complete, "each completion code of the reply.";
    FtpReply: "ftp.reply", &[], &[], Protocols::FTP, ToClient, Many, Complete, "each line of the reply.";
    Krb5Cname: "krb5.cname", &["krb5_cname"], &[], Protocols::KRB5, Both, Many, Complete, "the client's name.";
    Krb5Sname: "krb5.sname", &["krb5_sname"], &[], Protocols::KRB5, Both, Many, Complete, "the server's name.";
    Krb5MsgType: "krb5_msg_type", &["krb5.msg_type"], &[], Protocols::KRB5, Both, Number, Complete, "the message's type (RFC 4120, 7.5.7).";
    Krb5ErrCode: "krb5_err_code", &["krb5.err_code"], &[], Protocols::KRB5, Both, Number, Complete, "the code of an error (RFC 4120, 7.5.9).";
    Krb5TicketEncryption: "krb5.ticket_encryption", &[], &[], Protocols::KRB5, Both, Asked, Complete, "the encryption of an answer's ticket: numbers, names, or weak.";
    SipMethod: "sip.method", &[], &[], Protocols::SIP, ToServer, Bytes, Complete, "the request's method.";
    SipUri: "sip.uri", &[], &[], Protocols::SIP, ToServer, Bytes, Complete, "the request's URI.";
    SipProtocol: "sip.protocol", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the protocol of the first line.";
    SipStatCode: "sip.stat_code", &[], &[], Protocols::SIP, ToClient, Bytes, Complete, "the response's status code.";
    SipStatMsg: "sip.stat_msg", &[], &[], Protocols::SIP, ToClient, Bytes, Complete, "the response's status message.";
    SipRequestLine: "sip.request_line", &[], &[], Protocols::SIP, ToServer, Bytes, Complete, "the request's first line.";
    SipResponseLine: "sip.response_line", &[], &[], Protocols::SIP, ToClient, Bytes, Complete, "the response's first line.";
    SipFrom: "sip.from", &[], &[], Protocols::SIP, Both, Many, Complete, "the From header.";
    SipTo: "sip.to", &[], &[], Protocols::SIP, Both, Many, Complete, "the To header.";
    SipVia: "sip.via", &[], &[], Protocols::SIP, Both, Many, Complete, "the Via header.";
    SipUserAgent: "sip.user_agent", &[], &[], Protocols::SIP, Both, Many, Complete, "the User-Agent header.";
    SipContentType: "sip.content_type", &[], &[], Protocols::SIP, Both, Many, Complete, "the Content-Type header.";
    SipContentLength: "sip.content_length", &[], &[], Protocols::SIP, Both, Many, Complete, "the Content-Length header.";
    SdpSessionName: "sdp.session_name", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the s= line.";
    SdpSessionInfo: "sdp.session_info", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the i= line.";
    SdpOrigin: "sdp.origin", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the o= line.";
    SdpUri: "sdp.uri", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the u= line.";
    SdpEmail: "sdp.email", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the e= line.";
    SdpPhoneNumber: "sdp.phone_number", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the p= line.";
    SdpConnectionData: "sdp.connection_data", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the c= line.";
    SdpBandwidth: "sdp.bandwidth", &[], &[], Protocols::SIP, Both, Many, Complete, "each b= line.";
    SdpTime: "sdp.time", &[], &[], Protocols::SIP, Both, Many, Complete, "each t= line.";
    SdpRepeatTime: "sdp.repeat_time", &[], &[], Protocols::SIP, Both, Many, Complete, "each r= line.";
    SdpTimezone: "sdp.timezone", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the z= line.";
    SdpEncryptionKey: "sdp.encryption_key", &[], &[], Protocols::SIP, Both, Bytes, Complete, "the k= line.";
    SdpAttribute: "sdp.attribute", &[], &[], Protocols::SIP, Both, Many, Complete, "each a= line.";
    SdpMediaMedia: "sdp.media.media", &[], &[], Protocols::SIP, Both, Many, Complete, "the m= line.";
    SdpMediaMediaInfo: "sdp.media.media_info", &[], &[], Protocols::SIP, Both, Many, Complete, "the i= line of a medium.";
    SdpMediaConnectionData: "sdp.media.connection_data", &[], &[], Protocols::SIP, Both, Many, Complete, "the c= line of a medium.";
    SdpMediaEncryptionKey: "sdp.media.encryption_key", &[], &[], Protocols::SIP, Both, Many, Complete, "the k= line of a medium.";
    SdpMediaBandwidth: "sdp.media.bandwidth", &[], &[], Protocols::SIP, Both, Many, Complete, "the b= lines of a medium.";
    SdpMediaAttribute: "sdp.media.attribute", &[], &[], Protocols::SIP, Both, Many, Complete, "the a= lines of a medium.";
    SnmpCommunity: "snmp.community", &[], &[], Protocols::SNMP, Both, Bytes, Complete, "the community.";
    SnmpUsm: "snmp.usm", &[], &[], Protocols::SNMP, Both, Bytes, Complete, "the user of the USM header.";
    RfbName: "rfb.name", &[], &[], Protocols::RFB, ToClient, Bytes, Complete, "the desktop's name.";
    IkeInitSpi: "ike.init_spi", &[], &[], Protocols::IKE, Both, Bytes, Complete, "the initiator's SPI.";
    IkeRespSpi: "ike.resp_spi", &[], &[], Protocols::IKE, Both, Bytes, Complete, "the responder's SPI.";
    IkeVendor: "ike.vendor", &[], &[], Protocols::IKE, Both, Many, Complete, "each vendor id.";
    IkeNoncePayload: "ike.nonce_payload", &[], &[], Protocols::IKE, Both, Bytes, Complete, "the nonce.";
    IkeKeyExchangePayload: "ike.key_exchange_payload", &[], &[], Protocols::IKE, Both, Bytes, Complete, "the public key.";
    MqttConnectClientid: "mqtt.connect.clientid", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the client's id.";
    MqttConnectUsername: "mqtt.connect.username", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the user's name.";
    MqttConnectPassword: "mqtt.connect.password", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the password.";
    MqttConnectWilltopic: "mqtt.connect.willtopic", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the will's topic.";
    MqttConnectWillmessage: "mqtt.connect.willmessage", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the will's message.";
    MqttConnectProtocolString: "mqtt.connect.protocol_string", &[], &[], Protocols::MQTT, ToServer, Bytes, Complete, "the protocol's name.";
    MqttPublishTopic: "mqtt.publish.topic", &[], &[], Protocols::MQTT, Both, Bytes, Complete, "the topic.";
    MqttPublishMessage: "mqtt.publish.message", &[], &[], Protocols::MQTT, Both, Bytes, Complete, "the message.";
    MqttSubscribeTopic: "mqtt.subscribe.topic", &[], &[], Protocols::MQTT, Both, Many, Complete, "each topic.";
    MqttUnsubscribeTopic: "mqtt.unsubscribe.topic", &[], &[], Protocols::MQTT, Both, Many, Complete, "each topic.";
    QuicSni: "quic.sni", &[], &[], Protocols::QUIC, Both, Bytes, Complete, "the server name that the client asks for.";
    QuicUa: "quic.ua", &[], &[], Protocols::QUIC, ToServer, Bytes, Complete, "the user agent.";
    QuicVersion: "quic.version", &[], &[], Protocols::QUIC, Both, Bytes, Complete, "the version.";
    QuicCyuHash: "quic.cyu.hash", &[], &[], Protocols::QUIC, Both, Many, Complete, "the CYU hash.";
    QuicCyuString: "quic.cyu.string", &[], &[], Protocols::QUIC, Both, Many, Complete, "the CYU string.";
    WebsocketPayload: "websocket.payload", &[], &[], Protocols::WEBSOCKET, Both, Bytes, Complete, "the payload, unmasked.";
    LdapRequestDn: "ldap.request.dn", &[], &[], Protocols::LDAP, ToServer, Bytes, Complete, "the request's distinguished name.";
    LdapResponsesDn: "ldap.responses.dn", &[], &[], Protocols::LDAP, ToClient, Many, Body, "each response's distinguished name.";
    LdapResponsesMessage: "ldap.responses.message", &[], &[], Protocols::LDAP, ToClient, Many, Body, "each response's diagnostic message.";
    LdapRequestAttributeType: "ldap.request.attribute_type", &[], &[], Protocols::LDAP, ToServer, Many, Complete, "each attribute of the request.";
    LdapResponsesAttributeType: "ldap.responses.attribute_type", &[], &[], Protocols::LDAP, ToClient, Many, Body, "each attribute of the responses.";
    MysqlCommand: "mysql.command", &[], &[], Protocols::MYSQL, ToServer, Bytes, Complete, "a statement, or the name that another command has with it.";
    MysqlRows: "mysql.rows", &[], &[], Protocols::MYSQL, ToClient, Many, Complete, "a row of a result, with commas between its values.";
    PgsqlQuery: "pgsql.query", &[], &[], Protocols::PGSQL, ToServer, Many, Complete, "a statement, of a simple or of an extended query.";
    NfsFilename: "nfs.filename", &[], &[], Protocols::NFS, ToServer, Bytes, Complete, "the file's name, or that which is asked about.";
    NfsProcedure: "nfs_procedure", &[], &[], Protocols::NFS, ToServer, Number, Complete, "the procedure; in version 4 the call's main operation.";
    NfsVersion: "nfs.version", &["nfs_version"], &[], Protocols::NFS, ToServer, Number, Complete, "the version.";
    DhcpHostname: "dhcp.hostname", &[], &[], Protocols::DHCP, Both, Bytes, Complete, "the host name option.";
    Dnp3Data: "dnp3.data", &["dnp3_data"], &[], Protocols::DNP3, Both, Bytes, Complete, "the reassembled data.";
    Dnp3Func: "dnp3_func", &["dnp3.func"], &[], Protocols::DNP3, Both, Number, Complete, "the function of a fragment.";
    Dnp3Ind: "dnp3_ind", &["dnp3.ind"], &[], Protocols::DNP3, Both, Asked, Complete, "what a response indicates: `[+|*|-|=]NAME[,NAME]`, by themselves any of them.";
    Dnp3Obj: "dnp3_obj", &["dnp3.obj"], &[], Protocols::DNP3, Both, Asked, Complete, "an object that a fragment has: `GROUP,VARIATION`.";
    EnipProductName: "enip.product_name", &[], &[], Protocols::ENIP, ToClient, Bytes, Complete, "the product's name.";
    EnipServiceName: "enip.service_name", &[], &[], Protocols::ENIP, ToClient, Bytes, Complete, "the service's name.";
    EnipFramePdu: "enip.pdu", &[], &[], Protocols::ENIP, Both, Bytes, Frame, "frame: a message.";
    EnipFrameHdr: "enip.hdr", &[], &[], Protocols::ENIP, Both, Bytes, Frame, "frame: the header of a message.";
    EnipFrameData: "enip.data", &[], &[], Protocols::ENIP, Both, Bytes, Frame, "frame: what follows the header of a message.";
    EnipCommand: "enip_command", &["enip.command"], &[], Protocols::ENIP, Both, Number, Complete, "the command of a message.";
    EnipStatus: "enip.status", &[], &[], Protocols::ENIP, Both, Number, Complete, "the status in a message's header.";
    EnipProtocolVersion: "enip.protocol_version", &[], &[], Protocols::ENIP, Both, Number, Complete, "the version in a session's registration, an identity or a service.";
    EnipCapabilities: "enip.capabilities", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "what a service that a device lists is capable of.";
    EnipVendorId: "enip.vendor_id", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the vendor of an identity.";
    EnipDeviceType: "enip.device_type", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the device's type in an identity.";
    EnipProductCode: "enip.product_code", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the product's code in an identity.";
    EnipRevision: "enip.revision", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the revision in an identity: major × 256 + minor.";
    EnipIdentityStatus: "enip.identity_status", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the status in an identity.";
    EnipSerial: "enip.serial", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the serial number in an identity.";
    EnipState: "enip.state", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the state in an identity.";
    EnipCipClass: "enip.cip_class", &[], &[], Protocols::ENIP, ToServer, Number, Complete, "each class that a CIP request names.";
    EnipCipInstance: "enip.cip_instance", &[], &[], Protocols::ENIP, ToServer, Number, Complete, "each instance that a CIP request names.";
    EnipCipAttribute: "enip.cip_attribute", &[], &[], Protocols::ENIP, ToServer, Number, Complete, "each attribute that a CIP request names.";
    EnipCipStatus: "enip.cip_status", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the status of each CIP answer.";
    EnipCipExtendedstatus: "enip.cip_extendedstatus", &[], &[], Protocols::ENIP, ToClient, Number, Complete, "the first word that says more of the status of each CIP answer.";
    CipService: "cip_service", &[], &[], Protocols::ENIP, ToServer, Asked, Complete, "a CIP request: `SERVICE[,CLASS[,ATTRIBUTE]]`.";
    S7commRosctr: "s7comm.rosctr", &[], &[], Protocols::S7COMM, Both, Number, Complete, "what a message is: job, ack, ack_data or userdata.";
    S7commFunction: "s7comm.function", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the function of a job, and of its answer.";
    S7commError: "s7comm.error", &[], &[], Protocols::S7COMM, Both, Number, Complete, "how a job ended: class × 256 + code, 0 if well.";
    S7commArea: "s7comm.area", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the area of each variable that is read or written.";
    S7commDb: "s7comm.db", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the number of the data block of each variable.";
    S7commAddress: "s7comm.address", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the address of each variable, in bits: byte × 8 + bit.";
    S7commBlock: "s7comm.block", &[], &[], Protocols::S7COMM, Both, Bytes, Complete, "the name of the block that is loaded: `_0800001P` is OB 1.";
    S7commService: "s7comm.service", &[], &[], Protocols::S7COMM, Both, Bytes, Complete, "the service that is invoked: `P_PROGRAM` starts or stops the program, `_INSE` activates a block, `_DELE` deletes one.";
    S7commArgument: "s7comm.argument", &[], &[], Protocols::S7COMM, Both, Bytes, Complete, "what a service is invoked with.";
    S7commGroup: "s7comm.group", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the group of functions of user data: programmer, cyclic, blocks, cpu, security, time.";
    S7commSubfunction: "s7comm.subfunction", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the function of user data, in its group.";
    S7commSzlId: "s7comm.szl_id", &[], &[], Protocols::S7COMM, Both, Number, Complete, "the part of the system status list that is read.";
    S7commSzlIndex: "s7comm.szl_index", &[], &[], Protocols::S7COMM, Both, Number, Complete, "of what that part is read.";
    S7commData: "s7comm.data", &[], &[], Protocols::S7COMM, Both, Bytes, Complete, "what stands behind the parameters of a message.";
    Iec104Control: "iec104.control", &[], &[], Protocols::IEC104, Both, Number, Complete, "what a U frame does: startdt_act, startdt_con and so on.";
    Iec104Type: "iec104.type", &[], &[], Protocols::IEC104, Both, Number, Complete, "the type of what an I frame carries, as c_sc_na_1.";
    Iec104Cause: "iec104.cause", &[], &[], Protocols::IEC104, Both, Number, Complete, "the cause of transmission.";
    Iec104CauseFlags: "iec104.cause_flags", &[], &[], Protocols::IEC104, Both, Number, Complete, "flags beside the cause: negative and test.";
    Iec104Originator: "iec104.originator", &[], &[], Protocols::IEC104, Both, Number, Complete, "the originator's address.";
    Iec104CommonAddress: "iec104.common_address", &[], &[], Protocols::IEC104, Both, Number, Complete, "the common address: the station.";
    Iec104ObjectAddress: "iec104.object_address", &[], &[], Protocols::IEC104, Both, Number, Complete, "the address of each information object.";
    Iec104Value: "iec104.value", &[], &[], Protocols::IEC104, Both, Number, Complete, "each value that is a whole number from 0 on: states, commands, steps, counts, qualifiers.";
    Iec104Data: "iec104.data", &[], &[], Protocols::IEC104, Both, Bytes, Complete, "the information objects of a frame.";
    ModbusData: "modbus.data", &[], &[], Protocols::MODBUS, Both, Bytes, Complete, "what stands behind the function of a message.";
    Modbus: "modbus", &[], &[], Protocols::MODBUS, ToServer, Asked, Complete, "what a request calls or accesses: `unit N`, `function N[, subfunction N]`, `function CATEGORY`, `access read|write [TABLE][, address N[, value N]]`.";
    TftpFile: "tftp.file", &[], &[], Protocols::TFTP, ToServer, Bytes, Complete, "the file's name.";
    TftpMode: "tftp.mode", &[], &[], Protocols::TFTP, ToServer, Bytes, Complete, "the mode.";
    SipFramePdu: "sip.pdu", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: a message.";
    SipFrameRequestLine: "sip.request.line", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the first line of a request.";
    SipFrameRequestHeaders: "sip.request.headers", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the headers of a request.";
    SipFrameRequestBody: "sip.request.body", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the body of a request.";
    SipFrameResponseLine: "sip.response.line", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the first line of a response.";
    SipFrameResponseHeaders: "sip.response.headers", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the headers of a response.";
    SipFrameResponseBody: "sip.response.body", &[], &[], Protocols::SIP, Both, Bytes, Frame, "frame: the body of a response.";
    SmbFrameNbssPdu: "smb.nbss.pdu", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: a NetBIOS session message.";
    SmbFrameNbssHdr: "smb.nbss.hdr", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the header of a NetBIOS session message.";
    SmbFrameNbssData: "smb.nbss.data", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the data of a NetBIOS session message.";
    SmbFrameSmb1Pdu: "smb.smb1.pdu", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: an SMB 1 message.";
    SmbFrameSmb1Hdr: "smb.smb1.hdr", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the header of an SMB 1 message.";
    SmbFrameSmb1Data: "smb.smb1.data", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: what follows the header of an SMB 1 message.";
    SmbFrameSmb2Pdu: "smb.smb2.pdu", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: an SMB 2 message.";
    SmbFrameSmb2Hdr: "smb.smb2.hdr", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the header of an SMB 2 message.";
    SmbFrameSmb2Data: "smb.smb2.data", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: what follows the header of an SMB 2 message.";
    SmbFrameSmb3Pdu: "smb.smb3.pdu", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: an encrypted SMB 3 message.";
    SmbFrameSmb3Hdr: "smb.smb3.hdr", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the header of an encrypted SMB 3 message.";
    SmbFrameSmb3Data: "smb.smb3.data", &[], &[], Protocols::SMB, Both, Bytes, Frame, "frame: the data of an encrypted SMB 3 message.";
    SmtpFrameCommandLine: "smtp.command_line", &[], &[], Protocols::SMTP, Both, Bytes, Frame, "frame: a command.";
    SmtpFrameResponseLine: "smtp.response_line", &[], &[], Protocols::SMTP, Both, Bytes, Frame, "frame: a line of a reply.";
    SmtpFrameData: "smtp.data", &[], &[], Protocols::SMTP, Both, Bytes, Frame, "frame: the data of a mail.";
    SmtpFrameEmail: "smtp.email", &[], &[], Protocols::SMTP, Both, Bytes, Frame, "frame: a mail, decoded.";
    Http2FramePdu: "http2.pdu", &[], &[], Protocols::HTTP2, Both, Bytes, Frame, "frame: a frame of HTTP/2.";
    Http2FrameHdr: "http2.hdr", &[], &[], Protocols::HTTP2, Both, Bytes, Frame, "frame: the header of a frame of HTTP/2.";
    Http2FrameData: "http2.data", &[], &[], Protocols::HTTP2, Both, Bytes, Frame, "frame: what follows the header of a frame of HTTP/2.";
    WebsocketFramePdu: "websocket.pdu", &[], &[], Protocols::WEBSOCKET, Both, Bytes, Frame, "frame: a message.";
    WebsocketFrameHeader: "websocket.header", &[], &[], Protocols::WEBSOCKET, Both, Bytes, Frame, "frame: the header of a message.";
    WebsocketFrameData: "websocket.data", &[], &[], Protocols::WEBSOCKET, Both, Bytes, Frame, "frame: the payload of a message.";
    PgsqlFramePdu: "pgsql.pdu", &[], &[], Protocols::PGSQL, Both, Bytes, Frame, "frame: a message.";
    MysqlFramePdu: "mysql.pdu", &[], &[], Protocols::MYSQL, Both, Bytes, Frame, "frame: a packet.";
    MqttFramePdu: "mqtt.pdu", &[], &[], Protocols::MQTT, Both, Bytes, Frame, "frame: a control packet.";
    MqttFrameHeader: "mqtt.header", &[], &[], Protocols::MQTT, Both, Bytes, Frame, "frame: the fixed header of a control packet.";
    MqttFrameData: "mqtt.data", &[], &[], Protocols::MQTT, Both, Bytes, Frame, "frame: what follows the fixed header of a control packet.";
    TcpHdr: "tcp.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the TCP header, options included.";
    UdpHdr: "udp.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the UDP header.";
    Ipv4Hdr: "ipv4.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the IPv4 header, options included.";
    Ipv6Hdr: "ipv6.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the IPv6 header, extension headers included.";
    Icmpv4Hdr: "icmpv4.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the ICMP header.";
    Icmpv6Hdr: "icmpv6.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the ICMPv6 header.";
    IgmpHdr: "igmp.hdr", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the IGMP message.";
    IpSrc: "ip.src", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the source address, 4 or 16 bytes.";
    IpDst: "ip.dst", &[], &[], Protocols::NONE, Both, Bytes, Packet, "the destination address, 4 or 16 bytes.";
    Base64Data: "base64_data", &[], &[], Protocols::NONE, Both, Bytes, Rule, "what base64_decode made.";
    LdapRequestOperation: "ldap.request.operation", &[], &[], Protocols::LDAP, ToServer, Number, Complete, "the request's operation.";
    LdapResponsesOperation: "ldap.responses.operation", &[], &[], Protocols::LDAP, ToClient, Number, Body, "each response's operation.";
    LdapResponsesResultCode: "ldap.responses.result_code", &[], &[], Protocols::LDAP, ToClient, Number, Body, "each response's result.";
    LdapResponsesCount: "ldap.responses.count", &[], &[], Protocols::LDAP, ToClient, Number, Complete, "how many responses there were.";
    Files: "files", &[], &[], Protocols::FILES, Both, Asked, Body, "a file in transfer, as a whole.";
    FtpDynamicPort: "ftp.dynamic_port", &[], &[], Protocols::FTP, Both, Number, Complete, "the port that is announced for data.";
    FtpMode: "ftp.mode", &[], &[], Protocols::FTP, Both, Number, Complete, "who connects for data: active is the server, passive the client.";
    FtpReplyReceived: "ftp.reply_received", &[], &[], Protocols::FTP, ToClient, Number, Complete, "whether there is a reply: yes or no.";
    FtpdataCommand: "ftpdata_command", &["ftpdata.command"], &[], Protocols::FTP_DATA, Both, Number, Complete, "what the data is for: retr or stor.";
    TftpOpcode: "tftp.opcode", &[], &[], Protocols::TFTP, ToServer, Number, Complete, "the operation of a request: read or write.";
    SnmpVersion: "snmp.version", &[], &[], Protocols::SNMP, Both, Number, Complete, "the version: 1, 2 for 2c, or 3.";
    SnmpPduType: "snmp.pdu_type", &[], &[], Protocols::SNMP, Both, Number, Complete, "the PDU's type.";
    RfbSectype: "rfb.sectype", &[], &[], Protocols::RFB, ToServer, Number, Complete, "the security type.";
    RfbSecresult: "rfb.secresult", &[], &[], Protocols::RFB, ToClient, Number, Complete, "the security result: ok, fail, toomany or unknown.";
    MqttType: "mqtt.type", &[], &[], Protocols::MQTT, Both, Number, Complete, "each message's type.";
    MqttFlags: "mqtt.flags", &[], &[], Protocols::MQTT, Both, Number, Complete, "each message's flags: dup and retain.";
    MqttQos: "mqtt.qos", &[], &[], Protocols::MQTT, Both, Number, Complete, "each message's quality of service.";
    MqttReasonCode: "mqtt.reason_code", &["mqtt.connack.return_code"], &[], Protocols::MQTT, Both, Number, Complete, "each reason.";
    MqttProtocolVersion: "mqtt.protocol_version", &[], &[], Protocols::MQTT, Both, Number, Complete, "the version in use.";
    MqttConnectFlags: "mqtt.connect.flags", &[], &[], Protocols::MQTT, ToServer, Number, Complete, "the flags of a CONNECT.";
    MqttConnackSessionPresent: "mqtt.connack.session_present", &[], &[], Protocols::MQTT, ToClient, Number, Complete, "whether the server kept the session.";
    IkeExchtype: "ike.exchtype", &[], &[], Protocols::IKE, Both, Number, Complete, "the exchange's type.";
    IkeKeyExchangePayloadLength: "ike.key_exchange_payload_length", &[], &[], Protocols::IKE, Both, Number, Complete, "the public key's length.";
    IkeNoncePayloadLength: "ike.nonce_payload_length", &[], &[], Protocols::IKE, Both, Number, Complete, "the nonce's length.";
    IkeChosenSaAttribute: "ike.chosen_sa_attribute", &[], &[], Protocols::IKE, ToClient, Asked, Complete, "an attribute of the chosen association: name=value.";
    DhcpLeasetime: "dhcp.leasetime", &[], &[], Protocols::DHCP, Both, Number, Complete, "the lease's time in seconds.";
    DhcpRebindingTime: "dhcp.rebinding_time", &[], &[], Protocols::DHCP, Both, Number, Complete, "the rebinding time in seconds.";
    DhcpRenewalTime: "dhcp.renewal_time", &[], &[], Protocols::DHCP, Both, Number, Complete, "the renewal time in seconds.";
    NtpVersion: "ntp.version", &[], &[], Protocols::NTP, Both, Number, Complete, "the version.";
    NtpMode: "ntp.mode", &[], &[], Protocols::NTP, Both, Number, Complete, "the mode.";
    NtpStratum: "ntp.stratum", &[], &[], Protocols::NTP, Both, Number, Complete, "the distance from the reference clock.";
    NtpReferenceId: "ntp.reference_id", &[], &[], Protocols::NTP, Both, Bytes, Complete, "the 4 bytes that name the reference.";
    DnsOpcode: "dns.opcode", &[], &[], Protocols::DNS, Both, Number, Complete, "the operation of a message.";
    DnsRcode: "dns.rcode", &[], &[], Protocols::DNS, Both, Number, Complete, "the response code of a message.";
    DnsRrtype: "dns.rrtype", &[], &[], Protocols::DNS, Both, Number, Complete, "the type of each question and record.";
    Http2Errorcode: "http2.errorcode", &[], &[], Protocols::HTTP2, Both, Number, Complete, "the error with which a stream or the connection ends.";
    Http2Frametype: "http2.frametype", &[], &[], Protocols::HTTP2, Both, Number, Complete, "the types of a stream's frames, or of the connection's.";
    Http2Priority: "http2.priority", &[], &[], Protocols::HTTP2, Both, Number, Complete, "the weight of a stream.";
    Http2Settings: "http2.settings", &[], &[], Protocols::HTTP2, Both, Asked, Complete, "a setting, and what it is set to.";
    Http2SizeUpdate: "http2.size_update", &[], &[], Protocols::HTTP2, Both, Number, Headers, "the size that headers set HPACK's table to.";
    Http2Window: "http2.window", &[], &[], Protocols::HTTP2, Both, Number, Complete, "the increments of a stream's window, or of the connection's.";
    WebsocketFlags: "websocket.flags", &[], &[], Protocols::WEBSOCKET, Both, Number, Complete, "the first byte's flags: `fin`, `comp` and the others.";
    WebsocketMask: "websocket.mask", &[], &[], Protocols::WEBSOCKET, Both, Number, Complete, "the mask, where there is one.";
    WebsocketOpcode: "websocket.opcode", &[], &[], Protocols::WEBSOCKET, Both, Number, Complete, "the operation.";
    TlsState: "ssl_state", &[], &[], Protocols::TLS, Both, Number, Line, "which messages of the handshake were seen.";
    TlsVersion: "ssl_version", &[], &[], Protocols::TLS, Both, Number, Line, "the version that the message's side speaks.";
    TlsCertNotbefore: "tls_cert_notbefore", &[], &[], Protocols::TLS, ToClient, Asked, Headers, "when the server's certificate begins to be valid.";
    TlsCertNotafter: "tls_cert_notafter", &[], &[], Protocols::TLS, ToClient, Asked, Headers, "when the server's certificate ends to be valid.";
    TlsCertExpired: "tls_cert_expired", &[], &[], Protocols::TLS, ToClient, Asked, Headers, "whether the server's certificate is no longer valid.";
    TlsCertValid: "tls_cert_valid", &[], &[], Protocols::TLS, ToClient, Asked, Headers, "whether the server's certificate is valid now.";
    TlsCertChainLen: "tls.cert_chain_len", &[], &[], Protocols::TLS, ToClient, Number, Headers, "how many certificates the server sent.";
}

/// Buffers of protocols that are read, or of packets, which the engine does not hand out yet.
const NOT_BUILT: &[Buffer] = &[];

impl Buffer {
    /// What the table says of it.
    #[must_use]
    pub fn declaration(self) -> &'static Declaration {
        &TABLE[self as usize]
    }

    /// Whether the engine hands it out for one of its protocols at least.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self.declaration().source {
            Source::Transaction(_) | Source::Frame => {
                self.declaration().protocols.intersects(BUILT) && !NOT_BUILT.contains(&self)
            }
            Source::Packet | Source::Rule => !NOT_BUILT.contains(&self),
        }
    }

    /// Its keyword.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.declaration().name
    }

    /// The buffer of this keyword, by any of its sticky names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |b: &&Self| b.name() == name || b.declaration().aliases.contains(&name);
        Self::ALL.iter().filter(|b| !b.is_frame()).find(named).copied()
    }

    /// It is a frame, which rules choose by `frame`.
    #[must_use]
    pub fn is_frame(self) -> bool {
        self.declaration().source == Source::Frame
    }

    /// The frame of a protocol, by its name without the protocol's.
    #[must_use]
    pub fn frame(protocols: Protocols, name: &str) -> Option<Self> {
        let of = |b: &&Self| b.is_frame() && b.declaration().protocols.intersects(protocols);
        Self::ALL.iter().filter(of).find(|b| b.frame_name() == Some(name)).copied()
    }

    /// A frame's name without the protocol's.
    #[must_use]
    pub fn frame_name(self) -> Option<&'static str> {
        if !self.is_frame() {
            return None;
        }
        self.name().split_once('.').map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_says_what_things_are() {
        assert_eq!(Buffer::ALL.len(), TABLE.len());
        for (i, buffer) in Buffer::ALL.iter().enumerate() {
            let declaration = buffer.declaration();
            assert_eq!(*buffer as usize, i);
            assert!(declaration.doc.ends_with('.'), "{}", declaration.name);
            if buffer.is_frame() {
                let name = buffer.frame_name().unwrap();
                assert_eq!(Buffer::frame(declaration.protocols, name), Some(*buffer));
            } else {
                assert_eq!(Buffer::from_name(declaration.name), Some(*buffer));
            }
            let of_transaction = matches!(declaration.source, Source::Transaction(_) | Source::Frame);
            assert_eq!(of_transaction, !declaration.protocols.is_empty(), "{}", declaration.name);
        }
    }

    #[test]
    fn older_names_lead_to_the_same_buffer() {
        assert_eq!(Buffer::from_name("file_data"), Some(Buffer::FileData));
        assert_eq!(Buffer::from_name("dns_query"), Some(Buffer::DnsQuery));
        assert_eq!(Buffer::from_name("content"), None);
    }
}
