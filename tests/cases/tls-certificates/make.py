from traffic import *


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack(">H", len(body))
    return bytes([tag]) + size + body


def name(common):
    return der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0C, common.encode()))))


def certificate(subject, issuer, serial):
    """An X.509 certificate (RFC 5280) with a key and a signature of zeros."""
    sha256_rsa = der(0x30, bytes.fromhex("06092a864886f70d01010b0500"))
    rsa = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    key = der(0x30, rsa, der(0x03, b"\0" + der(0x30, der(2, b"\x7f" + bytes(127)), der(2, b"\1\0\1"))))
    valid = der(0x30, der(0x17, b"260101000000Z"), der(0x17, b"270101000000Z"))
    body = der(0x30, der(0xA0, der(2, b"\2")), der(2, serial), sha256_rsa, name(issuer), valid, name(subject), key)
    return der(0x30, body, sha256_rsa, der(0x03, bytes(129)))


def record(*messages):
    body = b"".join(bytes([kind]) + struct.pack(">I", len(m))[1:] + m for kind, m in messages)
    return b"\x16\3\3" + struct.pack(">H", len(body)) + body


def vector3(data):
    return struct.pack(">I", len(data))[1:] + data


def handshake(port, host, *chain):
    c = Tcp("10.0.0.5", port, "203.0.113.9", 443)
    c.open()
    names = struct.pack(">HBH", len(host) + 3, 0, len(host)) + host.encode()
    extensions = struct.pack(">HH", 0, len(names)) + names
    hello = b"\3\3" + bytes(range(32)) + b"\0" + b"\0\2\xc0\x2f" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    c.send(record((1, hello)))
    server = b"\3\3" + bytes(range(32, 64)) + b"\0" + b"\xc0\x2f" + b"\0" + b"\0\0"
    answer = record((2, server), (11, vector3(b"".join(vector3(d) for d in chain))), (14, b""))
    for at in range(0, len(answer), 500):
        c.reply(answer[at : at + 500])
    c.send(record((16, b"\x20" + bytes(32))) + b"\x14\3\3\0\1\1" + b"\x16\3\3\0\x20" + bytes(32))
    c.reply(b"\x14\3\3\0\1\1" + b"\x16\3\3\0\x20" + bytes(32))
    c.send(b"\x17\3\3\0\x20" + bytes(range(32)))
    c.close()


root = certificate("Example Root", "Example Root", b"\1")
# Wanted for its subject, which comes with the certificate; for the name that was asked for, which comes before it; and not at all.
handshake(40001, "a.example", certificate("control.example", "Example Root", b"\x10"), root)
handshake(40002, "b.example", certificate("other.example", "Example Root", b"\x11"))
handshake(40003, "c.example", certificate("harmless.example", "Example Root", b"\x12"), root)
write()
