from traffic import *


def der(tag, *parts):
    """An element of DER."""
    body = b"".join(parts)
    head = bytes([tag, len(body)]) if len(body) < 128 else struct.pack(">BBH", tag, 0x82, len(body))
    return head + body


def number(n):
    return der(2, bytes([n]))


def name(*parts):
    return der(0x30, der(0xA0, number(2)), der(0xA1, der(0x30, *[der(0x1B, p.encode()) for p in parts])))


def encrypted(kind):
    return der(0x30, der(0xA0, number(kind)), der(0xA2, der(4, bytes(200))))


REALM = der(0x1B, b"EXAMPLE")


def request(kind, *service):
    body = der(0x30, der(0xA1, name("alice")), der(0xA2, REALM), der(0xA3, name(*service)))
    return der(0x60 | kind, der(0x30, der(0xA1, number(5)), der(0xA2, number(kind)), der(0xA4, body)))


ticket = der(0x61, der(0x30, der(0xA0, number(5)), der(0xA1, REALM), der(0xA2, name("MSSQL", "db.example")), der(0xA3, encrypted(23))))
reply = der(0x6D, der(0x30, der(0xA0, number(5)), der(0xA1, number(13)), der(0xA3, REALM), der(0xA4, name("alice")),
                      der(0xA5, ticket), der(0xA6, encrypted(18))))
error = der(0x7E, der(0x30, der(0xA0, number(5)), der(0xA1, number(30)), der(0xA6, number(25)), der(0xA9, REALM),
                      der(0xAA, name("krbtgt", "EXAMPLE"))))
send_udp("10.0.0.5", 50100, "10.0.0.2", 88, request(10, "krbtgt", "EXAMPLE"))
send_udp("10.0.0.2", 88, "10.0.0.5", 50100, error)
c = Tcp("10.0.0.5", 50101, "10.0.0.2", 88)
c.open()
asked = request(12, "MSSQL", "db.example")
asked = struct.pack(">I", len(asked)) + asked
c.send(asked[:30])
c.send(asked[30:])
c.reply(struct.pack(">I", len(reply)) + reply)
c.close()
write()
