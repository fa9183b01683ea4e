from traffic import *

for i, text in enumerate((b"USER root", b"USER guest", b"nobody root", b"USER abc root", b"USER rootless")):
    send_udp("10.0.0.5", 5000 + i, "203.0.113.9", 6000, text)
write()
