from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"EVIL")
c.acks(1)
c.send(b"more")
c.acks(1)
c.send(b"and more")
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"DATAGRAM")
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"harmless")
write()
