from traffic import *


def question(ident, name, answer=False):
    """A query for an address, or the answer that there is none."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x8183 if answer else 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


names = ["first.example", "tunnel.example", "last.example", "tunnel.example"]
# All in one flow; each is answered.
for ident, name in enumerate(names):
    send_udp("10.0.0.5", 5300, "10.0.0.53", 53, question(ident, name))
    send_udp("10.0.0.53", 53, "10.0.0.5", 5300, question(ident, name, answer=True))
write()
