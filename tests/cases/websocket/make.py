import zlib

from traffic import *


def frame(first, payload, mask=None):
    head = bytes([first, len(payload) | (0x80 if mask else 0)])
    key = mask.to_bytes(4, "big") if mask else bytes(4)
    return head + (key if mask else b"") + bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))


c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()
c.send(b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGVzdA==\r\n\r\n")
# The server's first frame comes with its answer.
c.reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + frame(0x81, b"welcome"))
# A command in two frames with a ping between them; the first in two segments.
first = frame(0x01, b"run calc", mask=0x12345678)
c.send(first[:5])
c.send(first[5:])
c.send(frame(0x89, b"still there?", mask=0x01020304))
c.send(frame(0x80, b".exe now", mask=0x9ABCDEF0))
packer = zlib.compressobj(wbits=-15)
c.reply(frame(0xC2, (packer.compress(b"stolen stolen stolen data") + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]))
c.close()
write()
