from traffic import *

CLIENT, SERVER = "10.0.0.5", "203.0.113.9"
PORTS = iter(range(40000, 41000))


def download(path, body, cut=None):
    """A response with a file, of which only the first `cut` bytes come."""
    c = Tcp(CLIENT, next(PORTS), SERVER, 80)
    c.open()
    c.send(f"GET {path} HTTP/1.1\r\nHost: files.example\r\n\r\n".encode())
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    message = head + body[:cut]
    for at in range(0, len(message), 1000):
        c.reply(message[at : at + 1000])
    c.close()


def upload(parts):
    """A form with files."""
    c = Tcp(CLIENT, next(PORTS), SERVER, 80)
    c.open()
    body = b""
    for name, data in parts:
        body += f'--XX\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
    body += b"--XX--\r\n"
    head = "POST /upload HTTP/1.1\r\nHost: files.example\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    message = head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    for at in range(0, len(message), 1000):
        c.send(message[at : at + 1000])
    c.reply(b"HTTP/1.1 204 No Content\r\n\r\n")
    c.close()


# Their hashes stand in the lists beside this file.
implant = b"MZ" + bytes(range(256)) * 40
pdf = b"%PDF-1.5\n" + b"1 0 obj\n<<>>\nendobj\n" * 600
download("/tools/Update.EXE", implant)
download("/report.pdf", pdf)
download("/report.pdf", pdf, cut=9000)
# The name is that of one file, the kind that of the other: a rule on both must not match.
upload([("a.exe", b"plain text, and no more\n"), ("b.txt", pdf)])
upload([("stolen.txt", b"cable 17\n")])
write()
