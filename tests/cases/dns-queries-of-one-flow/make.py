from traffic import *


def query(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    send_udp("10.0.0.5", 2000, "10.0.0.53", 53, struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01")


for number, name in enumerate(["first.example", "second.example", "first.example"]):
    query(name, number)
write()
