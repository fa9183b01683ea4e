from traffic import *


def vxlan(packet):
    inner = ether(packet)
    return ether(ip4("192.0.2.1", "192.0.2.2", UDP, udp("192.0.2.1", 50000, "192.0.2.2", 4789, struct.pack(">II", 0x08000000, 7 << 8) + inner)))


c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080, wrap=vxlan)
c.open()
c.send(b"INSIDE-")
c.send(b"THE-TUNNEL")
c.close()
write()
