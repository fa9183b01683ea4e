from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"LOGIN and more\n")
c.reply(b"WELCOME\n")
c.send(b"FETCH\n")
c.close()
# The answer without the question.
d = Tcp("10.0.0.6", 40000, "203.0.113.9", 8080)
d.open()
d.send(b"HELLO\n")
d.reply(b"WELCOME\n")
d.close()
write()
