use super::super::PAYLOAD_LIMIT;
use super::*;
use serde_json::json;

#[test]
fn frames_in_clear_and_masked() {
    let bytes =
        [frame(0x81, Some(0x0102_0304), b"Hello"), frame(0x8a, None, b""), frame(0x82, None, &[7; 300])].concat();
    let log = read(&bytes);
    assert_eq!(log.payloads, [b"Hello".to_vec(), vec![], vec![7; 300]]);
    assert_eq!(log.numbers[0], [Some(0x80), Some(0x0102_0304), Some(1), None]);
    assert_eq!(log.numbers[1], [Some(0x80), None, Some(10), None]);
    assert_eq!(log.records[0], json!({"fin": true, "mask": 0x0102_0304, "opcode": "text"}));
    assert_eq!(log.records[1], json!({"fin": true, "opcode": "pong"}));
    assert_eq!(
        log.frames[..3],
        [("header", bytes[..6].to_vec()), ("data", b"Hello".to_vec()), ("pdu", [&bytes[..6], b"Hello"].concat()),]
    );
}

#[test]
fn a_message_in_frames_with_others_between() {
    let bytes = [
        frame(0x01, Some(9), b"one "),
        frame(0x89, None, b"ping"),
        frame(0x00, Some(8), b"two "),
        frame(0x80, None, b"three"),
    ];
    let log = read(&bytes.concat());
    assert_eq!(log.payloads, [&b"one "[..], b"ping", b"two ", b"one two three"]);
    assert_eq!(log.numbers[3], [Some(0x80), None, Some(0), Some(1)]);
    assert_eq!(log.events, [""; 0]);
}

#[test]
fn compressed_messages_look_back() {
    let mut state = flate2::Compress::new(flate2::Compression::default(), false);
    let texts = [&b"a message that is said once"[..], b"a message that is said twice", b"a message"];
    let coded: Vec<_> = texts.iter().map(|text| compress(&mut state, text)).collect();
    let cut = coded[1].len() / 2;
    let bytes = [
        frame(0xc1, None, &coded[0]),
        frame(0x41, None, &coded[1][..cut]),
        frame(0x80, None, &coded[1][cut..]),
        frame(0xc1, Some(5), &coded[2]),
    ];
    let log = read(&bytes.concat());
    assert_eq!([&log.payloads[0][..], &log.payloads[2], &log.payloads[3]], texts);
    // Not compressed as it says: shown as it is.
    assert_eq!(read(&frame(0xc1, None, b"\xff\xff\xff")).payloads, [b"\xff\xff\xff"]);
}

#[test]
fn what_is_too_long_is_cut() {
    let long = vec![b'x'; PAYLOAD_LIMIT + 10];
    let log = read(&[frame(0x82, Some(1), &long), frame(0x81, None, b"next")].concat());
    assert_eq!(log.events, ["skip_end_of_payload"]);
    assert_eq!((log.payloads[0].len(), &log.payloads[1][..]), (PAYLOAD_LIMIT, &b"next"[..]));
    let half = vec![b'x'; PAYLOAD_LIMIT / 2 + 1];
    let log = read(&[frame(0x02, None, &half), frame(0x00, None, &half), frame(0x80, None, b"end")].concat());
    assert_eq!(log.events, ["reassembly_limit_reached"]);
    assert_eq!(log.payloads[2].len(), PAYLOAD_LIMIT);
    // A bomb: a megabyte of zeros in a thousand bytes.
    let mut state = flate2::Compress::new(flate2::Compression::best(), false);
    let mut coded = Vec::with_capacity(1 << 16);
    state.compress_vec(&vec![0; 1 << 20], &mut coded, flate2::FlushCompress::Sync).unwrap();
    let log = read(&frame(0xc2, None, &coded));
    assert_eq!((log.events, log.payloads[0].len()), (vec!["skip_end_of_payload"], PAYLOAD_LIMIT));
}

#[test]
fn a_gap_in_a_payload_is_left_open() {
    let bytes = [frame(0x81, None, b"abcdefgh"), frame(0x81, None, b"next")].concat();
    let (mut log, mut parser) = (Log::default(), WebsocketParser::new());
    parser.data(ToClient, &bytes[..4], &mut log);
    assert_eq!(parser.gap(ToClient, 3, &mut log), Status::More);
    parser.data(ToClient, &bytes[7..], &mut log);
    assert_eq!(log.payloads, [&b"ab\0\0\0fgh"[..], b"next"]);
    assert_eq!(parser.gap(ToClient, 3, &mut log), Status::GaveUp);
}
