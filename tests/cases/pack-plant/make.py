from traffic import *

HOME, OUT, DEVICE = "10.0.0.5", "203.0.113.9", "10.0.0.83"
port = 40000


def say(words, to, client=HOME):
    global port
    port += 1
    c = Tcp(client, port, DEVICE, to)
    c.open()
    for word in words:
        c.send(word)
    c.close()


def packet(transport):
    return struct.pack(">BBH", 3, 0, len(transport) + 4) + transport


def s7(parameters):
    connect = packet(b"\x11\xe0\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02")
    return [connect, packet(b"\x02\xf0\x80" + struct.pack(">BBHHHH", 0x32, 1, 0, 1, len(parameters), 0) + parameters)]


def modbus(pdu):
    return [struct.pack(">HHHB", 1, 0, len(pdu) + 1, 1) + pdu]


def crc(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
    return data + struct.pack("<H", value ^ 0xFFFF)


def dnp3(fragment):
    data = b"\xc0" + fragment
    return [crc(struct.pack("<BBBBHH", 5, 0x64, len(data) + 5, 0xC4, 10, 1)) + crc(data)]


def cip(request):
    items = struct.pack("<IHHHHHH", 0, 5, 2, 0, 0, 0xB2, len(request)) + request
    return [struct.pack("<HHII8sI", 0x6F, len(items), 7, 0, b"contexts", 0) + items]


def iec104(data):
    return [b"\x68\x04\x07\0\0\0", bytes([0x68, len(data) + 4]) + bytes(4) + data]


# 9010601, and a start.
say(s7(b"\x29\0\0\0\0\0\x09P_PROGRAM"), 102)
say(s7(b"\x28\0\0\0\0\0\0\xfd\0\0\x09P_PROGRAM"), 102)
# 9010602, and a block that is read out.
name = b"\0\x01\0\0\0\0\0\x09_0800001P"
say(s7(b"\x1a" + name), 102)
say(s7(b"\x1d" + name), 102)
# 9010603, the same inside, and reading from outside.
say(modbus(b"\x05\x00\x01\xff\x00"), 502, OUT)
say(modbus(b"\x05\x00\x01\xff\x00"), 502)
say(modbus(b"\x01\x00\x01\x00\x08"), 502, OUT)
# 9010604, and another diagnosis.
say(modbus(b"\x08\x00\x04\x00\x00"), 502)
say(modbus(b"\x08\x00\x00\x12\x34"), 502)
# 9010605, and a delay that is measured.
say(dnp3(b"\xc1\x0d"), 20000)
say(dnp3(b"\xc1\x17"), 20000)
# 9010606, and the reset of a connection.
say(cip(b"\x05\x02\x20\x01\x24\x01"), 44818)
say(cip(b"\x05\x02\x20\x05\x24\x01"), 44818)
# 9010607, the same inside, and values that are asked for from outside.
say(iec104(b"\x2d\x01\x06\x00\x0a\x00\x01\x05\x00\x81"), 2404, OUT)
say(iec104(b"\x2d\x01\x06\x00\x0a\x00\x01\x05\x00\x81"), 2404)
say(iec104(b"\x64\x01\x06\x00\x0a\x00\0\0\0\x14"), 2404, OUT)
write()
