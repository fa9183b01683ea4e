from traffic import *


def frame(send, receive, data):
    return struct.pack("<BBHH", 0x68, len(data) + 4, send << 1, receive << 1) + data


def control(bits):
    return bytes([0x68, 4, bits, 0, 0, 0])


c = Tcp("10.0.0.5", 40000, "10.0.0.83", 8404)
c.open()
c.send(control(0x07))
c.reply(control(0x0B))
# All values are asked for.
c.send(frame(0, 0, b"\x64\x01\x06\x05\x0a\x00\0\0\0\x14"))
states = frame(1, 1, b"\x01\x83\x14\x00\x0a\x00\x64\x00\x00\x01\x00\x81")
c.reply(frame(0, 1, b"\x64\x01\x07\x05\x0a\x00\0\0\0\x14") + states[:9])
c.reply(states[9:])
c.send(b"\x68\x04\x01\x00\x04\x00")
# A breaker is opened; the station says no.
c.send(frame(1, 2, b"\x2d\x01\x06\x00\x0a\x00\x01\x05\x00\x80"))
c.reply(frame(2, 2, b"\x2d\x01\x47\x00\x0a\x00\x01\x05\x00\x80"))
# A set point of 12.5, and one that is not all there.
c.send(frame(2, 3, b"\x32\x01\x06\x00\x0a\x00\x02\x00\x00\x00\x00\x48\x41\x00"))
c.send(frame(3, 3, b"\x32\x01\x06\x00\x0a\x00\x02\x00\x00\x00"))
c.close()
write()
