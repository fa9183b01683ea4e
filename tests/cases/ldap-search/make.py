from traffic import *


def element(tag, *parts):
    content = b"".join(parts)
    return struct.pack(">BBH", tag, 0x82, len(content)) + content


def text(value):
    return element(4, value.encode())


def message(ident, operation):
    return element(0x30, bytes([2, 1, ident]), operation)


def search(ident, base, *attributes):
    limits = b"\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    listed = element(0x30, *(text(a) for a in attributes))
    return message(ident, element(0x63, text(base), limits, element(0x87, b"objectClass"), listed))


def entry(ident, name):
    return message(ident, element(0x64, text(name), element(0x30, element(0x30, text("servicePrincipalName"), element(0x31, text("x"))))))


def result(ident, tag, code, said=""):
    return message(ident, element(tag, bytes([10, 1, code]), text(""), text(said)))


c = Tcp("10.0.0.5", 40000, "10.0.0.89", 3890)
c.open()
c.send(message(1, element(0x60, b"\x02\x01\x03", text("cn=ann"), b"\x80\x02pw")))
c.reply(result(1, 0x61, 0))
# Two under way at a time, answered the other way round.
c.send(search(2, "dc=plum", "servicePrincipalName", "*") + search(3, "dc=pear", "cn"))
c.reply(result(3, 0x65, 32, "no such thing"))
found = b"".join(entry(2, f"cn={n},dc=plum") for n in range(3))
c.reply(found[:100])
c.reply(found[100:] + result(2, 0x65, 0))
c.send(message(4, b"\x42\x00"))
c.close()
write()
