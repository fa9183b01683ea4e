from traffic import *

send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"USER root")
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
c.open()
c.send(b"one, two")
c.send(b"one, and then")
c.send(b"two, three")
c.send(b"four")
c.close()
write()
