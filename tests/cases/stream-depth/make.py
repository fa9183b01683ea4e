from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"." * 500)
c.send(b"WITHIN-DEPTH" + b"." * 488)
c.send(b"." * 500)
c.send(b"BEYOND-DEPTH" + b"." * 488)
c.close()
write()
