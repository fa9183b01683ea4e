from traffic import *


def message(transaction, unit, pdu, protocol=0):
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1, unit) + pdu


c = Tcp("10.0.0.5", 40000, "10.0.0.83", 502)
c.open()
c.send(message(1, 17, b"\x03\x00\x6b\x00\x03"))
c.reply(message(1, 17, b"\x03\x06\x02\x2b\x00\x00\x00\x64"))
# Two at once, cut in the header of the second.
both = message(2, 17, b"\x05\x00\xac\xff\x00") + message(3, 17, b"\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02")
c.send(both[:15])
c.send(both[15:])
c.reply(message(2, 17, b"\x05\x00\xac\xff\x00") + message(3, 17, b"\x10\x00\x01\x00\x02"))
# The device is told to be silent, and a function that is nobody's.
c.send(message(4, 1, b"\x08\x00\x04\x00\x00"))
c.send(message(5, 1, b"\x47\x01"))
c.reply(message(5, 1, b"\xc7\x01"))
# An answer to nothing.
c.reply(message(9, 1, b"\x03\x02\x00\x00"))
c.close()
# On another port: what it says is enough.
c = Tcp("10.0.0.5", 40001, "10.0.0.83", 8502)
c.open()
c.send(message(1, 2, b"\x0f\x00\x13\x00\x0a\x02\xcd\x01"))
c.reply(message(1, 2, b"\x8f\x02"))
c.close()
write()
