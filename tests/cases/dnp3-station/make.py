from traffic import *


def crc(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
    return data + struct.pack("<H", value ^ 0xFFFF)


def frame(data, master=True):
    ends = (10, 1) if master else (1, 10)
    head = crc(struct.pack("<BBBBHH", 5, 0x64, len(data) + 5, 0xC4 if master else 0x44, *ends))
    return head + b"".join(crc(data[at:at + 16]) for at in range(0, len(data), 16))


c = Tcp("10.0.0.5", 40000, "10.0.0.83", 20000)
c.open()
# All events, and ten inputs.
c.send(frame(b"\xc0\xc1\x01\x3c\x02\x06\x01\x02\x00\x00\x09"))
# The answer comes in two frames, cut in the header of the second.
answer = b"\xe1\x81\x90\x00\x01\x02\x00\x00\x02\x81\x01\x41\x1e\x02\x01\x05\x00\x06\x00\x01\xff\xff\x01\x0a\x00"
both = frame(b"\x40" + answer[:13], False) + frame(b"\x81" + answer[13:], False)
c.reply(both[:33])
c.reply(both[33:])
# A breaker is tripped, on another port of the station it would be no different; then it is to start again.
c.send(frame(b"\xc0\xc2\x05\x0c\x01\x28\x01\x00\x07\x00\x41\x01\x64\x00\x00\x00\x64\x00\x00\x00\x00"))
c.reply(frame(b"\xc0\xc2\x81\x00\x02", False))
c.send(frame(b"\xc0\xc3\x0d"))
# A frame whose data was changed.
broken = bytearray(frame(b"\xc0\xc4\x01\x3c\x02\x06"))
broken[13] ^= 1
c.send(bytes(broken))
c.close()
write()
