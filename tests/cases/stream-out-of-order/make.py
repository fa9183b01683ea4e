from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
parts = [c.send(part, emit=False) for part in (b"the first part, SEC", b"RET-", b"PASS", b"AGE, the last part")]
for index in (3, 1, 2, 0):
    emit(parts[index])
emit(parts[1])  # sent again
c.acks(1)
c.close()
write()
