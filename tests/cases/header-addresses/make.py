from traffic import *

send_udp("10.0.0.5", 5000, "203.0.113.9", 53, b"out")
send_udp("203.0.113.9", 53, "10.0.0.5", 5000, b"back")
send_udp("10.0.0.5", 5000, "10.0.0.66", 53, b"inside")
send_udp("10.0.0.66", 5001, "203.0.113.9", 1055, b"other")
write()
