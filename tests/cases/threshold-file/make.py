from traffic import *

for i in range(6):
    send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"ONE TWO")
    send_udp("10.0.0.6", 4000, "10.0.0.1", 7, b"ONE TWO")
    send_udp("10.0.0.7", 4000, "10.0.0.1", 7, b"THREE")
    wait(1)
write()
