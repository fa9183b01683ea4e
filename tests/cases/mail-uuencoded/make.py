from traffic import *


def uuencoded(name, data):
    """As POSIX has it, with grave accents for blanks."""
    lines = [b"begin 644 " + name]
    for at in range(0, len(data), 45):
        piece = data[at : at + 45]
        line = bytes([32 + len(piece)])
        for i in range(0, len(piece), 3):
            bits = int.from_bytes(piece[i : i + 3].ljust(3, b"\0"), "big")
            line += bytes(32 + (bits >> shift & 63) for shift in (18, 12, 6, 0))
        lines.append(line.replace(b" ", b"`"))
    return b"\r\n".join(lines + [b"`", b"end", b""])


mail = b"From: eve@x.example\r\nSubject: update\r\n\r\nPlease run this.\r\n\r\n"
mail += uuencoded(b"update.exe", b"MZ" + bytes(100) + b"stage two" + bytes(50)) + b"\r\nThank you.\r\n.\r\n"
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 2525)
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
for at in range(0, len(mail), 97):
    c.send(mail[at : at + 97])
c.reply(b"250 queued\r\n")
c.send(b"QUIT\r\n")
c.reply(b"221 bye\r\n")
c.close()
write()
