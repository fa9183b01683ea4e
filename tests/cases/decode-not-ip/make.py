from traffic import *

emit(ether(bytes.fromhex("0001080006040001") + b"\x02\0\0\0\0\x01\x0a\0\0\x05" + b"\0" * 6 + b"\x0a\0\0\x01", 0x0806))  # ARP
emit(ether(b"\x02\x07\x04" + b"\0" * 40, 0x88CC))  # LLDP
emit(ether(b"\x45" + b"\0" * 6))  # an IPv4 header of 7 bytes
emit(ether(ip4("10.0.0.5", "203.0.113.9", UDP, b"\0" * 20, length=400)))  # claims more than there is
send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"fine")
write()
