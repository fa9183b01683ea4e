from traffic import *


def tpkt(content):
    return struct.pack(">BBH", 3, 0, 4 + len(content)) + content


def x224(code, rest):
    return tpkt(bytes([6 + len(rest), code, 0, 0, 0, 0, 0]) + rest)


def data(content):
    return tpkt(b"\x02\xf0\x80" + content)


def element(tag, content):
    return tag + b"\x82" + struct.pack(">H", len(content)) + content


def block(kind, content):
    return struct.pack("<HH", kind, 4 + len(content)) + content


def wide(text, size):
    return text.encode("utf-16-le").ljust(size, b"\0")


core = struct.pack("<IHHHHII", 0x00080004, 1280, 800, 0xCA01, 0xAA03, 0x409, 2600) + wide("ANNS-PC", 32)
core += struct.pack("<III", 4, 0, 12) + bytes(64) + struct.pack("<HHIHHH", 0xCA01, 1, 0, 16, 7, 1) + wide("55274-1", 64) + b"\0\0"
channels = struct.pack("<I", 2) + b"rdpdr\0\0\0" + bytes(4) + b"cliprdr\0" + bytes(4)
blocks = block(0xC001, core) + block(0xC003, channels)
gcc = b"\0\x05\0\x14\x7c\0\x01\x81\0\0\x08\0\x10\0\x01\xc0\0Duca" + struct.pack(">H", 0x8000 | len(blocks)) + blocks
parameters = element(b"\x30", b"\x02\x01\x01")
initial = element(b"\x7f\x65", b"\x04\x01\x01\x04\x01\x01\x01\x01\xff" + parameters * 3 + element(b"\x04", gcc))

a = Tcp("10.0.0.5", 40000, "10.0.0.60", 13389)
a.open()
a.send(x224(0xE0, b"Cookie: mstshash=ann\r\n" + struct.pack("<BBHI", 1, 0, 8, 0)))
a.reply(x224(0xD0, struct.pack("<BBHI", 2, 0, 8, 0)))
whole = data(initial)
a.send(whole[:100])
a.send(whole[100:])
a.reply(data(element(b"\x7f\x66", b"\x0a\x01\x00")))
a.close()

name = b"desk.example"
sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + struct.pack(">H", len(sni)) + sni
hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
b = Tcp("10.0.0.5", 40001, "10.0.0.60", 13389)
b.open()
b.send(x224(0xE0, struct.pack("<BBHI", 1, 0, 8, 3)))
b.reply(x224(0xD0, struct.pack("<BBHI", 2, 0, 8, 2)))
b.send(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
server = b"\x03\x03" + bytes(32) + b"\0" + b"\x13\x01\0"
reply = b"\x02" + struct.pack(">I", len(server))[1:] + server
b.reply(b"\x16\x03\x03" + struct.pack(">H", len(reply)) + reply + b"\x14\x03\x03\0\x01\x01")
b.close()
write()
