from traffic import *

# The first "key=" leads nowhere; the second does.
send_udp("10.0.0.5", 5001, "203.0.113.9", 6000, b"key=short;key=the-right-value;")
# Three levels: only the last "A" has its "B" and "C" at the right distance.
send_udp("10.0.0.5", 5002, "203.0.113.9", 6000, b"A.BxA..B.CxA.B.C")
send_udp("10.0.0.5", 5003, "203.0.113.9", 6000, b"A.BxA..B.CxA.Bx.C")
write()
