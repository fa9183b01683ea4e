from traffic import *

for i in range(5):
    send_udp("10.0.0.5", 5000 + i, "203.0.113.9", 6000, b"MARK and some more")
write(cut=7)
