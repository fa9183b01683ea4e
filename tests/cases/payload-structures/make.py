from traffic import *

# A bit string with more unused bits than bits, in a sequence; then one as it should be.
send_udp("10.0.0.5", 4001, "10.0.0.9", 88, b"ab" + bytes([0x30, 4, 3, 2, 9, 0xFF]))
send_udp("10.0.0.5", 4002, "10.0.0.9", 88, b"ab" + bytes([0x30, 4, 3, 2, 7, 0x80]))
# A length of 4,096 bytes.
send_udp("10.0.0.5", 4003, "10.0.0.9", 88, b"ab" + bytes([0x30, 0x82, 0x10, 0x00, 4]))
# ONC RPC: portmapper, version 2, GETPORT; then a reply.
call = struct.pack(">IIIIII", 77, 0, 2, 100000, 2, 3) + bytes(16)
send_udp("10.0.0.5", 4004, "10.0.0.9", 111, call)
send_udp("10.0.0.9", 111, "10.0.0.5", 4004, struct.pack(">IIIIII", 77, 1, 2, 100000, 2, 3) + bytes(16))
# FTP: the client's own address, then another host's, cut in two.
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 21)
c.open()
c.send(b"PORT 10,0,0,5,7,138\r\n")
c.reply(b"200 ok\r\n")
c.send(b"port 10,0,")
c.send(b"0,77,7,138\r\n")
c.close()
write()
