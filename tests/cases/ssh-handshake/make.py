from traffic import *


def packet(payload):
    """A packet as it is before keys are in use (RFC 4253, 6)."""
    return struct.pack(">IB", len(payload) + 5, 4) + payload + b"\0" * 4


def kexinit(*lists):
    names = b"".join(struct.pack(">I", len(name)) + name.encode() for name in lists)
    return packet(b"\x14" + b"\x07" * 16 + names + b"\0" * 5)


lists = ["curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha1", "none", "zlib", "", ""]
c = Tcp("10.0.0.5", 40000, "192.0.2.22", 2222)
c.open()
c.send(b"SSH-2.0-Pear_1.4 on a tree\r\n")
c.reply(b"SSH-2.0-Plum_2.0\r\n")
c.send(kexinit(*lists))
c.reply(kexinit(*lists))
c.send(packet(b"\x15"))
c.reply(packet(b"\x15"))
c.send(b"encrypted Pear")
c.close()
write()
