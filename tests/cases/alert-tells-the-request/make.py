from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
c.open()
c.send(b"GET /stage/two HTTP/1.1\r\nHost: a.example\r\nUser-Agent: quartz/1.0\r\n\r\n")
c.reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nsecret")
c.close()
write()
