from traffic import *

send_udp("192.0.2.9", 4000, "10.0.0.1", 7, b"a")
send_udp("192.0.2.10", 4000, "10.0.0.1", 7, b"b")
send_udp("10.0.0.1", 4000, "198.51.100.1", 7, b"c")
write()
