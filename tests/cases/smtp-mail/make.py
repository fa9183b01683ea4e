import base64

from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 2525)
c.open()
c.reply(b"220 mx.example ESMTP\r\n")
for ask, answer in [
    (b"EHLO laptop.example\r\n", b"250-mx.example\r\n250 SIZE 1000000\r\n"),
    (b"MAIL FROM:<eve@x.example>\r\n", b"250 ok\r\n"),
    (b"RCPT TO:<bob@y.example>\r\n", b"250 ok\r\n"),
    (b"RCPT TO:<carol@y.example>\r\n", b"250 ok\r\n"),
    (b"DATA\r\n", b"354 go on\r\n"),
]:
    c.send(ask)
    c.reply(answer)
implant = base64.encodebytes(b"MZ" + bytes(100) + b"stage two of the implant" + bytes(100)).replace(b"\n", b"\r\n")
mail = b"""From: Eve <eve@x.example>
To: Bob <bob@y.example>, carol@y.example
Subject: minutes
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: message/rfc822

Subject: forwarded
Content-Type: multipart/alternative; boundary=outer1

--outer1
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<a href=3D"http://192.0.2.7/update.exe">minutes</a>
--outer1
Content-Disposition: attachment; filename="minutes.scr"
Content-Transfer-Encoding: base64

IMPLANT--outer1--
--outer--
.
""".replace(b"\n", b"\r\n").replace(b"IMPLANT", implant)
# Cut where a boundary is, and a line of base64.
for at in range(0, len(mail), 97):
    c.send(mail[at : at + 97])
c.reply(b"250 queued\r\n")
c.send(b"QUIT\r\n")
c.reply(b"221 bye\r\n")
c.close()
write()
