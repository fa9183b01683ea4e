from traffic import *

send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"no tag: MARK")
send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"one tag: MARK", vlans=(100,))
send_udp("10.0.0.5", 5000, "203.0.113.9", 6000, b"two tags: MARK", vlans=(200, 300))
# The same addresses and ports under another tag are another flow.
send_udp("203.0.113.9", 6000, "10.0.0.5", 5000, b"answer", vlans=(100,))
write()
