//! Connections as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{SmbParser, probe, probe_netbios};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::dcerpc::tests as rpc;
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::talk::{Log, asked, cut, cuts, endure, mutated, noise, talk};
use crate::protocols::{Parser, Status};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::model::NumberTest;
use sekisho_signatures::question::Question;
use serde_json::{Value, json};

type Talk = Vec<(Direction, Vec<u8>)>;

/// A record of a NetBIOS session.
fn record(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A message of SMB 2, without the record around it.
fn smb2(command: u16, message: u64, status: Option<u32>, tree: u32, body: &[u8]) -> Vec<u8> {
    let mut out = b"\xfeSMB\x40\0\x01\0".to_vec();
    out.extend(status.unwrap_or(0).to_le_bytes());
    out.extend(command.to_le_bytes());
    out.extend([1, 0]);
    out.extend(u32::from(status.is_some()).to_le_bytes());
    out.extend([0; 4]);
    out.extend(message.to_le_bytes());
    out.extend([0; 4]);
    out.extend(tree.to_le_bytes());
    out.extend(7u64.to_le_bytes());
    out.extend([0; 16]);
    out.extend(body);
    out
}

fn to_server(command: u16, message: u64, body: &[u8]) -> (Direction, Vec<u8>) {
    (ToServer, record(&smb2(command, message, None, 5, body)))
}

fn to_client(command: u16, message: u64, status: u32, body: &[u8]) -> (Direction, Vec<u8>) {
    (ToClient, record(&smb2(command, message, Some(status), 5, body)))
}

const ID: [u8; 16] = [0x4d, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];

fn connect(share: &str, kind: u8) -> Talk {
    let path = wide(share);
    let body = [&[9, 0, 0, 0, 72, 0][..], &(path.len() as u16).to_le_bytes(), &path].concat();
    vec![to_server(3, 1, &body), to_client(3, 1, 0, &[16, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
}

fn create(name: &str) -> Talk {
    let name = wide(name);
    let mut body = vec![57, 0];
    body.extend([0; 34]);
    body.extend(5u32.to_le_bytes());
    body.extend(0x1000u32.to_le_bytes());
    body.extend(120u16.to_le_bytes());
    body.extend((name.len() as u16).to_le_bytes());
    body.extend([0; 8]);
    body.extend(&name);
    let mut answer = vec![89, 0, 0, 0, 1, 0, 0, 0];
    for at in [1_512_585_399u64, 0, 1_512_171_135, 1] {
        answer.extend(((at + 11_644_473_600) * 10_000_000).to_le_bytes());
    }
    answer.extend(4096u64.to_le_bytes());
    answer.extend(10u64.to_le_bytes());
    answer.extend([0; 8]);
    answer.extend(ID);
    vec![to_server(5, 2, &body), to_client(5, 2, 0, &answer)]
}

fn write(message: u64, offset: u64, data: &[u8]) -> Talk {
    let mut body = vec![49, 0, 112, 0];
    body.extend((data.len() as u32).to_le_bytes());
    body.extend(offset.to_le_bytes());
    body.extend(ID);
    body.extend([0; 16]);
    body.extend(data);
    vec![to_server(9, message, &body), to_client(9, message, 0, &[17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
}

fn read(message: u64, offset: u64, len: u32) -> (Direction, Vec<u8>) {
    let mut body = vec![49, 0, 0, 0];
    body.extend(len.to_le_bytes());
    body.extend(offset.to_le_bytes());
    body.extend(ID);
    body.extend([0; 17]);
    to_server(8, message, &body)
}

fn was_read(message: u64, data: &[u8]) -> (Direction, Vec<u8>) {
    let mut body = vec![17, 0, 80, 0];
    body.extend((data.len() as u32).to_le_bytes());
    body.extend([0; 8]);
    body.extend(data);
    to_client(8, message, 0, &body)
}

fn close(message: u64) -> Talk {
    let body = [&[24, 0, 0, 0, 0, 0, 0, 0][..], &ID].concat();
    vec![to_server(6, message, &body), to_client(6, message, 0, &[60; 60])]
}

/// A file is written, in two pieces, and read in three that come in another order.
fn copy() -> Talk {
    let big = vec![0x5a; 40_000];
    [
        connect(r"\\host\c$", 1),
        create(r"temp\evil.exe"),
        write(3, 0, b"MZ first "),
        write(4, 9, b"second"),
        vec![read(5, 0, 3), read(6, 3, 3), read(7, 6, 40_000)],
        vec![was_read(6, b"def"), was_read(7, &big), was_read(5, b"abc")],
        close(8),
    ]
    .concat()
}

fn pipe() -> Talk {
    let request = rpc::request(3, 2, 7, 15, b"arguments");
    let control = |data: &[u8], at: u8| {
        let mut body = vec![57, 0, 0, 0, 0x17, 0xc0, 0x11, 0];
        body.extend(ID);
        body.extend([at, 0, 0, 0]);
        body.extend((data.len() as u32).to_le_bytes());
        body
    };
    let mut call = control(&request, 120);
    call.extend([0; 24]);
    call.extend(&request);
    let results = rpc::pdu(2, 3, 2, b"\0\0\0\0\x07\0\0\0results");
    let mut answer = control(b"", 112);
    answer.extend([112, 0, 0, 0]);
    answer.extend((results.len() as u32).to_le_bytes());
    answer.extend([0; 8]);
    answer.extend(&results);
    [
        connect(r"\\host\IPC$", 2),
        create("svcctl"),
        write(3, 0, &rpc::bind(11, 1, 7)),
        vec![read(4, 0, 1024), was_read(4, &rpc::ack(12, 1, 0))],
        vec![to_server(11, 5, &call), to_client(11, 5, 0x103, &[9; 9]), to_client(11, 5, 0, &answer)],
        close(6),
    ]
    .concat()
}

fn commands(log: &Log) -> Vec<&Value> {
    log.records.iter().map(|r| &r["smb"]["command"]).collect()
}

#[test]
fn files_are_put_together_from_reads_and_writes() {
    let log = talk(&mut SmbParser::new(), &copy());
    assert_eq!(log.events, [""; 0]);
    let expected =
        ["TREE_CONNECT", "CREATE", "WRITE", "READ", "CLOSE"].map(|name| json!(format!("SMB2_COMMAND_{name}")));
    assert_eq!(commands(&log), expected.iter().collect::<Vec<_>>());
    let create = json!({"id": 2, "dialect": "unknown", "command": "SMB2_COMMAND_CREATE", "status": "STATUS_SUCCESS",
        "status_code": "0x0", "session_id": 7, "tree_id": 5, "filename": r"temp\evil.exe",
        "disposition": "FILE_OVERWRITE_IF", "access": "delete on close", "created": 1_512_585_399, "accessed": 0,
        "modified": 1_512_171_135, "changed": 1, "size": 10, "fuid": "0000004d-0000-0000-0005-0000ffffffff"});
    assert_eq!(log.records[1]["smb"], create);
    assert_eq!(log.records[2]["smb"]["status"], "STATUS_SUCCESS");
    let sizes: Vec<_> = log.files.iter().map(|f| (&*f.name, f.size, f.state, f.gaps)).collect();
    let name = &br"temp\evil.exe"[..];
    assert_eq!(sizes, [(name, 15, FileState::Closed, false), (name, 40_006, FileState::Closed, false)]);
    assert_eq!(log.file_records[0]["smb"]["share"], r"\\host\c$");
    let data = log.all(Buffer::FileData);
    assert_eq!(data[0], "MZ first second");
    assert!(data[1].starts_with("abcdefZZZ"));
    assert_eq!(log.all(Buffer::FileName), [r"temp\evil.exe"; 2]);
    assert_eq!((log.all(Buffer::SmbShare), log.all(Buffer::SmbNamedPipe).len()), (vec![r"\\host\c$".to_owned()], 0));
}

#[test]
fn calls_go_through_pipes() {
    let opnum = Question::DcerpcOperation(NumberTest { ranges: vec![15..=15] });
    let log = asked(&mut SmbParser::new(), &pipe(), Some(opnum));
    let expected =
        ["TREE_CONNECT", "CREATE", "WRITE", "IOCTL", "CLOSE"].map(|name| json!(format!("SMB2_COMMAND_{name}")));
    assert_eq!(commands(&log), expected.iter().collect::<Vec<_>>());
    let (bind, call) = (&log.records[2]["smb"], &log.records[3]["smb"]);
    assert_eq!((&bind["status"], &bind["dcerpc"]["response"]), (&json!("STATUS_SUCCESS"), &json!("BINDACK")));
    let interface =
        json!({"uuid": "367abb81-9844-35f1-ad32-98f038001003", "version": "2.0", "ack_result": 0, "ack_reason": 0});
    let expected = json!({"request": "REQUEST", "opnum": 15, "req": {"frag_cnt": 1, "stub_data_size": 9},
        "response": "RESPONSE", "res": {"frag_cnt": 1, "stub_data_size": 15}, "interfaces": [interface], "call_id": 2});
    assert_eq!(call["dcerpc"], expected);
    assert_eq!(log.yes.len(), 2);
    assert_eq!(log.all(Buffer::DcerpcStubData)[0], "arguments");
    assert_eq!(log.all(Buffer::SmbNamedPipe), [r"\\host\IPC$"]);
    assert_eq!(log.files, []);
}

#[test]
fn an_answer_may_come_in_the_direction_of_its_call() {
    // The log watches that nothing is told behind what was complete.
    let answer = rpc::pdu(2, 3, 2, b"\0\0\0\0\x07\0\0\0results");
    let mut body = vec![17, 0, 80, 0];
    body.extend((answer.len() as u32).to_le_bytes());
    body.extend([0; 8]);
    body.extend(&answer);
    let read_there = smb2(8, 4, Some(0), 5, &body);
    let steps = [
        connect(r"\\host\IPC$", 2),
        create("svcctl"),
        write(3, 0, &rpc::request(3, 2, 7, 15, b"arguments")),
        vec![read(4, 0, 1024), (ToServer, record(&read_there))],
    ];
    let log = talk(&mut SmbParser::new(), &steps.concat());
    assert_eq!(log.all(Buffer::DcerpcStubData)[0], "arguments");
    let call = &log.records[2]["smb"]["dcerpc"];
    assert_eq!((&call["request"], &call["response"]), (&json!("REQUEST"), &json!("RESPONSE")));
}

#[test]
fn a_dialect_is_agreed_on() {
    let mut body = vec![36, 0, 2, 0];
    body.extend([0; 8]);
    body.extend([0x11; 16]);
    body.extend([0; 8]);
    body.extend([2, 2, 0x10, 2]);
    let mut answer = vec![65, 0, 1, 0, 0x10, 2, 0, 0];
    answer.extend([0x22; 16]);
    answer.extend([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 32, 0]);
    let log = talk(&mut SmbParser::new(), &[to_server(0, 0, &body), to_client(0, 0, 0, &answer)]);
    let smb = &log.records[0]["smb"];
    assert_eq!((&smb["dialect"], &smb["client_dialects"]), (&json!("2.10"), &json!(["2.02", "2.10"])));
    assert_eq!((&smb["max_read_size"], &smb["max_write_size"]), (&json!(1 << 20), &json!(1 << 21)));
    assert_eq!(smb["client_guid"], "11111111-1111-1111-1111-111111111111");
}

/// An AUTHENTICATE message of NTLMSSP, in UTF-16.
fn authenticate() -> Vec<u8> {
    let fields = ["DOM", "alice", "PC"].map(wide);
    let mut out = b"NTLMSSP\0\x03\0\0\0".to_vec();
    out.extend([0; 16]);
    let mut at = 72u32;
    for field in &fields {
        out.extend((field.len() as u16).to_le_bytes());
        out.extend((field.len() as u16).to_le_bytes());
        out.extend(at.to_le_bytes());
        at += field.len() as u32;
    }
    out.extend([0; 8]);
    out.extend(0x0200_0001u32.to_le_bytes());
    out.extend([10, 0, 0x63, 0x45, 0, 0, 0, 15]);
    out.extend(fields.concat());
    out
}

#[test]
fn who_logs_on() {
    let blob = [&b"\xa1\x81\x90"[..], &authenticate()].concat();
    let mut body = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0];
    body.extend((blob.len() as u16).to_le_bytes());
    body.extend([0; 8]);
    body.extend(&blob);
    let talk_ = [to_server(1, 2, &body), to_client(1, 2, 0xc000_006d, &[9, 0, 0, 0, 0, 0, 0, 0])];
    let log = talk(&mut SmbParser::new(), &talk_);
    let smb = &log.records[0]["smb"];
    assert_eq!(
        smb["ntlmssp"],
        json!({"domain": "DOM", "user": "alice", "host": "PC", "version": "10.0 build 17763 rev 15"})
    );
    assert_eq!((&smb["status"], &smb["status_code"]), (&json!("STATUS_LOGON_FAILURE"), &json!("0xc000006d")));
    assert_eq!(
        (log.all(Buffer::SmbNtlmsspUser)[0].as_str(), log.all(Buffer::SmbNtlmsspDomain)[0].as_str()),
        ("alice", "DOM")
    );
    // Cut short: an event, and the log-on is told all the same.
    body.truncate(body.len() - 40);
    body[14..16].copy_from_slice(&((blob.len() - 40) as u16).to_le_bytes());
    let log = talk(&mut SmbParser::new(), &[to_server(1, 2, &body)]);
    assert_eq!((&log.events[..], log.records.len()), (&["malformed_ntlmssp_request"][..], 1));
}

#[test]
fn for_what_a_ticket_is() {
    let element = |tag: u8, body: &[u8]| [&[tag, body.len() as u8], body].concat();
    let texts = |parts: &[&str]| parts.iter().flat_map(|p| element(0x1b, p.as_bytes())).collect::<Vec<_>>();
    let name = element(0x30, &element(0xa1, &element(0x30, &texts(&["cifs", "files.example"]))));
    let ticket = [element(0xa1, &texts(&["EXAMPLE"])), element(0xa2, &name)].concat();
    let request = element(0x6e, &element(0x30, &element(0xa3, &element(0x61, &element(0x30, &ticket)))));
    let blob = [&b"\x60\x40\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00"[..], &request].concat();
    let mut body = vec![25, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 88, 0];
    body.extend((blob.len() as u16).to_le_bytes());
    body.extend([0; 8]);
    body.extend(&blob);
    let log = talk(&mut SmbParser::new(), &[to_server(1, 2, &body)]);
    assert_eq!(log.records[0]["smb"]["kerberos"], json!({"realm": "EXAMPLE", "snames": ["cifs", "files.example"]}));
}

#[test]
fn renames_and_deletions_name_the_file() {
    let name = wide("new.txt");
    let info = |class: u8, data: &[u8]| {
        let mut body = vec![33, 0, 1, class];
        body.extend((data.len() as u32).to_le_bytes());
        body.extend([96, 0, 0, 0, 0, 0, 0, 0]);
        body.extend(ID);
        body.extend(data);
        body
    };
    let rename = [&[0; 16][..], &(name.len() as u32).to_le_bytes(), &name].concat();
    let steps = [
        create("old.txt"),
        vec![to_server(17, 3, &info(10, &rename)), to_client(17, 3, 0, &[2, 0])],
        vec![to_server(17, 4, &info(13, &[1])), to_client(17, 4, 0, &[2, 0])],
        vec![to_server(17, 5, &info(4, &[0; 40])), to_client(17, 5, 0, &[2, 0])],
    ];
    let log = talk(&mut SmbParser::new(), &steps.concat());
    assert_eq!(log.records.len(), 3);
    assert_eq!(log.records[1]["smb"]["rename"], json!({"from": "old.txt", "to": "new.txt"}));
    let deleted = &log.records[2]["smb"];
    assert_eq!((&deleted["filename"], &deleted["access"]), (&json!("old.txt"), &json!("delete on close")));
}

#[test]
fn messages_of_one_record_go_on_with_what_the_first_opened() {
    let open = create("a.txt");
    let reading = read(3, 0, 5);
    let chain = |first: &[u8], second: &[u8]| {
        let mut first = first[4..].to_vec();
        first.resize(first.len().next_multiple_of(8), 0);
        let next = (first.len() as u32).to_le_bytes();
        first[20..24].copy_from_slice(&next);
        record(&[&first, &second[4..]].concat())
    };
    let mut related = reading.1.clone();
    related[4 + 64 + 16..4 + 64 + 32].fill(0xff);
    let answer = was_read(3, b"hello");
    let pieces = [(ToServer, chain(&open[0].1, &related)), (ToClient, chain(&open[1].1, &answer.1))];
    let log = talk(&mut SmbParser::new(), &pieces);
    assert_eq!((log.files[0].size, &*log.files[0].name, log.files[0].state), (5, &b"a.txt"[..], FileState::Truncated));
    assert_eq!(log.all(Buffer::FileData), ["hello"]);
}

#[test]
fn a_file_that_the_same_record_opens_is_deleted_by_its_name() {
    let open = create("gone.txt")[0].1[4..].to_vec();
    let mut body = vec![33, 0, 1, 13, 1, 0, 0, 0, 96, 0, 0, 0, 0, 0, 0, 0];
    body.extend([0xff; 16]);
    body.push(1);
    let mut first = open.clone();
    first.resize(open.len().next_multiple_of(8), 0);
    let next = (first.len() as u32).to_le_bytes();
    first[20..24].copy_from_slice(&next);
    let log = talk(&mut SmbParser::new(), &[(ToServer, record(&[first, smb2(17, 3, None, 5, &body)].concat()))]);
    assert_eq!(log.records[1]["smb"]["filename"], "gone.txt");
}

#[test]
fn a_share_is_seen_at_once_and_pipes_when_the_server_says_so() {
    let log = talk(&mut SmbParser::new(), &connect(r"\\host\IPC$", 2)[..1]);
    assert_eq!(log.records[0]["smb"]["named_pipe"], r"\\host\IPC$");
    let log = talk(&mut SmbParser::new(), &connect(r"\\host\IPC$", 1));
    assert_eq!(log.records[0]["smb"]["share"], r"\\host\IPC$");
}

/// A message of SMB 1.
fn smb1(command: u8, response: bool, id: u16, words: &[u8], bytes: &[u8]) -> (Direction, Vec<u8>) {
    let mut out = b"\xffSMB".to_vec();
    out.extend([command, 0, 0, 0, 0, if response { 0x88 } else { 8 }, 1, 0x40]);
    out.extend([0; 12]);
    out.extend([2, 0, 3, 0, 4, 0]);
    out.extend(id.to_le_bytes());
    out.push((words.len() / 2) as u8);
    out.extend(words);
    out.extend((bytes.len() as u16).to_le_bytes());
    out.extend(bytes);
    (if response { ToClient } else { ToServer }, record(&out))
}

fn old() -> Talk {
    let mut open = vec![0xff, 0, 0, 0, 0, 5, 0];
    open.extend([0; 28]);
    open.extend(2u32.to_le_bytes());
    open.extend([0; 9]);
    let mut opened = vec![0xff, 0, 0, 0, 0, 0x0b, 0x40, 1, 0, 0, 0];
    opened.extend([0; 32 + 12]);
    opened.extend(7u64.to_le_bytes());
    opened.extend([0; 6]);
    let mut writing = vec![0xff, 0, 0, 0, 0x0b, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 63, 0];
    writing.extend([0; 4]);
    let reading = [0xff, 0, 0, 0, 0x0b, 0x40, 2, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    let mut was_read = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 59, 0];
    was_read.extend([0; 10]);
    vec![
        smb1(0x72, false, 1, &[], b"\x02PC NETWORK PROGRAM 1.0\0\x02NT LM 0.12\0"),
        smb1(0x72, true, 1, &[1, 0], b""),
        smb1(0x75, false, 2, &[0xff, 0, 0, 0, 0, 0, 1, 0], b"\0\\\\HOST\\PUBLIC\0?????\0"),
        smb1(0x75, true, 2, &[0xff, 0, 0, 0, 0, 0], b"A:\0NTFS\0"),
        smb1(0xa2, false, 3, &open, b"\\eicar\0"),
        smb1(0xa2, true, 3, &opened, b""),
        smb1(0x2f, false, 4, &writing, b"data"),
        smb1(0x2f, true, 4, &[0xff, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0], b""),
        smb1(0x2e, false, 5, &reading, b""),
        smb1(0x2e, true, 5, &was_read, b"abc"),
        smb1(0x04, false, 6, &[0x0b, 0x40, 0, 0, 0, 0], b""),
        smb1(0x04, true, 6, &[], b""),
    ]
}

#[test]
fn the_first_version_is_read_as_well() {
    let log = talk(&mut SmbParser::new(), &old());
    assert_eq!(log.events, [""; 0]);
    let names = ["NEGOTIATE_PROTOCOL", "TREE_CONNECT_ANDX", "NT_CREATE_ANDX", "WRITE_ANDX", "READ_ANDX", "CLOSE"];
    let expected = names.map(|name| json!(format!("SMB1_COMMAND_{name}")));
    let mut found = commands(&log);
    found.sort_by_key(|name| expected.iter().position(|e| e == *name));
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
    assert_eq!(log.records[0]["smb"]["client_dialects"], json!(["PC NETWORK PROGRAM 1.0", "NT LM 0.12"]));
    assert_eq!(log.records[0]["smb"]["dialect"], "NT LM 0.12");
    assert_eq!(log.records[1]["smb"]["service"], json!({"request": "?????", "response": "A:"}));
    assert_eq!(log.records[2]["smb"]["filename"], "\\eicar");
    assert_eq!(log.all(Buffer::FileData)[0], "data");
    assert_eq!((log.files[0].size, log.files[1].size), (4, 5));
    assert!(log.files[1].gaps, "it was read from its third byte on");
}

#[test]
fn pieces_written_twice_are_told() {
    let steps = [create("a"), write(3, 0, b"X"), write(4, 0, b"abc"), close(5)].concat();
    assert_eq!(talk(&mut SmbParser::new(), &steps).events, ["file_overlap"]);
}

#[test]
fn encrypted_messages_are_passed_over() {
    let mut steps = vec![(ToServer, record(&[&b"\xfdSMB"[..], &[0x55; 5000]].concat()))];
    steps.extend(connect(r"\\h\IPC$", 2));
    let log = talk(&mut SmbParser::new(), &steps);
    assert_eq!(log.records[0]["smb"]["named_pipe"], r"\\h\IPC$");
    assert!(log.frames.iter().any(|(_, name, bytes)| *name == "smb3.hdr" && bytes.len() == 52));
}

#[test]
fn frames_are_told_up_to_a_bound() {
    let log = talk(&mut SmbParser::new(), &copy());
    let of = |name| log.frames.iter().filter(|(_, n, _)| *n == name).map(|(_, _, b)| b.len()).collect::<Vec<_>>();
    assert_eq!(of("smb2.hdr").len(), copy().len());
    assert!(of("smb2.hdr").iter().all(|len| *len == 64));
    assert_eq!(of("smb2.data").iter().max(), Some(&(crate::protocols::MAX_FRAME - 64)));
}

#[test]
fn what_is_no_message_is_given_up() {
    let mut log = Log::default();
    let mut parser = SmbParser::new();
    parser.data(ToServer, &connect(r"\\h\a", 1)[0].1, &mut log);
    assert_eq!(parser.data(ToServer, b"GET / HTTP/1.1\r\n", &mut log), Status::GaveUp);
    assert_eq!((&log.events[..], log.records.len()), (&["malformed_data"][..], 1));
}

#[test]
fn what_begins_like_a_connection() {
    let first = &connect(r"\\h\a", 1)[0].1;
    assert_eq!(probe(first), Likeness::Yes);
    for cut in 0..8 {
        assert_eq!(probe(&first[..cut]), Likeness::More, "{cut}");
    }
    assert_eq!(probe(b"\0\0\0\x20\xffSMX"), Likeness::No);
    assert_eq!(probe(b"\0\x1e\x12\x34\x01\0\0\x01"), Likeness::No);
    assert_eq!(probe_netbios(b"\x81\0\0\x44 EOEB"), Likeness::Yes);
    assert_eq!(probe_netbios(b"\x81\0"), Likeness::More);
    assert_eq!(probe_netbios(b"\x81\x84"), Likeness::No);
}

#[test]
fn what_is_open_is_bounded() {
    let mut parser = SmbParser::new();
    let mut log = Log::default();
    for message in 0..1000 {
        parser.data(ToServer, &to_server(13, message, &[4, 0, 0, 0]).1, &mut log);
        parser.data(ToServer, &read(message + 10_000, 0, 5).1, &mut log);
    }
    assert_eq!(log.records.len(), 1000 - super::MAX_OPEN);
}

fn all() -> Talk {
    [copy(), pipe(), old()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cutting_a_stream_changes_nothing(cuts in cuts()) {
        let whole = talk(&mut SmbParser::new(), &all());
        prop_assert_eq!(whole, talk(&mut SmbParser::new(), &cut(&all(), &cuts)));
    }

    #[test]
    fn nor_does_it_where_a_message_is_broken(broken in mutated(all()), cuts in cuts()) {
        let whole = talk(&mut SmbParser::new(), &broken);
        prop_assert_eq!(whole, talk(&mut SmbParser::new(), &cut(&broken, &cuts)));
    }

    #[test]
    fn anything_may_come(noise in noise()) {
        endure(&mut SmbParser::new(), &noise);
        let framed = noise.into_iter().map(|(up, gap, bytes)| {
            let status = (!up).then_some(0);
            (up, gap / 8, record(&smb2(bytes.len() as u16 % 19, gap, status, 5, &bytes)))
        });
        endure(&mut SmbParser::new(), &framed.collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_in_a_file_loses_only_that(at in 120usize..200, lost in 1usize..60) {
        let written = &write(3, 0, &[0x41; 200])[0].1;
        let mut log = Log::default();
        let mut parser = SmbParser::new();
        for (direction, bytes) in create("a.bin") {
            parser.data(direction, &bytes, &mut log);
        }
        parser.data(ToServer, &written[..at], &mut log);
        parser.gap(ToServer, lost as u64, &mut log);
        parser.data(ToServer, &written[at + lost..], &mut log);
        for (direction, bytes) in close(4) {
            parser.data(direction, &bytes, &mut log);
        }
        prop_assert_eq!((log.files[0].size, log.files[0].gaps, log.files[0].state), (200, true, FileState::Truncated));
        prop_assert_eq!(log.records.len(), 3);
    }
}
