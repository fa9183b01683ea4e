//! Conversations as bytes; and that cutting them up, or breaking them, changes nothing it must not.

mod cases;
mod properties;

use super::SmtpParser;
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::testing::heard::{Conversation, Told};

/// Lines that begin with `S: ` are the server's, others the client's; each turn is one piece.
fn conversation(text: &str) -> Conversation {
    let mut out: Conversation = vec![];
    for line in text.lines() {
        let (direction, line) = line.strip_prefix("S: ").map_or((ToServer, line), |line| (ToClient, line));
        let bytes = format!("{line}\r\n").into_bytes();
        match out.last_mut().filter(|(last, _)| *last == direction) {
            Some((_, turn)) => turn.extend(bytes),
            None => out.push((direction, bytes)),
        }
    }
    out
}

fn told(text: &str) -> Told {
    Told::of(&mut SmtpParser::new(), &conversation(text))
}

/// A mail with a text, an attachment and another mail that has one as well.
const MAIL: &str = "\
S: 220 mx.example ESMTP
EHLO client.example
S: 250-mx.example
S: 250-PIPELINING
S: 250 CHUNKING
MAIL FROM: <eve@x.example> SIZE=1000
S: 250 ok
RCPT TO:<bob@y.example>
S: 250 ok
RCPT TO:<carol@y.example>
S: 250 ok
DATA
S: 354 go on
Received: from a
 by b
received: from c by d
From: \"Eve, E.\" <eve@x.example>
To: \"B, ob\" <bob@y.example>, carol@y.example
Subject: a
\tfolded subject
Content-Type: multipart/mixed;
 boundary=\"outer\"

preamble
--outer
Content-Type: text/html

<a href=\"http://192.0.2.7/x.exe?y\">x</a>
..dots
--outer
Content-Type: application/octet-stream; name=\"ignored\"
Content-Disposition: attachment; filename=\"implant.exe\"
Content-Transfer-Encoding: base64

TVqQAAMA
AAAEAAAA
--outer
Content-Type: message/rfc822

From: inner@x.example
Content-Type: multipart/alternative; boundary=outer2

--outer2
Content-Transfer-Encoding: quoted-printable
Content-Disposition: attachment; filename=note.txt

one =3D=
 two
three
--outer2--
--outer--
epilogue
.
S: 250 queued
QUIT
S: 221 bye
";
