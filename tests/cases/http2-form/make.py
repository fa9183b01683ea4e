from traffic import *


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(stream, flags, fields):
    """A block of literals that nobody remembers."""
    block = b"".join(b"\0" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in fields)
    return frame(1, 4 | flags, stream, block)


body = b"--X\r\nContent-Disposition: form-data; name=a\r\n\r\nvalue\r\n"
body += b"--X\r\nContent-Disposition: form-data; name=f; filename=tool.exe\r\n\r\nMZ the implant\r\n"
body += b"--X\r\nContent-Disposition: form-data; name=g; filename=notes.txt\r\n\r\nnotes\r\n--X--\r\n"
request = [(b":method", b"POST"), (b":path", b"/up"), (b":authority", b"a.example"), (b"content-type", b"multipart/form-data; boundary=X")]
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + headers(1, 0, request))
c.reply(frame(4, 0, 0, b""))
c.send(frame(0, 0, 1, body[:125]))
c.send(frame(0, 1, 1, body[125:]))
c.reply(headers(1, 1, [(b":status", b"204")]))
c.close()
write()
