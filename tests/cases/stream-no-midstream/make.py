from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.send(b"IN-THE-")
c.send(b"MIDDLE")
c.acks(1)
c.reply(b"ANSWER")
c.acks(0)
write()
