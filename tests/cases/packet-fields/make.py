from traffic import *

A, B = "10.0.0.5", "203.0.113.9"
for size in (0, 1, 9, 10, 11, 200):
    send_udp(A, 5000, B, 6000, b"x" * size)
emit(ether(ip4(A, B, ICMP, icmp(8, 0, struct.pack(">HH", 777, 3), b"ping"))))
emit(ether(ip4(A, B, UDP, udp(A, 7000, B, 7000, b"tos"), tos=0x10, ttl=1, ident=4242)))
emit(ether(ip4(A, A, UDP, udp(A, 7001, A, 7001, b"land"))))
c = Tcp(A, 40000, B, 8080)
c.segment(0, SYN | FIN, window=4242)
emit(ether(ip4(A, B, 89, b"ospf, or so it says")))
write()
