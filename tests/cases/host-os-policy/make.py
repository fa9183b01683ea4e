from traffic import *

# A hole before the overlapping segments holds them back until it is filled.
for server, second_at in (("203.0.113.8", 4), ("203.0.113.9", 4), ("203.0.113.10", 5), ("198.51.100.1", 4)):
    c = Tcp("10.0.0.5", 40000, server, 8080)
    c.open()
    start = c.next[0]
    c.send(b"first", seq=start + 4)
    c.send(b"second", seq=start + second_at)
    c.send(b"say:", seq=start)
    c.next[0] = start + second_at + 6
    c.acks(1)
    c.close()

# A fragment that starts before an earlier one and ends with it: BSD would take it, Windows does not.
A, B = "10.0.0.5", "203.0.113.8"
whole = udp(A, 5000, B, 53535, b"b" * 8 + b"a" * 8 + b"c" * 8)
for at, data, more in ((16, b"a" * 8, 1), (8, b"b" * 16, 1), (0, whole[:8], 1), (24, b"c" * 8, 0)):
    emit(ether(ip4(A, B, UDP, data, ident=9, flags=more, offset=at)))
write()
