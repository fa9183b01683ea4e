from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"VIDEO starts")
c.acks(1)
c.send(b"VIDEO goes on")
d = Tcp("10.0.0.6", 40000, "203.0.113.9", 8080)
d.open()
d.send(b"TEXT then VIDEO")
write()
