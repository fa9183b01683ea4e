from traffic import *

question = b"\x04wpad\0\0\x01\0\x01"
ask = struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + question
answer = struct.pack(">HHHHHH", 7, 0x8000, 1, 1, 0, 0) + question + b"\x04wpad\0" + struct.pack(">HHIH4s", 1, 1, 30, 4, bytes([10, 0, 0, 66]))
send_udp("10.0.0.5", 50000, "224.0.0.252", 5355, ask)
send_udp("10.0.0.66", 5355, "10.0.0.5", 50000, answer)
# An SNMP request to a server of DNS, and then what belongs there.
snmp = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010101000500")
send_udp("10.0.0.5", 50001, "10.0.0.53", 53, snmp)
send_udp("10.0.0.53", 53, "10.0.0.5", 50001, struct.pack(">HHHHHH", 0x3026, 0x8081, 0, 0, 0, 0))
send_udp("10.0.0.5", 50001, "10.0.0.53", 53, struct.pack(">HHHHHH", 9, 0x0100, 1, 0, 0, 0) + b"\x01a\x07example\0\0\x01\0\x01")
write()
