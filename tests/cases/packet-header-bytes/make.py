from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080, ttl=77)
c.open()
c.send(b"hello")
send_udp("10.0.0.5", 5000, "203.0.113.9", 5001, b"datagram")
emit(ether(ip4("10.0.0.5", "203.0.113.9", ICMP, icmp(8, 0, b"\0\x07\0\x09", b"ping"))))
emit(ether(ip6("2001:db8::1", "2001:db8::2", UDP, udp("2001:db8::1", 53000, "2001:db8::2", 53001, b"six"), hop_limit=9), 0x86DD))
too_big = transport_sum("2001:db8::1", "2001:db8::2", ICMPV6, struct.pack(">BBHI", 2, 0, 0, 1200) + b"\0" * 40, 2)
emit(ether(ip6("2001:db8::1", "2001:db8::2", ICMPV6, too_big), 0x86DD))
write()
