from traffic import *

# The same sequence numbers twice, with different bytes; a hole before them holds both back until it is filled.
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
start = c.next[0]
c.send(b"EVILWORD....", seq=start + 4)
c.send(b"GOODWORD....", seq=start + 4)
c.send(b"say:", seq=start)
c.next[0] = start + 16
c.acks(1)
c.close()
# Sent again with the same bytes and more: told once.
d = Tcp("10.0.0.6", 40000, "203.0.113.9", 8080)
d.open()
start = d.next[0]
d.send(b"ONLY-ON")
d.send(b"ONLY-ONCE", seq=start)
d.next[0] = start + 9
d.acks(1)
d.close()
write()
