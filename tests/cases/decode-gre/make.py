from traffic import *


def gre(packet):
    return ether(ip4("192.0.2.1", "192.0.2.2", GRE, struct.pack(">HH", 0, 0x0800) + packet))


def gre_key(packet):
    return ether(ip4("192.0.2.1", "192.0.2.2", GRE, struct.pack(">HHI", 0x2000, 0x0800, 42) + packet))


for wrap in (gre, gre_key):
    c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080, wrap=wrap)
    c.open()
    c.send(b"INSIDE-")
    c.send(b"THE-TUNNEL")
    c.close()
write()
