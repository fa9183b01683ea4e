from traffic import *


def message(name, number, flags):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"


def query(name, port):
    send_udp("10.0.0.5", port, "10.0.0.53", 53, message(name, port, 0x100))


query("update.example", 2001)
# What is asked in silence is answered in silence.
send_udp("10.0.0.53", 53, "10.0.0.5", 2001, message("update.example", 2001, 0x8180))
query("other.example", 2002)
write()
