from traffic import *

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
# HTTP to a server of TLS.
a = Tcp("10.0.0.5", 40000, "203.0.113.9", 443)
a.open()
a.send(GET)
a.reply(bytes([0x16, 3, 3, 0, 0x30, 2, 0, 0, 0x2C, 3, 3]) + bytes(42))
a.close()
# And to one of nothing that is known.
b = Tcp("10.0.0.5", 40001, "203.0.113.9", 9999)
b.open()
b.send(GET)
b.reply(bytes(range(200, 250)))
b.close()
# A server that answers before it was asked.
c = Tcp("10.0.0.5", 40002, "203.0.113.9", 80)
c.open()
c.reply(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
c.close()
# And as it should be.
d = Tcp("10.0.0.5", 40003, "203.0.113.9", 80)
d.open()
d.send(GET)
d.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
d.close()
write()
