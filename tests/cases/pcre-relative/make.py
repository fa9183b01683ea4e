from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"id=12345; token=ABC")
c.send(b"DEF99; end")
c.close()
send_udp("10.0.0.5", 5001, "203.0.113.9", 6000, b"first 111\nSecond 222\n")
write()
