from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def say(words, to=4444, answer=b""):
    global port
    port += 1
    c = Tcp(HOME, port, OUT, to)
    c.open()
    c.send(words)
    if answer:
        c.reply(answer)
    c.close()


PROGRAM = b"MZ\x90\0" + b"\0" * 74 + b"This program cannot be run in DOS mode.\r\r\n$" + b"\0" * 60 + b"PE\0\0\x64\x86"
# 9010501 on a port where 9010301 looks too; a length that cannot be one; and a program without it.
say(b"x", 4444, struct.pack("<I", 175_174) + PROGRAM)
say(b"x", 443, struct.pack("<I", 0x20202020) + PROGRAM)
say(b"x", 443, PROGRAM)
# 9010502, and the word without a stream of zlib.
say(b"Gh0st" + struct.pack("<II", 120, 400) + b"\x78\x9c" + b"z" * 105)
say(b"Gh0st" + struct.pack("<II", 120, 400) + b"zz" * 50)
# 9010503, and its separator late.
say(b"229\0ll|'|'|SGFjS2Vk|'|'|HOST|'|'|user")
say(b"." * 20 + b"229\0ll|'|'|SGFjS2Vk")
# 9010504, and at a chat network's port.
say(b"NICK bot7\r\nUSER bot7 0 * :real name\r\n")
say(b"NICK bot7\r\nUSER bot7 0 * :real name\r\n", 6667)
# 9010505 and 9010506, and other calls of the same form.
say(b'{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5.1"]}\n', 3333)
say(b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4x","pass":"x","agent":"XMRig/6.21.0"}}\n', 3333)
say(b'{"id":1,"method":"mining","params":["subscribe"]}\n', 3333)
say(b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"alice","agent":"Client/1.0"}}\n', 3333)
write()
