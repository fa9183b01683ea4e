use super::*;
use crate::protocols::registry::Likeness;
use crate::protocols::tls::{MESSAGE_LIMIT, probe};
use serde_json::json;

#[test]
fn a_handshake_of_tls_12_is_told_in_order() {
    let (log, status) = read(&tls12());
    assert_eq!(status, Status::Encrypted);
    let expected = [
        (ToServer, Progress::Line),
        (ToClient, Progress::Line),
        (ToClient, Progress::Headers),
        (ToServer, Progress::Headers),
        (ToServer, Progress::Complete),
        (ToClient, Progress::Complete),
    ];
    assert_eq!(log.told, expected);
    assert_eq!(log.events, []);
    for (buffer, direction, expected) in [
        (Buffer::TlsSni, ToServer, "gate.example"),
        (Buffer::TlsCertSubject, ToClient, "C=JP, O=Sekisho, Ltd., CN=gate.example"),
        (Buffer::TlsCertIssuer, ToClient, "C=JP, O=Sekisho, Ltd., CN=gate.example"),
        (Buffer::TlsCertSerial, ToClient, "00:A1:B2"),
        (Buffer::TlsCertFingerprint, ToClient, "9d:99:55:7b:bf:86:a0:14:1d:6a:d2:26:4b:3e:af:3c:5a:3f:b8:31"),
        (Buffer::TlsCertChainLen, ToClient, "1"),
        (Buffer::Ja3String, ToServer, "771,4865-49199,0-10-11-13-16,29-23,0"),
        (Buffer::Ja3sString, ToClient, "771,49199,16"),
    ] {
        assert_eq!(log.all(buffer, direction), [expected], "{}", buffer.name());
    }
    assert_eq!(log.all(Buffer::TlsAlpn, ToServer), ["h2", "http/1.1"]);
    assert_eq!(log.all(Buffer::TlsAlpn, ToClient), ["h2"]);
    assert_eq!(log.all(Buffer::TlsSubjectaltname, ToClient), ["gate.example", "192.0.2.1", "post@gate.example"]);
    assert_eq!(log.all(Buffer::TlsCertSubject, ToServer), Vec::<String>::new());
    assert!(log.buffers.contains(&(Buffer::TlsCerts, ToClient, der())));
    assert!(log.buffers.contains(&(Buffer::TlsRandomTime, ToServer, vec![0, 1, 2, 3])));
    assert!(log.buffers.contains(&(Buffer::TlsRandomBytes, ToServer, (4..32).collect())));
}

#[test]
fn certificates_without_a_hello_are_complete_in_the_end() {
    let (log, _) = read(&[(ToClient, record(22, 0x0303, &certificates(&[der()])))]);
    assert_eq!(log.told, [Progress::Line, Progress::Headers, Progress::Complete].map(|level| (ToClient, level)));
    assert_eq!(log.records.len(), 0, "there is nothing that a record could say");
}

#[test]
fn a_handshake_is_logged_once_with_all_that_was_said() {
    let (log, _) = read(&tls12());
    let ja4 = log.all(Buffer::Ja4Hash, ToServer).concat();
    assert!(ja4.starts_with("t12d0205h2_"), "{ja4}");
    let expected = json!({
        "subject": "C=JP, O=Sekisho, Ltd., CN=gate.example",
        "issuerdn": "C=JP, O=Sekisho, Ltd., CN=gate.example",
        "serial": "00:A1:B2",
        "fingerprint": "9d:99:55:7b:bf:86:a0:14:1d:6a:d2:26:4b:3e:af:3c:5a:3f:b8:31",
        "notbefore": "2026-11-23T05:14:34",
        "notafter": "2027-11-23T05:14:34",
        "subjectaltname": ["gate.example", "192.0.2.1", "post@gate.example"],
        "sni": "gate.example",
        "version": "TLS 1.2",
        "ja3": {
            "hash": log.all(Buffer::Ja3Hash, ToServer).concat(),
            "string": "771,4865-49199,0-10-11-13-16,29-23,0",
        },
        "ja3s": { "hash": log.all(Buffer::Ja3sHash, ToClient).concat(), "string": "771,49199,16" },
        "ja4": ja4,
        "client_alpns": ["h2", "http/1.1"],
        "server_alpns": ["h2"],
    });
    assert_eq!(log.records, [expected]);
}

#[test]
fn fingerprints_are_those_that_others_compute() {
    // The example of the JA3 and JA4 specifications would be a real browser's hello; these were computed with hashlib.
    let (log, _) = read(&tls12());
    assert_eq!(log.all(Buffer::Ja3Hash, ToServer), [JA3]);
    assert_eq!(log.all(Buffer::Ja3sHash, ToClient), [JA3S]);
    assert_eq!(log.all(Buffer::Ja4Hash, ToServer), [JA4]);
}

const JA3: &str = "7cfd168d6dfb329b99460ce1f6af8c6c";
const JA3S: &str = "896415616b22361262d7a961b6325cfd";
const JA4: &str = "t12d0205h2_c1929292aa6b_876bcc86782c";

#[test]
fn tls_13_is_encrypted_behind_the_hellos() {
    let (log, status) = read(&tls13());
    assert_eq!(status, Status::Encrypted);
    assert_eq!(log.events, []);
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.records[0]["version"], "TLS 1.3");
    // The session's number is echoed by every server of TLS 1.3.
    assert_eq!(log.records[0].get("session_resumed"), None);
}

#[test]
fn a_retry_is_not_the_hello() {
    let retry = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let mut body = server_hello(&[7; 4], &[extension(43, &[3, 4])]);
    body[6..38].copy_from_slice(&retry);
    let mut steps = tls13();
    let again = (ToServer, [record(20, 0x0303, &[1]), record(22, 0x0303, &client_hello())].concat());
    steps.splice(1..1, [(ToClient, [record(22, 0x0303, &body), record(20, 0x0303, &[1])].concat()), again]);
    let (log, status) = read(&steps);
    assert_eq!(status, Status::Encrypted);
    assert_eq!(log.events, []);
    assert_eq!(log.buffers.iter().filter(|(b, d, _)| (*b, *d) == (Buffer::TlsRandom, ToClient)).count(), 1);
    assert!(log.buffers.contains(&(Buffer::TlsRandom, ToClient, vec![0x55; 32])));
}

#[test]
fn a_session_is_resumed_without_a_certificate() {
    let finish = |version| [record(20, version, &[1]), record(22, version, &[0xee; 40])].concat();
    let server = [record(22, 0x0303, &server_hello(&[7; 4], &[])), finish(0x0303)].concat();
    let steps = [(ToServer, record(22, 0x0301, &client_hello())), (ToClient, server), (ToServer, finish(0x0303))];
    let (log, status) = read(&steps);
    assert_eq!(status, Status::Encrypted);
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.records[0]["session_resumed"], true);

    let (log, _) = read(&tls12());
    assert_eq!(log.records[0].get("session_resumed"), None);
}

#[test]
fn a_client_shows_its_certificate() {
    let mut steps = tls12();
    steps[2].1 = record(22, 0x0303, &[certificates(&[der()]), handshake(16, &[1])].concat());
    let (log, _) = read(&steps);
    assert_eq!(log.all(Buffer::TlsCertSerial, ToServer), ["00:A1:B2"]);
    assert_eq!(log.all(Buffer::TlsCertSerial, ToClient), ["00:A1:B2"]);
}

#[test]
fn messages_lie_across_records_and_share_them() {
    let all = [server_hello(&[9; 4], &[]), certificates(&[der(), der()]), handshake(14, &[])].concat();
    let pieces: Vec<u8> = all.chunks(97).flat_map(|piece| record(22, 0x0303, piece)).collect();
    let mut steps = tls12();
    steps[1].1 = pieces;
    let (log, status) = read(&steps);
    assert_eq!(status, Status::Encrypted);
    assert_eq!(log.all(Buffer::TlsCertChainLen, ToClient), ["2"]);
}

#[test]
fn the_oldest_format_says_a_newer_version() {
    let hello = [&[0x80, 12, 1, 3, 1, 0, 3, 0, 0, 0, 0][..], &[0, 0, 5]].concat();
    let mut steps = tls12();
    steps[0].1 = hello.clone();
    let (log, status) = read(&steps);
    assert_eq!((status, log.events()), (Status::Encrypted, vec![]));
    assert_eq!(log.all(Buffer::Ja3Hash, ToServer), Vec::<String>::new());
    assert_eq!(log.records[0]["version"], "TLS 1.2");
    assert_eq!(probe(ToServer, &hello), Likeness::Yes);
}

#[test]
fn ssl_2_is_followed_to_its_key() {
    let steps = [
        (ToServer, vec![0x80, 12, 1, 0, 2, 0, 3, 0, 0, 0, 0, 7, 0, 0xc0]),
        (ToClient, vec![0x80, 11, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0]),
        (ToServer, vec![0x80, 10, 2, 7, 0, 0xc0, 0, 0, 0, 0, 0, 0]),
    ];
    let (log, status) = read(&steps);
    assert_eq!(status, Status::Encrypted);
    assert_eq!(log.records[0]["version"], "SSLv2");
    let error = [steps[0].clone(), (ToClient, vec![0x80, 3, 0, 0, 1])];
    // The server's first record is recognised by its kind of message.
    assert_eq!(read(&error).0.events(), ["error_message_encountered"]);
}

#[test]
fn a_heartbeat_that_asks_for_more_than_it_sends_is_an_event() {
    let hello = (ToServer, record(22, 0x0301, &client_hello()));
    let events = |payload: &[u8]| read(&[hello.clone(), (ToServer, record(24, 0x0302, payload))]).0.events();
    assert_eq!(events(&[1, 0x40, 0]), ["heartbeat_message", "overflow_heartbeat_message"]);
    assert_eq!(events(&[3, 0, 0]), ["heartbeat_message", "invalid_heartbeat_message"]);
    assert_eq!(events(&[1, 0, 1, 9]), ["heartbeat_message", "invalid_heartbeat_message"]);
    assert_eq!(events(&[&[1, 0, 1, 9][..], &[0; 16]].concat()), ["heartbeat_message"]);
}

#[test]
fn an_encrypted_heartbeat_is_answered_with_as_much() {
    let answered = |len: usize| {
        let mut steps = tls12();
        let hello = server_hello(&[9; 4], &[extension(15, &[1])]);
        steps[1].1 = record(22, 0x0303, &[hello, certificates(&[der()]), handshake(14, &[])].concat());
        steps.push((ToServer, record(24, 0x0303, &[1; 20])));
        steps.push((ToClient, record(24, 0x0303, &vec![2; len])));
        let (log, status) = read(&steps);
        assert_eq!(status, Status::More);
        log.events()
    };
    assert_eq!(answered(20), ["heartbeat_message"]);
    assert_eq!(answered(21), ["heartbeat_message", "dataleak_heartbeat_mismatch"]);
}

#[test]
fn odd_names_of_servers_are_events() {
    let events = |extensions: &[Vec<u8>]| {
        let (log, _) = read(&[(ToServer, record(22, 0x0301, &client_hello_with(&[], &[5], extensions)))]);
        (log.events(), log.all(Buffer::TlsSni, ToServer).concat())
    };
    let twice = [server_name(b"a"), server_name(b"b")];
    assert_eq!(events(&twice), (vec!["multiple_sni_extensions"], "a".to_owned()));
    assert_eq!(events(&[extension(0, &[0, 4, 1, 0, 1, b'a'])]).0, ["invalid_sni_type"]);
    assert_eq!(events(&[extension(0, &[0, 4, 0, 0, 9, b'a'])]).0, ["invalid_sni_length"]);
    assert_eq!(events(&[extension(0, &[])]).0, ["invalid_sni_length"]);
    // The list's own length does not matter: 9 instead of 4.
    assert_eq!(events(&[extension(0, &[0, 9, 0, 0, 1, b'a'])]), (vec![], "a".to_owned()));
}

#[test]
fn bytes_that_are_no_text_are_written_escaped() {
    let hello = client_hello_with(&[], &[5], &[server_name(b"a\xff\0")]);
    let (log, _) = read(&[(ToServer, record(22, 0x0301, &hello))]);
    assert_eq!(log.records[0]["sni"], "a\\xff\0");
}

#[test]
fn broken_records_and_messages_are_told() {
    let after = |bytes: &[u8]| {
        let (log, status) = read(&[(ToServer, [&record(22, 0x0301, &client_hello()), bytes].concat())]);
        assert_eq!(log.records.len(), usize::from(status == Status::More));
        (log.events(), status)
    };
    assert_eq!(after(&[99, 3, 1, 0, 1]), (vec!["invalid_record_type"], Status::GaveUp));
    assert_eq!(after(&[22, 9, 1, 0, 1]), (vec!["invalid_record_version"], Status::GaveUp));
    assert_eq!(after(&[22, 3, 1, 0xff, 1]), (vec!["invalid_tls_header"], Status::GaveUp));
    let unknown = record(22, 0x0301, &handshake(99, &[]));
    assert_eq!(after(&unknown), (vec!["invalid_handshake_message"], Status::More));
    let long = record(22, 0x0301, &[12, 1, 0, 1]);
    assert_eq!(after(&long), (vec!["handshake_invalid_length"], Status::More));
    assert_eq!(MESSAGE_LIMIT, 0x01_0000);
    let cut = record(22, 0x0301, &handshake(1, &[3, 3, 0]));
    let (log, _) = read(&[(ToServer, cut)]);
    assert_eq!(log.events(), ["invalid_handshake_message", "handshake_invalid_length"]);
}

#[test]
fn a_broken_certificate_is_told_and_counted() {
    let mut bad = der();
    bad[20] ^= 0xff;
    let mut steps = tls12();
    steps[1].1 = record(22, 0x0303, &[server_hello(&[], &[]), certificates(&[bad])].concat());
    let (log, _) = read(&steps);
    assert_eq!(log.events()[0], "invalid_handshake_message");
    assert_eq!(log.all(Buffer::TlsCertChainLen, ToClient), ["1"]);
    assert_eq!(log.all(Buffer::TlsCertSubject, ToClient), Vec::<String>::new());
    assert_eq!(log.records.len(), 1);

    let mut steps = tls12();
    let short = [&certificates(&[der()])[..], &[]].concat();
    steps[1].1 = record(22, 0x0303, &[server_hello(&[], &[]), handshake(11, &short[4..300])].concat());
    assert_eq!(read(&steps).0.events(), ["invalid_handshake_message", "certificate_invalid_length"]);
}

#[test]
fn lost_bytes_end_what_can_be_said_of_their_direction() {
    let steps = tls12();
    let mut log = Log::default();
    let mut parser = TlsParser::new();
    assert_eq!(parser.data(ToServer, &steps[0].1, &mut log), Status::More);
    assert_eq!(parser.data(ToClient, &steps[1].1[..200], &mut log), Status::More);
    assert_eq!(parser.gap(ToClient, 50, &mut log), Status::More);
    assert_eq!(parser.data(ToClient, &steps[1].1[250..], &mut log), Status::More);
    assert_eq!(parser.gap(ToServer, 1, &mut log), Status::GaveUp);
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.records[0]["sni"], "gate.example");
    parser.end(ToServer, &mut log);
    parser.end(ToClient, &mut log);
    parser.end(ToClient, &mut log);
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.told.iter().filter(|(_, p)| *p == Progress::Complete).count(), 2);
}

#[test]
fn a_hello_nobody_answers_is_logged_at_the_end() {
    let (log, status) = read(&tls12()[..1]);
    assert_eq!(status, Status::More);
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.records[0]["version"], "TLS 1.2");
    assert_eq!(read(&[]).0, Log::default());
}

#[test]
fn first_bytes_tell() {
    let client = record(22, 0x0301, &client_hello());
    let server = record(22, 0x0303, &server_hello(&[], &[]));
    for (direction, bytes) in [(ToServer, &client), (ToClient, &server)] {
        for cut in 0..6 {
            assert_eq!(probe(direction, &bytes[..cut]), Likeness::More);
        }
        assert_eq!(probe(direction, &bytes[..6]), Likeness::Yes);
        assert_eq!(probe(direction.reverse(), bytes), Likeness::No);
    }
    for other in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-x", &[22, 3, 1, 0, 0, 1], &[22, 1], &[0x80, 0x2e, 9]] {
        assert_eq!(probe(ToServer, other), Likeness::No, "{other:?}");
    }
}

#[test]
fn nothing_is_read_behind_the_handshake() {
    let mut steps = tls12();
    steps[4].1.extend([99; 9]);
    let (log, status) = read(&steps);
    assert_eq!((status, log.events()), (Status::Encrypted, vec![]));
}
