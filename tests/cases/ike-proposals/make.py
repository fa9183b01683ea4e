from traffic import *


def message(flags, *payloads):
    """Payloads: a type and its data each."""
    kinds = [kind for kind, _ in payloads] + [0]
    rest = b"".join(struct.pack(">BBH", kinds[i + 1], 0, len(data) + 4) + data for i, (_, data) in enumerate(payloads))
    return b"initiate" + b"\0" * 8 + struct.pack(">BBBBII", kinds[0], 0x20, 34, flags, 0, 28 + len(rest)) + rest


def part(last, head, rest=b""):
    return struct.pack(">BBH", 0 if last else 2, 0, 4 + len(head) + len(rest)) + head + rest


def association(*transforms):
    last = len(transforms) - 1
    parts = b"".join(part(i == last, struct.pack(">BBH", kind, 0, ident)) for i, (kind, ident) in enumerate(transforms))
    return part(True, bytes([1, 1, 0, len(transforms)]), parts)


def init(flags, group):
    chosen = association((1, 12), (2, 5), (3, 12), (4, group))
    return message(flags, (33, chosen), (34, struct.pack(">HH", group, 0) + b"K" * 32), (40, b"nonce"), (43, b"\xab\xcd"))


send_udp("10.0.0.5", 500, "192.0.2.50", 500, init(0x08, 2))
send_udp("192.0.2.50", 500, "10.0.0.5", 500, init(0x20, 14))
# Behind a NAT: a marker, then messages; without one it is ESP.
send_udp("10.0.0.6", 4500, "192.0.2.50", 4500, b"\0\0\0\0" + init(0x08, 14))
send_udp("192.0.2.50", 4500, "10.0.0.6", 4500, b"\x07" * 60)
write()
