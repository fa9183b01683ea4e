from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
# A decoy that dies on the way, and what takes its place; then the receiver has it.
at = c.next[0]
c.send(b"DECOY-TEXT")
c.send(b"TRUTH-TEXT", seq=at)
c.acks(1)
# A message in three pieces, and its answer.
c.send(b"one ")
c.send(b"mess")
c.send(b"age")
c.reply(b"ANSWER")
c.acks(0)
# Nobody acknowledges the last.
c.send(b"LAST-WORDS")
write()
