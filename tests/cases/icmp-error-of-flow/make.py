from traffic import *

# A datagram, and the answer that nobody listens there: the error quotes the datagram's headers.
A, B = "10.0.0.5", "203.0.113.9"
send_udp(A, 5000, B, 6000, b"anyone?")
quoted = ip4(A, B, UDP, udp(A, 5000, B, 6000, b"anyone?"))[:28]
emit(ether(ip4(B, A, ICMP, icmp(3, 3, b"\0" * 4, quoted))))
write()
