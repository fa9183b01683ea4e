from traffic import *

emit(ether(struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + CLIENT_MAC + bytes([10, 0, 0, 5]) + bytes(6) + bytes([10, 0, 0, 1]), 0x0806))
emit(ether(bytes(46), 0x88CC))
send_udp("10.0.0.5", 4001, "10.0.0.9", 9000, b"x")
write()
