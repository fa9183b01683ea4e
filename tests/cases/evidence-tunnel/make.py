from traffic import *


def vxlan(packet):
    inner = ether(packet, vlans=(7,))
    return ether(ip4("192.0.2.1", "192.0.2.2", UDP, udp("192.0.2.1", 50000, "192.0.2.2", 4789, struct.pack(">II", 0x08000000, 7 << 8) + inner)))


c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080, wrap=vxlan)
other = Tcp("10.0.0.6", 40000, "203.0.113.9", 8080, wrap=vxlan)
c.open()
other.open()
c.send(b"INSIDE-")
c.send(b"THE-TUNNEL")
other.close()
c.close()
write()
