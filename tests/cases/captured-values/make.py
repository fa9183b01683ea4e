from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
c.open()
c.send(b"GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: probe/7\r\n\r\n")
c.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
c.send(b"GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n")
c.close()
send_udp("10.0.0.5", 4001, "10.0.0.9", 9000, b"id=42;x")
send_udp("10.0.0.5", 4001, "10.0.0.9", 9000, b"nothing")
write()
