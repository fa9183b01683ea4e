from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
# An attacker's decoy: the receiver throws it away, since its checksum is wrong, and takes the second.
c.send(b"DECOY-TEXT", seq=c.next[0], bad_checksum=True)
c.send(b"REAL-")
# What is wrong is not put together with what is right.
c.send(b"WRONG", seq=c.next[0], bad_checksum=True)
c.send(b"DATA.")
# Nobody's datagram stands in for another one: one that is sent in vain tells as much of its sender.
datagram = bytearray(udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"BEACON-TEXT"))
datagram[6] ^= 0x55
emit(ether(ip4("10.0.0.5", "203.0.113.9", UDP, bytes(datagram))))
c.close()
write()
