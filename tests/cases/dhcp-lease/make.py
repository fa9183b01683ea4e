from traffic import *


def message(op, *options):
    head = bytes([op, 1, 6, 0]) + struct.pack(">IHH", 0x1234, 0, 0)
    addresses = b"\0\0\0\0" + bytes([192, 0, 2, 9]) + bytes([192, 0, 2, 1]) + b"\0\0\0\0"
    hardware = bytes([2, 0, 0, 0, 0, 7]) + b"\0" * 10
    return head + addresses + hardware + b"\0" * 192 + bytes([99, 130, 83, 99]) + b"".join(options)


def option(code, data):
    return bytes([code, len(data)]) + data


send_udp("0.0.0.0", 68, "255.255.255.255", 67, message(1, option(53, b"\x03"), option(12, b"laptop"), option(55, b"\x01\x03"), b"\xff"))
send_udp("192.0.2.1", 67, "192.0.2.9", 68, message(2, option(53, b"\x05"), option(51, struct.pack(">I", 60)), option(58, struct.pack(">I", 30)), b"\xff"))
# The options have no end.
send_udp("192.0.2.1", 67, "192.0.2.9", 68, message(2, option(53, b"\x05")))
write()
