from traffic import *

PLAIN = 0x00088208


def packet(sequence, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def greeting(capabilities):
    low, high = capabilities & 0xFFFF, capabilities >> 16
    head = b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"saltsalt\0" + struct.pack("<HBHHB", low, 33, 2, high, 21)
    return packet(0, head + bytes(10) + b"saltsaltsalt\0mysql_native_password\0")


def login(capabilities):
    head = struct.pack("<IIB", capabilities, 1 << 24, 33) + bytes(23)
    return packet(1, head + b"ann\0\x03xyzshop\0mysql_native_password\0")


OK = packet(1, b"\0\0\0\x02\0\0\0")
EOF = b"\xfe\0\0\x02\0"
column = b"\x03def\x04shop\x01a\x01a\x02id\x02id\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0"

a = Tcp("10.0.0.5", 40000, "10.0.0.62", 13306)
a.open()
a.reply(greeting(PLAIN))
a.send(login(PLAIN))
a.reply(packet(2, b"\0\0\0\x02\0\0\0"))
query = packet(0, b"\x03select * from accounts")
a.send(query[:11])
a.send(query[11:])
result = packet(1, b"\x03") + b"".join(packet(i, column) for i in (2, 3, 4)) + packet(5, EOF) + packet(6, b"\x0242\x03ann\xfb") + packet(7, EOF)
a.reply(result[:77])
a.reply(result[77:])
a.send(packet(0, b"\x16delete from accounts where id = 1"))
a.reply(packet(1, b"\0\x01\0\0\0\0\0\0\0\0\0\0"))
a.send(packet(0, b"\x01"))
a.close()

name = b"db.example"
sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + struct.pack(">H", len(sni)) + sni
hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
b = Tcp("10.0.0.5", 40001, "10.0.0.62", 13306)
b.open()
b.reply(greeting(PLAIN | 0x800))
b.send(packet(1, struct.pack("<IIB", PLAIN | 0x800, 1 << 24, 33) + bytes(23)))
b.send(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
server = b"\x03\x03" + bytes(32) + b"\0" + b"\x13\x01\0"
reply = b"\x02" + struct.pack(">I", len(server))[1:] + server
b.reply(b"\x16\x03\x03" + struct.pack(">H", len(reply)) + reply + b"\x14\x03\x03\0\x01\x01")
b.close()
write()
