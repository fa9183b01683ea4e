from traffic import *


def query(name, port):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    send_udp("10.0.0.5", port, "10.0.0.53", 53, struct.pack(">HHHHHH", port, 0x100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01")


query("update.example", 2001)
query("other.example", 2002)
write()
