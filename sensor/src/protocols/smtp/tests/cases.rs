use super::super::probe;
use super::*;
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::{Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

#[test]
fn a_mail_with_all_that_is_in_it() {
    let told = told(MAIL);
    assert_eq!(told.events, [""; 0]);
    assert_eq!(told.all(Buffer::SmtpHelo), ["client.example", "client.example"]);
    assert_eq!(told.all(Buffer::SmtpMailFrom), ["<eve@x.example>"]);
    assert_eq!(told.all(Buffer::SmtpRcptTo), ["<bob@y.example>", "<carol@y.example>"]);
    assert_eq!(told.all(Buffer::EmailFrom), ["\"Eve, E.\" <eve@x.example>"]);
    assert_eq!(told.all(Buffer::EmailTo), ["\"B, ob\" <bob@y.example>, carol@y.example"]);
    assert_eq!(told.all(Buffer::EmailSubject), ["a\tfolded subject"]);
    assert_eq!(told.all(Buffer::EmailReceived), ["from a by b", "from c by d"]);
    assert_eq!(told.all(Buffer::EmailUrl), ["192.0.2.7/x.exe?y"]);
    assert_eq!(told.all(Buffer::FileName), ["implant.exe", "note.txt"]);
    assert_eq!(told.all(Buffer::FileData)[1], "one = two\r\nthree");
    let files: Vec<_> = told.files.iter().map(|f| (&*f.name, f.size, f.state)).collect();
    assert_eq!(files, [(&b"implant.exe"[..], 12, FileState::Closed), (b"note.txt", 16, FileState::Closed)]);
    let mut email = told.records[0]["email"].clone();
    assert_eq!(
        email.as_object_mut().and_then(|e| e.remove("body_md5")).expect("all came").as_str().map(str::len),
        Some(32)
    );
    assert_eq!(
        told.records[0]["smtp"],
        json!({
            "helo": "client.example", "mail_from": "<eve@x.example>", "rcpt_to": ["<bob@y.example>", "<carol@y.example>"],
        })
    );
    assert_eq!(
        email,
        json!({
            "status": "PARSE_DONE", "from": "\"Eve, E.\" <eve@x.example>", "subject": "a\tfolded subject",
            "to": ["\"B, ob\" <bob@y.example>", "carol@y.example"], "received": ["from a by b", "from c by d"],
            "attachment": ["implant.exe", "note.txt"], "url": ["192.0.2.7/x.exe?y"],
            "has_exe_url": true, "has_ipv4_url": true,
        })
    );
    assert_eq!(told.records[1], json!({"smtp": {"helo": "client.example"}}));
}

/// Files are told with the end of the mail: what their records say of it does not depend on how it came.
#[test]
fn a_file_is_told_with_its_mail() {
    let told = told(MAIL);
    assert_eq!(told.carriers.len(), 2);
    for carrier in &told.carriers {
        assert_eq!(carrier["email"]["status"], "PARSE_DONE");
        assert_eq!(carrier["email"]["attachment"], json!(["implant.exe", "note.txt"]));
    }
}

#[test]
fn pipelined_commands_and_their_mail() {
    let told = told(
        "S: 220 x SMTP\nEHLO c\nS: 250 PIPELINING\nMAIL FROM:<a>\nRCPT TO:<b>\nDATA\nhello http://u.example/\n.\nQUIT\n\
        S: 250 a\nS: 250 b\nS: 354 c\nS: 250 d\nS: 221 e\n",
    );
    assert_eq!(told.events, [""; 0]);
    assert_eq!(told.records[0]["email"]["status"], "PARSE_DONE");
    assert_eq!(told.records[0]["email"]["url"], json!(["u.example/"]));
    assert_eq!(told.frames.iter().filter(|(name, _)| *name == "response_line").count(), 7);
    assert!(told.frames.contains(&("data", b"hello http://u.example/\r\n".to_vec())));
    assert!(told.frames.contains(&("command_line", b"MAIL FROM:<a>\r\n".to_vec())));
}

#[test]
fn chunks_are_counted() {
    let mut all = conversation("S: 220 x SMTP\nEHLO c\nS: 250 ok\nMAIL FROM:<a>\nRCPT TO:<b>\nS: 250 ok\nS: 250 ok");
    let header = b"Subject: .\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\n.\r\nBDAT 1\r\n";
    all.push((ToServer, format!("BDAT {}\r\n", header.len()).into_bytes()));
    all.push((ToServer, header.to_vec()));
    all.extend(conversation("BDAT 4 LAST\ntailQUIT\nS: 250 a\nS: 250 b\nS: 221 c"));
    // The chunk has no end of a line, and none is wanted.
    let last = all.iter().rposition(|(d, _)| *d == ToServer).expect("it is there");
    all[last].1 = b"BDAT 4 LAST\r\ntailQUIT\r\n".to_vec();
    let told = Told::of(&mut SmtpParser::new(), &all);
    assert_eq!(told.all(Buffer::FileData), [".\r\nBDAT 1\r\ntail"]);
    assert_eq!((told.events.len(), told.records.len()), (0, 2));
}

#[test]
fn a_chunk_that_goes_on_behind_its_length() {
    let told = told("S: 220 x SMTP\nEHLO c\nS: 250 ok\nBDAT 5 LAST\nhello world\nS: 250 ok\nBDAT x\n");
    assert_eq!(told.events, ["ToServer bdat_chunk_len_exceeded", "ToServer unparsable_content"]);
}

#[test]
fn odd_conversations_have_events() {
    let cases: [(&str, &[&str]); 9] = [
        ("EHLO a\nS: 250 ok\n", &["ToClient no_server_welcome_message"]),
        ("S: 4.7.0 deferred\n", &["ToClient invalid_reply"]),
        ("S: 220 x\nS: 250 y\n", &["ToClient unable_to_match_reply_with_request"]),
        ("S: 250 x\n", &["ToClient invalid_reply"]),
        ("S: 220 x\nDATA\nS: 503 no\nQUIT\n", &["ToClient data_command_rejected"]),
        ("S: 220 x\nSTARTTLS\nS: 454 no\n", &["ToClient tls_rejected"]),
        ("S: 220 x\nSTARTTLS\nMAIL FROM:<a>\n", &["ToServer invalid_pipelined_sequence"]),
        ("S: 220 x\nMAIL FROM:<a>\nMAIL FROM:<b>\nHELO a\nHELO b\n", &["ToServer duplicate_fields"; 2]),
        (
            "S: 220 x\nDATA\nS: 354 ok\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!\n.\n",
            &["ToServer mime_invalid_base64"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(told(text).events, expected, "{text}");
    }
    let long = format!("S: 220 x\nEHLO {}\n", "a".repeat(5000));
    let told = told(&long);
    assert_eq!(told.events, ["ToServer truncated_line"]);
    assert_eq!(told.all(Buffer::SmtpHelo)[0].len(), 4091);
}

#[test]
fn commands_that_are_rejected_leave_no_mail() {
    let told = told("S: 220 x\nEHLO a\nS: 250 ok\nDATA\nS: 503 no\nMAIL FROM:<late>\nS: 250 ok\n");
    assert_eq!(told.records, [json!({"smtp": {"helo": "a", "mail_from": "<late>"}})]);
}

#[test]
fn tls_takes_over_where_the_server_says_so() {
    let mut parser = SmtpParser::new();
    let mut all = conversation("S: 220 x SMTP\nEHLO a\nS: 250 STARTTLS\nRSET\nSTARTTLS\nS: 250 ok\nS: 220 go");
    if let Some((_, last)) = all.last_mut() {
        last.extend(b"\x16\x03");
    }
    let told = Told::of(&mut parser, &all);
    assert_eq!(told.status, Some(Status::Changed(Some(Protocol::Tls))));
    assert_eq!((parser.unread(ToClient), parser.unread(ToServer)), (&b"\x16\x03"[..], &b""[..]));
    assert_eq!(told.records, [json!({"smtp": {"helo": "a"}})]);
}

#[test]
fn a_mail_with_bytes_missing_is_not_whole() {
    let text = MAIL.split_inclusive("AAAEA").next().expect("it is there");
    let mut parser = SmtpParser::new();
    let mut told = Told::default();
    for (direction, bytes) in conversation(text) {
        parser.data(direction, &bytes, &mut told);
    }
    parser.gap(ToServer, 400, &mut told);
    // The reply tells that the mail's end was in the gap.
    parser.data(ToClient, b"250 queued\r\n", &mut told);
    parser.data(ToServer, b"MAIL FROM:<next>\r\n", &mut told);
    parser.end(ToServer, &mut told);
    parser.end(ToClient, &mut told);
    assert_eq!((told.files.len(), told.files[0].state, told.files[0].gaps), (1, FileState::Truncated, true));
    assert_eq!(told.records[0]["email"]["status"], "BODY_STARTED");
    assert_eq!(told.records[1]["smtp"]["mail_from"], "<next>");
}

#[test]
fn what_begins_like_smtp() {
    assert_eq!(probe(ToServer, b"ehlo x"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"EHL"), Likeness::More);
    assert_eq!(probe(ToServer, b"HELOX"), Likeness::No);
    assert_eq!(probe(ToServer, b"GET /"), Likeness::No);
    assert_eq!(probe(ToClient, b"220 mx ESMTP\r\n"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"220-mx"), Likeness::More);
    assert_eq!(probe(ToClient, b"220 ftp.example FTP\r\n"), Likeness::No);
    assert_eq!(probe(ToClient, b"HTTP/1.1 200"), Likeness::No);
}
