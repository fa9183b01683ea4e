from traffic import *

send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"MARK in the first bytes" + b"." * 100)
send_udp("10.0.0.5", 5001, "203.0.113.9", 6000, b"short MARK")
write(snaplen=80)
