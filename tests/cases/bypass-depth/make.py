from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"SECRET")
c.acks(1)
c.reply(b"x" * 700)
c.acks(0)
c.send(b"and SECRET again, unseen")
write()
