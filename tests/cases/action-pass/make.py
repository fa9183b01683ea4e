from traffic import *

for port, text in ((40001, b"TRUSTED request with EVIL in it"), (40002, b"other request with EVIL in it")):
    c = Tcp("10.0.0.5", port, "203.0.113.9", 8080)
    c.open()
    c.send(text)
    c.send(b"and EVIL2 later")
    c.close()
write()
