//! Exchanges as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{ModbusParser, TRANSACTION_LIMIT, probe, probe_on_port};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::Transaction;
use crate::protocols::modbus::ModbusTransaction;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::modbus::{Access, Category, ModbusTest, What};
use sekisho_signatures::model::NumberTest;
use sekisho_signatures::question::Question;
use serde_json::json;

fn message(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let len = u16::try_from(pdu.len() + 1).expect("short");
    [&transaction.to_be_bytes()[..], &[0, 0], &len.to_be_bytes(), &[unit], pdu].concat()
}

fn exchange() -> Vec<Said> {
    vec![
        (ToServer, message(1, 17, b"\x03\x00\x6b\x00\x02")),
        (ToClient, message(1, 17, b"\x03\x04\x02\x2b\x00\x64")),
        (
            ToServer,
            [message(2, 17, b"\x05\x00\xac\xff\x00"), message(3, 17, b"\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02")]
                .concat(),
        ),
        (ToClient, [message(3, 17, b"\x10\x00\x01\x00\x02"), message(2, 17, b"\x85\x02")].concat()),
        (ToServer, message(4, 1, b"\x08\x00\x01\xff\x00")),
        (ToClient, message(4, 1, b"\x08\x00\x01\xff\x00")),
        (ToServer, message(5, 1, b"\x2b\x0e\x01\x00")),
        (ToClient, message(5, 1, b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x03abc")),
        (ToServer, message(6, 1, b"\x64hi")),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut ModbusParser::new(), said)
}

#[test]
fn records_of_exchanges() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    let records = log.records();
    assert_eq!(records.len(), 6);
    assert_eq!(
        *records[0],
        json!({"id": 1,
            "request": {"transaction_id": 1, "protocol_id": 0, "unit_id": 17, "function_raw": 3, "function_code": "RdHoldRegs",
                "access_type": "READ | HOLDING", "category": "PUBLIC_ASSIGNED", "error_flags": "NONE",
                "read": {"address": 107, "quantity": 2}},
            "response": {"transaction_id": 1, "protocol_id": 0, "unit_id": 17, "function_raw": 3, "function_code": "RdHoldRegs",
                "access_type": "READ | HOLDING", "category": "PUBLIC_ASSIGNED", "error_flags": "NONE",
                "read": {"data": "\u{2}+\0d"}}})
    );
    assert_eq!(records[1]["request"]["access_type"], "WRITE | HOLDING | MULTIPLE | WRITE_MULTIPLE");
    assert_eq!(records[1]["request"]["write"], json!({"address": 1}));
    assert_eq!(records[1]["response"]["write"], json!({"address": 1, "data": 2}));
    assert_eq!(records[2]["response"]["exception"], json!({"raw": 2, "code": "IllegalDataAddr"}));
    assert_eq!(records[3]["request"]["diagnostic"]["code"], "RestartCommOpt");
    assert_eq!(records[4]["response"]["mei"]["code"], "RdDevId");
    assert_eq!(records[5]["request"]["category"], "USER_DEFINED");
    assert_eq!(log.all(Buffer::ModbusData)[..2], ["\0k\0\u{2}", "\u{4}\u{2}+\0d"]);
}

fn holds(pdu: &[u8], what: What) -> bool {
    let mut transaction = ModbusTransaction::default();
    transaction.add(ToServer, &message(7, 17, pdu));
    let unit = Some(NumberTest { ranges: vec![17..=17] });
    let question = Question::Modbus(ModbusTest { unit, what });
    assert!(!transaction.answer(&question, ToClient), "requests only");
    transaction.answer(&question, ToServer)
}

#[test]
fn rules_ask_for_functions_and_accesses() {
    let many = b"\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02";
    let coils = b"\x0f\x00\x09\x00\x0a\x02\x81\x02";
    let access = |bits, address: Option<u64>, value: Option<u64>| What::Access {
        access: Access(bits),
        address: address.map(|n| NumberTest { ranges: vec![n..=n] }),
        value: value.map(|n| NumberTest { ranges: vec![n..=n] }),
    };
    assert!(holds(many, What::Function { code: 16, subfunction: None }));
    assert!(!holds(many, What::Function { code: 16, subfunction: Some(1) }));
    assert!(holds(b"\x08\x00\x04\x00\x00", What::Function { code: 8, subfunction: Some(4) }));
    assert!(holds(many, What::Category(Category(Category::PUBLIC))));
    assert!(!holds(b"\x64", What::Category(Category(Category::PUBLIC | Category::RESERVED))));
    let write = Access::WRITE | Access::HOLDING;
    assert!(holds(many, access(write, None, None)));
    assert!(!holds(many, access(Access::WRITE | Access::COILS, None, None)));
    assert!(!holds(many, access(Access::READ, None, None)));
    // The second register, whose number on the wire is 2.
    assert!(holds(many, access(write, Some(3), Some(258))));
    assert!(!holds(many, access(write, Some(2), Some(258))) && !holds(many, access(write, Some(4), None)));
    let bits: Vec<u64> = (10..=19).filter(|at| holds(coils, access(Access::WRITE, Some(*at), Some(1)))).collect();
    assert_eq!(bits, [10, 17, 19]);
    assert!(holds(b"\x05\x00\xac\xff\x00", access(Access::WRITE | Access::COILS, Some(173), Some(1))));
    assert!(holds(b"\x17\0\x03\0\x06\0\x0e\0\x01\x02\0\xff", access(Access::WRITE, Some(15), Some(255))));
}

#[test]
fn odd_exchanges_have_events() {
    let ask = |pdu: &[u8]| (ToServer, message(1, 1, pdu));
    let say = |pdu: &[u8]| (ToClient, message(1, 1, pdu));
    let mut other = message(1, 1, b"\x03\x00\x6b\x00\x02");
    other[3] = 1;
    let many = (0..=TRANSACTION_LIMIT as u16).flat_map(|n| message(n, 1, b"\x07")).collect();
    let cases: [(Vec<Said>, &[&str]); 9] = [
        (vec![say(b"\x07\0")], &["unsolicited_response"]),
        (vec![ask(b"\x03\x00\x01\x00\x02"), say(b"\x03\x02\x00\x00")], &["value_mismatch"]),
        (vec![ask(b"\x01\x00\x00\x00\x09"), say(b"\x01\x02\x00\x00")], &[]),
        (vec![ask(b"\x03\x00\x01\x00\x00")], &["invalid_value"]),
        (vec![ask(b"\x03\x00\x01")], &["invalid_length"]),
        (vec![ask(b"\x80")], &["invalid_function_code"]),
        (vec![ask(b"\x07"), say(b"\x87\x08")], &["invalid_exception_code"]),
        (vec![(ToServer, other)], &["invalid_protocol_id"]),
        (vec![(ToServer, many)], &["flooded"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
    // What is too long is passed over.
    let long = [&b"\0\x09\0\0\x01\x00"[..], &[7; 256], &message(2, 1, b"\x07")].concat();
    let log = run(&[(ToServer, long)]);
    assert_eq!((log.events(), log.records().len()), (vec!["invalid_length"], 2));
}

#[test]
fn what_begins_like_modbus() {
    let ask = message(1, 17, b"\x03\x00\x6b\x00\x02");
    assert_eq!(probe(ToServer, &ask), Likeness::Yes);
    (0..ask.len()).for_each(|n| assert_eq!(probe(ToServer, &ask[..n]), Likeness::More, "{n}"));
    assert_eq!(probe(ToClient, &message(1, 17, b"\x03\x04\x02\x2b\x00\x64")), Likeness::Yes);
    let unknown = message(1, 17, b"\x64\x00");
    assert_eq!((probe(ToServer, &unknown), probe_on_port(ToServer, &unknown)), (Likeness::No, Likeness::Yes));
    let refused = message(4, 10, b"\x81\x06");
    assert_eq!((probe_on_port(ToServer, &refused), probe_on_port(ToClient, &refused)), (Likeness::No, Likeness::Yes));
    // HART-IP has a header of as many bytes.
    assert_eq!(probe(ToServer, b"\x01\0\0\0\0\x02\0\x0d\x01\0\0\x75\x30"), Likeness::No);
    assert_eq!(probe(ToServer, b"\x4a\0\0\0\x0a5.7.1"), Likeness::No);
    assert_eq!(probe_on_port(ToServer, b"GET / HTTP/1.1\r\n"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut ModbusParser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len());
    }
}
