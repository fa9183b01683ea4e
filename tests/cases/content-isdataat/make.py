from traffic import *

send_udp("10.0.0.5", 5001, "203.0.113.9", 6000, b"CMD " + b"A" * 60)
send_udp("10.0.0.5", 5002, "203.0.113.9", 6000, b"CMD short")
send_udp("10.0.0.5", 5003, "203.0.113.9", 6000, b"CMD " + b"A" * 20 + b"\n" + b"A" * 40)
write()
