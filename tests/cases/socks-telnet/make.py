from traffic import *

# A proxy on no usual port, and behind it a web server.
proxy = Tcp("10.0.0.5", 40000, "10.0.0.9", 4145)
proxy.open()
proxy.send(b"\x05\x02\x00\x02")
proxy.reply(b"\x05\x02")
proxy.send(b"\x01\x03eve\x02pw")
proxy.reply(b"\x01\x00")
proxy.send(b"\x05\x01\x00\x03\x0ac2.example.\x00\x50")
proxy.reply(b"\x05\x00\x00\x01\x0a\x00\x00\x09\x04\x38")
proxy.send(b"GET /beacon HTTP/1.1\r\nHost: c2.example\r\n\r\n")
proxy.reply(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
proxy.close()

terminal = Tcp("10.0.0.5", 40001, "10.0.0.9", 2323)
terminal.open()
terminal.reply(b"\xff\xfd\x18\xff\xfb\x01login: ")
terminal.send(b"\xff\xfb\x18")
terminal.send(b"root\r\n")
terminal.reply(b"# ")
terminal.close()
write()
