from traffic import *


def packet(transport):
    return struct.pack(">BBH", 3, 0, len(transport) + 4) + transport


def connect(code):
    return packet(bytes([0x11, code]) + b"\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02")


def message(kind, reference, parameters, data=b"", error=b""):
    return packet(b"\x02\xf0\x80" + struct.pack(">BBHHHH", 0x32, kind, 0, reference, len(parameters), len(data)) + error + parameters + data)


def job(reference, parameters, data=b""):
    return message(1, reference, parameters, data)


def answer(reference, parameters, data=b"", error=b"\0\0"):
    return message(3, reference, parameters, data, error)


def named(function, name, more=b""):
    return bytes([function]) + b"\0\x01\0\0\0\0\0" + bytes([len(name)]) + name + more


def variable(area, db, bits, count, size=2):
    return b"\x12\x0a\x10" + struct.pack(">BHHB", size, count, db, area) + struct.pack(">I", bits)[1:]


c = Tcp("10.0.0.5", 40000, "10.0.0.83", 102)
c.open()
c.send(connect(0xE0))
c.reply(connect(0xD0))
c.send(job(1, b"\xf0\0\0\x01\0\x01\x01\xe0"))
c.reply(answer(1, b"\xf0\0\0\x01\0\x01\0\xf0"))
# Which modules are there.
c.send(message(7, 2, b"\0\x01\x12\x04\x11\x44\x01\x00", b"\xff\x09\0\x04\x00\x1c\0\0"))
c.reply(message(7, 2, b"\0\x01\x12\x08\x12\x84\x01\x01\0\0\0\0", b"\xff\x09\0\x04\x00\x1c\0\0"))
# Two variables are read, one is written; cut in the middle of the first job.
both = job(3, b"\x04\x02" + variable(0x84, 7, 80, 16) + variable(0x83, 0, 11, 1, 1))
both += job(4, b"\x05\x01" + variable(0x82, 0, 0, 1), b"\0\x04\0\x08\x01")
c.send(both[:30])
c.send(both[30:])
c.reply(answer(3, b"\x04\x02", b"\xff\x04\0\x08x\0\xff\x03\0\x01\x01") + answer(4, b"\x05\x01", b"\x0a"))
# OB 1 is read out, then replaced; the controller asks for the new one.
c.send(job(5, named(0x1D, b"_0800001A")))
c.reply(answer(5, b"\x1d\0\x01\0\0\0\0\x07\x07" + b"0000100"))
c.send(job(6, named(0x1A, b"_0800001P", b"\x0d1000100000044")))
c.reply(answer(6, b"\x1a"))
c.reply(job(0x8001, named(0x1B, b"_0800001P")))
c.send(answer(0x8001, b"\x1b\0", b"\0\x04\0\xfbpp the new program"))
c.send(job(7, b"\x28\0\0\0\0\0\0\xfd\0\x0a\x01\x000800001P\x05_INSE"))
c.reply(answer(7, b"\x28"))
# It is stopped, which it refuses.
c.send(job(8, b"\x29\0\0\0\0\0\x09P_PROGRAM"))
c.reply(answer(8, b"", error=b"\x81\x04"))
c.close()
write()
