from traffic import *

A, B = "2001:db8::5", "2001:db8:1::9"
PAD = bytes([0, 1, 4, 0, 0, 0, 0])  # extension header of 8 bytes: length 0, PadN
ext = ((0, PAD), (60, PAD))
c = Tcp(A, 40000, B, 8080, extensions=ext)
c.open()
c.send(b"BEHIND-")
c.send(b"EXTENSIONS")
c.close()
send_udp(A, 5000, B, 6000, b"plain MARK", hop_limit=3)
write()
