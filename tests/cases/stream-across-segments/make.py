from traffic import *

# Cut at every place: one connection for each way of cutting the pattern in two, and one in single bytes.
PATTERN = b"BACKDOOR-KEY"
for cut in range(1, len(PATTERN)):
    c = Tcp("10.0.0.5", 40000 + cut, "203.0.113.9", 8080)
    c.open()
    c.send(b"some text before " + PATTERN[:cut])
    c.send(PATTERN[cut:] + b" and after")
    c.close()
c = Tcp("10.0.0.5", 41000, "203.0.113.9", 8080)
c.open()
for byte in b"x" + PATTERN + b"y":
    c.send(bytes([byte]))
c.close()
# Not in one stream: each half in a connection of its own.
for i, half in enumerate((PATTERN[:6], PATTERN[6:])):
    c = Tcp("10.0.0.5", 42000 + i, "203.0.113.9", 8080)
    c.open()
    c.send(half)
    c.close()
# Nor in one direction.
c = Tcp("10.0.0.5", 43000, "203.0.113.9", 8080)
c.open()
c.send(PATTERN[:6])
c.reply(PATTERN[6:])
c.close()
write()
