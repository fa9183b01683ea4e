from traffic import *


def query(name, port, counts):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    send_udp("10.0.0.5", port, "10.0.0.53", 53, struct.pack(">HHHHHH", port, 0x100, *counts) + labels + b"\0\0\x01\0\x01")


query("authorities.example", 2001, (1, 0, 8, 0))
query("additionals.example", 2002, (1, 0, 0, 8))
# More than half as many as there are bytes: that is no DNS.
query("toomany.example", 2003, (1, 0, 99, 0))
query("answers.example", 2004, (1, 16, 0, 0))
# A server that says no more than that it could not read the question.
send_udp("10.0.0.5", 2005, "10.0.0.53", 53, b"0*\x02\x01\x00\x04\x06public")
send_udp("10.0.0.53", 53, "10.0.0.5", 2005, struct.pack(">HHHHHH", 7, 0x8081, 0, 0, 0, 0))
query("afterwards.example", 2005, (1, 0, 0, 0))
write()
