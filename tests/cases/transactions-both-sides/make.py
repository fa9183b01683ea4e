from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
c.open()
c.send(b"GET /stage HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n")
c.reply(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nServer: quartz\r\nContent-Length: 0\r\n\r\n")
# The next transaction of the flow: what one of them has does not stand for the other.
c.send(b"GET /other HTTP/1.1\r\nHost: a.example\r\n\r\n")
c.reply(b"HTTP/1.1 200 OK\r\nServer: basalt\r\nContent-Length: 6\r\n\r\nsecret")
c.close()
write()
