import base64
from traffic import *

secret = base64.b64encode(b"powershell -nop -w hidden")
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"cmd=" + secret)
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"cmd=AAAA;cmd=" + secret[:12] + b"\r\n " + secret[12:])
send_udp("10.0.0.5", 4000, "10.0.0.1", 7, b"cmd=!!!!")
write()
