from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
# An attacker's decoy: the receiver throws it away, since its checksum is wrong, and takes the second.
c.send(b"DECOY-TEXT", seq=c.next[0], bad_checksum=True)
c.send(b"REAL-DATA.")
c.close()
write()
