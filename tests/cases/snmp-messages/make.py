from traffic import *


def element(tag, *parts):
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


def variables():
    return element(0x30, element(0x30, element(6, b"\x2b\x06\x01\x02\x01\x01\x05\x00"), b"\x05\x00"))


def get(version, community, kind=0xA0):
    pdu = element(kind, b"\x02\x01\x07\x02\x01\x00\x02\x01\x00", variables())
    return element(0x30, bytes([2, 1, version]), element(4, community), pdu)


def secret():
    header = element(0x30, b"\x02\x01\x09\x02\x02\x10\x00\x04\x01\x03\x02\x01\x03")
    user = element(0x30, b"\x04\x01e\x02\x01\x01\x02\x01\x02", element(4, b"admin"), b"\x04\x00\x04\x00")
    return element(0x30, b"\x02\x01\x03", header, element(4, user), element(4, b"\x9e" * 20))


# On another port; all in one flow.
send_udp("10.0.0.5", 40000, "10.0.0.61", 1161, get(1, b"private"))
send_udp("10.0.0.61", 1161, "10.0.0.5", 40000, get(1, b"private", kind=0xA2))
send_udp("10.0.0.5", 40000, "10.0.0.61", 1161, secret())
write()
