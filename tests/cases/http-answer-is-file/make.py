from traffic import *

CLIENT, SERVER = "10.0.0.5", "203.0.113.9"


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(stream, flags, fields):
    """A block of literals that nobody remembers."""
    block = b"".join(b"\0" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in fields)
    return frame(1, 4 | flags, stream, block)


def answer(port, body):
    c = Tcp(CLIENT, port, SERVER, 80)
    c.open()
    c.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n")
    message = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for at in range(0, len(message), 700):
        c.reply(message[at : at + 700])
    c.close()


answer(40000, b"MZ" + b"." * 3000 + b"implant" + b"." * 500)
answer(40001, b"to all posts: cable 17\n")

form = b"--X\r\nContent-Disposition: form-data; name=f; filename=tool.exe\r\n\r\nMZ the implant\r\n--X--\r\n"
c = Tcp(CLIENT, 40002, SERVER, 8080)
c.open()
c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + headers(1, 1, [(b":method", b"GET"), (b":path", b"/f"), (b":authority", b"a.example")]))
c.reply(frame(4, 0, 0, b"") + headers(1, 0, [(b":status", b"200"), (b"content-type", b"multipart/form-data; boundary=X")]))
c.reply(frame(0, 0, 1, form[:70]))
c.reply(frame(0, 1, 1, form[70:]))
c.close()

c = Tcp(CLIENT, 40003, SERVER, 80)
c.open()
c.send(b"POST /b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\ncable 17\n")
c.reply(b"HTTP/1.1 204 No Content\r\n\r\n")
c.close()
write()
