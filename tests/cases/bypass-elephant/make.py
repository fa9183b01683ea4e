from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"x" * 500)
c.send(b"x" * 500)
c.send(b"SECRET, but nobody looks any more")
c.acks(1)
d = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080, client_isn=7000, server_isn=9000)
d.open()
d.send(b"SECRET")
write()
