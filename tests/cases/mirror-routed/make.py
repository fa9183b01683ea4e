from traffic import *


class Routed(Tcp):
    """Each segment is seen on its sender's VLAN, and again as the router sends it on."""

    def segment(self, side, flags, payload=b"", **how):
        seq, ack = self.next[side], self.next[1 - side]
        self.vlans, self.fields = ((10,), (20,))[side], {"ttl": 64}
        super().segment(side, flags, payload, **how)
        self.vlans, self.fields = ((20,), (10,))[side], {"ttl": 63}
        super().segment(side, flags, payload, seq=seq, ack=ack, **how)


talk = Routed("10.0.0.5", 40000, "203.0.113.9", 80)
talk.open()
talk.send(b"GET /evil HTTP/1.1\r\nHost: a.example\r\n\r\n")
talk.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nBEEF")
talk.acks(0)
talk.close()
write()
