from traffic import *

SESSION = 0x11223344


def message(command, body=b"", session=SESSION, context=b"contexts", status=0):
    return struct.pack("<HHII8sI", command, len(body), session, status, context, 0) + body


def item(kind, body):
    return struct.pack("<HH", kind, len(body)) + body


def unconnected(context, cip):
    return message(0x6F, struct.pack("<IHH", 0, 5, 2) + item(0, b"") + item(0xB2, cip), context=context)


NAME = b"1756-ENBT/A"
DEVICE = struct.pack("<H", 1) + b"\x00\x02\xaf\x12\x0a\x01\x01\xa4" + bytes(8)
DEVICE += struct.pack("<HHHBBHI", 1, 12, 58, 4, 3, 0x30, 0x00524D8E) + bytes([len(NAME)]) + NAME + b"\x03"

# Who is there, asked by UDP.
send_udp("10.0.0.5", 40000, "10.0.0.83", 44818, message(0x63, session=0))
send_udp("10.0.0.83", 44818, "10.0.0.5", 40000, message(0x63, struct.pack("<H", 1) + item(0x0C, DEVICE), session=0))
c = Tcp("10.0.0.5", 40001, "10.0.0.83", 44818)
c.open()
c.send(message(0x65, b"\x01\0\0\0", session=0))
c.reply(message(0x65, b"\x01\0\0\0"))
# Two requests in one message: read an attribute, set another; cut in the middle.
several = b"\x0a\x02\x20\x02\x24\x01" + struct.pack("<HHH", 2, 6, 14)
several += b"\x0e\x03\x20\x01\x24\x01\x30\x07" + b"\x10\x03\x20\xf6\x24\x01\x30\x06\xff"
both = unconnected(b"first...", several)
c.send(both[:40])
c.send(both[40:])
c.reply(unconnected(b"first...", b"\x8a\0\x1e\0" + struct.pack("<HHH", 2, 6, 11) + b"\x8e\0\0\0\x2a\x90\0\x0f\x01\x05\x01"))
# The program is stopped, by a request inside an unconnected send.
inner = b"\x07\x02\x20\x66\x24\x01"
c.send(unconnected(b"second..", b"\x52\x02\x20\x06\x24\x01\x0a\x05" + struct.pack("<H", len(inner)) + inner + b"\x01\0\x01\0"))
c.reply(unconnected(b"second..", b"\x87\0\x08\0"))
c.send(message(0x66))
# A path that is longer than its message.
c.send(unconnected(b"third...", b"\x0e\x09\x20\x01"))
c.close()
write()
