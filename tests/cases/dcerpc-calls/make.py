from traffic import *

SVCCTL = bytes.fromhex("81bb7a364498f135ad3298f038001003")


def pdu(kind, flags, call, body):
    """A connection-oriented unit, little endian."""
    return struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, 16 + len(body), 0, call) + body


def request(flags, call, context, opnum, stub):
    return pdu(0, flags, call, struct.pack("<IHH", 0, context, opnum) + stub)


c = Tcp("10.0.0.5", 49200, "10.0.0.9", 49700)
c.open()
c.send(pdu(11, 3, 1, struct.pack("<HHIIHBx", 5840, 5840, 0, 1, 7, 1) + SVCCTL + struct.pack("<HH", 2, 0) + bytes(20)))
c.reply(pdu(12, 3, 1, struct.pack("<HHIH2xI", 5840, 5840, 1, 0, 1) + struct.pack("<HH", 0, 0) + bytes(20)))
# The name is cut by the end of the first fragment, and the second by the end of a segment.
last = request(2, 2, 7, 12, b"l.exe")
c.send(request(1, 2, 7, 12, b"len\x08\0evi") + last[:9])
c.send(last[9:])
c.reply(pdu(2, 3, 2, bytes(8) + b"done"))
# The same operation on a context that was never bound, and not answered.
c.send(request(3, 3, 8, 12, b""))
# Another operation.
c.send(request(3, 4, 7, 0, b"close"))
c.close()
write()
