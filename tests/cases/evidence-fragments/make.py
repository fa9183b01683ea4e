from traffic import *

A, B = "10.0.0.5", "203.0.113.9"
datagram = udp(A, 5000, B, 6000, b"." * 30 + b"CUT-BY-FRAGMENTS" + b"." * 50)
# In order; in reverse; one twice; with a datagram of another flow between. Each pattern is cut by the edge at byte 48.
for ident, order in ((1, (0, 1, 2)), (2, (2, 1, 0)), (3, (1, 0, 0, 2))):
    cut = fragments(A, B, UDP, datagram, (24, 24, 56), ident)
    for index in order:
        emit(cut[index])
        send_udp("10.0.0.6", 5000, B, 6000, b"of no interest")
# Never whole: of no flow.
for frame in fragments(A, B, UDP, datagram, (24, 24, 56), 4)[:2]:
    emit(frame)
write()
