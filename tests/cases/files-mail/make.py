import base64

from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 25)
c.open()
c.reply(b"220 mx.example ESMTP\r\n")
for ask, answer in [
    (b"EHLO laptop.example\r\n", b"250 mx.example\r\n"),
    (b"MAIL FROM:<eve@x.example>\r\n", b"250 ok\r\n"),
    (b"RCPT TO:<bob@y.example>\r\n", b"250 ok\r\n"),
    (b"DATA\r\n", b"354 go on\r\n"),
]:
    c.send(ask)
    c.reply(answer)


def attachment(name, data):
    lines = base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = f'--B\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head.encode() + lines


# The list of hashes beside this file has the second one's.
mail = b"Subject: minutes\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"
mail += attachment("agenda.pdf", b"%PDF-1.7\n" + b"% agenda\n" * 200)
mail += attachment("minutes.scr", b"MZ" + bytes(range(256)) * 8)
mail += attachment("photo.gif", b"GIF89a\x10\x00\x10\x00" + bytes(64))
mail += b"--B--\r\n.\r\n"
for at in range(0, len(mail), 700):
    c.send(mail[at : at + 700])
c.reply(b"250 ok\r\n")
c.close()
write()
