from traffic import *

# A segment is lost before the sensor; the server got it and acknowledges what follows.
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"before the hole, HALF-A")
c.send(b"ND-HALF, lost on the way", emit=False)
c.send(b"after it: STILL-SEEN")
c.acks(1)
c.send(b" and LATER-ON")
c.acks(1)
c.close()
write()
