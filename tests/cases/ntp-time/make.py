from traffic import *


def message(first, stratum, reference):
    return bytes([first, stratum]) + b"\0" * 10 + reference + b"\0" * 32


send_udp("10.0.0.5", 40000, "192.0.2.123", 123, message(0x23, 0, b"\0\0\0\0"))
send_udp("192.0.2.123", 123, "10.0.0.5", 40000, message(0x24, 0, b"RATE"))
# On another port it is not looked for.
send_udp("10.0.0.5", 40001, "192.0.2.123", 1123, message(0x23, 0, b"\0\0\0\0"))
write()
