from traffic import *

send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"user=alice host=desk")
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"nothing")
write()
