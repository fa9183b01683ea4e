from traffic import *


def query(name, host="10.0.0.5"):
    global port
    port += 1
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    send_udp(host, port, "10.0.0.53", 53, struct.pack(">HHHHHH", port, 0x100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01")


port = 2000
for name in ["bad.example", "good.example", "bad.example", "worse.example"]:
    query(name)
query("good.example", host="192.0.2.7")
write()
