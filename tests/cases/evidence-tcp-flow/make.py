from traffic import *

# The alert comes in the middle: what was before it and what comes after it are the flow's evidence, and another flow's packets are not.
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 7000)
other = Tcp("10.0.0.6", 40001, "203.0.113.9", 7000)
c.open()
other.open()
for n in range(3):
    c.send(b"before %d." % n)
    other.reply(b"of no interest.")
c.send(b"the MARK")
other.close()
for n in range(3):
    c.reply(b"after %d." % n)
c.close()
# A flow of its own between the same two.
send_udp("10.0.0.5", 40000, "203.0.113.9", 7000, b"a MARK of another flow")
write()
