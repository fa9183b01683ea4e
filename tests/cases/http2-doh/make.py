import gzip

from traffic import *

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(*fields):
    """A header block of literals that nobody remembers."""
    out = b""
    for name, value in fields:
        out += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return out


def headers(stream, flags, *fields):
    return frame(1, END_HEADERS | flags, stream, block(*fields))


# A page, its body compressed, its headers in two frames.
web = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
web.open()
web.send(MAGIC + frame(4, 0, 0, struct.pack(">HI", 2, 0)))
web.reply(frame(4, 0, 0, struct.pack(">HI", 3, 100)))
request = block((b":method", b"GET"), (b":path", b"/page?x=1"), (b":authority", b"u@Example.org:8080"), (b"user-agent", b"Test/1"))
web.send(frame(1, END_STREAM, 1, request[:30]))
web.send(frame(9, END_HEADERS, 1, request[30:]))
body = gzip.compress(b"<html>hidden</html>", mtime=0)
answer = (b":status", b"200"), (b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())
web.reply(headers(1, 0, *answer) + frame(0, 0, 1, body[:10]))
web.reply(frame(0, END_STREAM, 1, body[10:]))
web.reply(frame(7, 0, 0, struct.pack(">II", 1, 2)))
web.close()

# DNS in a POST, and in its answer.
question = struct.pack(">HHHHHH", 0, 0x0100, 1, 0, 0, 0) + b"\x06tunnel\x07example\0" + struct.pack(">HH", 16, 1)
reply = question[:2] + struct.pack(">HHH", 0x8180, 1, 1) + question[8:] + b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, 5) + b"\x04data"
dns = (b"content-type", b"application/dns-message")
doh = Tcp("10.0.0.5", 40001, "203.0.113.9", 8443)
doh.open()
doh.send(MAGIC + frame(4, 0, 0))
doh.reply(frame(4, 0, 0))
doh.send(headers(1, 0, (b":method", b"POST"), (b":path", b"/dns-query"), dns) + frame(0, END_STREAM, 1, question))
doh.reply(headers(1, 0, (b":status", b"200"), dns) + frame(0, END_STREAM, 1, reply))
doh.close()
write()
