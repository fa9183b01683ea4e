from traffic import *


def message(first, *parts):
    rest = b"".join(parts)
    assert len(rest) < 128
    return bytes([first, len(rest)]) + rest


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


c = Tcp("10.0.0.5", 40000, "10.0.0.83", 8831)
c.open()
c.send(message(0x10, text("MQTT"), b"\x04\xc2\x00\x3c", text("pear"), text("ann"), text("hunter2")))
c.reply(message(0x20, b"\x00\x00"))
subscribe = message(0x82, b"\x00\x01", text("door/#"), b"\x01", text("camera/1"), b"\x00")
c.send(subscribe[:9])
c.send(subscribe[9:])
c.reply(message(0x90, b"\x00\x01\x01\x80"))
# At least once, and an acknowledgement of nothing.
c.send(message(0x33, text("door/1/cmd"), b"\x00\x02", b"open"))
c.reply(message(0x40, b"\x00\x02") + message(0x40, b"\x00\x09"))
c.send(message(0xE0))
c.close()
write()
