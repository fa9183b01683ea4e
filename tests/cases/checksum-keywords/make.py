from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"good")
c.segment(0, PSH | ACK, b"bad", bad_checksum=True)
emit(ether(ip4("10.0.0.5", "10.0.0.1", UDP, udp("10.0.0.5", 1, "10.0.0.1", 2, b"header"), bad_checksum=True)))
write()
