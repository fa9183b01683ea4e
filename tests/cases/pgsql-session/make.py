from traffic import *


def untyped(content):
    return struct.pack(">I", 4 + len(content)) + content


def message(kind, content=b""):
    return kind + untyped(content)


READY = message(b"Z", b"I")
SSL = untyped(struct.pack(">I", 80877103))

a = Tcp("10.0.0.5", 40000, "10.0.0.61", 15432)
a.open()
a.send(SSL)
a.reply(b"N")
a.send(untyped(b"\0\x03\0\0user\0ann\0database\0shop\0\0"))
a.reply(message(b"R", b"\0\0\0\x05salt"))
a.send(message(b"p", b"md5secret\0"))
a.reply(message(b"R", b"\0\0\0\0") + message(b"S", b"TimeZone\0UTC\0") + READY)
query = message(b"Q", b"select * from accounts\0")
a.send(query[:9])
a.send(query[9:])
a.reply(message(b"T", b"\0\x01id" + bytes(18)) + message(b"D", b"\0\x01\0\0\0\x0242") + message(b"C", b"SELECT 1\0") + READY)
a.send(message(b"P", b"\0delete from accounts where id = $1\0\0\0") + message(b"B", bytes(8)) + message(b"E", bytes(5)) + message(b"S"))
a.reply(message(b"1") + message(b"2") + message(b"C", b"DELETE 1\0") + READY)
a.send(message(b"Q", b"copy accounts from stdin\0"))
a.reply(message(b"G", b"\0\0\x02\0\0\0\0"))
a.send(message(b"d", b"1\tsecret\n") + message(b"c"))
a.reply(message(b"C", b"COPY 1\0") + READY)
a.send(message(b"X"))
a.close()

name = b"db.example"
sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + struct.pack(">H", len(sni)) + sni
hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
b = Tcp("10.0.0.5", 40001, "10.0.0.61", 15432)
b.open()
b.send(SSL)
b.reply(b"S")
b.send(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
server = b"\x03\x03" + bytes(32) + b"\0" + b"\x13\x01\0"
reply = b"\x02" + struct.pack(">I", len(server))[1:] + server
b.reply(b"\x16\x03\x03" + struct.pack(">H", len(reply)) + reply + b"\x14\x03\x03\0\x01\x01")
b.close()
write()
