from traffic import *

# Ten matches within a second, then ten more in the next minute.
for minute in range(2):
    for i in range(10):
        send_udp("10.0.0.5", 5000 + i, "203.0.113.9", 6000, b"TICK")
    wait(60)
write()
