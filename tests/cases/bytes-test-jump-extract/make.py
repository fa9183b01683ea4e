from traffic import *


def message(kind, name, value):
    return struct.pack(">HB", kind, len(name)) + name + struct.pack("<I", value) + b"END"


send_udp("10.0.0.5", 5001, "203.0.113.9", 6000, message(0x0102, b"alice", 70000))
send_udp("10.0.0.5", 5002, "203.0.113.9", 6000, message(0x0103, b"bo", 12))
send_udp("10.0.0.5", 5003, "203.0.113.9", 6000, b"size=0042;" + b"x" * 42 + b"MARK")
send_udp("10.0.0.5", 5004, "203.0.113.9", 6000, struct.pack(">H", 99) + b"too short")
write()
