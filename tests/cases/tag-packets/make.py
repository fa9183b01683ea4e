from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"LOOK at this")
for i in range(4):
    c.acks(1)
send_udp("10.0.0.66", 4000, "10.0.0.1", 7, b"WATCH this host")
send_udp("10.0.0.66", 4001, "10.0.0.2", 7, b"tagged")
send_udp("10.0.0.3", 4002, "10.0.0.66", 7, b"tagged as well")
send_udp("10.0.0.5", 4001, "10.0.0.2", 7, b"another host")
wait(11)
send_udp("10.0.0.66", 4003, "10.0.0.2", 7, b"too late")
write()
