from traffic import *

# The server answers from a port of its own.
send_udp("10.0.0.5", 4000, "10.0.0.9", 69, b"\x00\x01boot/stage2.bin\x00octet\x00")
data = b"MZ" + bytes(700) + b"stage two"
for number, at in enumerate(range(0, len(data), 512), 1):
    send_udp("10.0.0.9", 50123, "10.0.0.5", 4000, struct.pack(">HH", 3, number) + data[at : at + 512])
    send_udp("10.0.0.5", 4000, "10.0.0.9", 50123, struct.pack(">HH", 4, number))
send_udp("10.0.0.5", 4001, "10.0.0.9", 69, b"\x00\x02cables.zip\x00netascii\x00")
send_udp("10.0.0.9", 50124, "10.0.0.5", 4001, struct.pack(">HH", 4, 0))
send_udp("10.0.0.5", 4001, "10.0.0.9", 50124, struct.pack(">HH", 3, 1) + b"confidential")
write()
