from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def fetch(answer, server_port=4444):
    """Something comes in."""
    global port
    port += 1
    c = Tcp(HOME, port, OUT, server_port)
    c.open()
    c.send(b"GIVE\n")
    for at in range(0, len(answer), 300):
        c.reply(answer[at:at + 300])
    c.close()


def put(what, to=4444):
    """Something goes out."""
    global port
    port += 1
    c = Tcp(HOME, port, OUT, to)
    c.open()
    c.send(what)
    c.close()


PROGRAM = b"MZ\x90\0" + b"\0" * 74 + b"This program cannot be run in DOS mode.\r\r\n$" + b"\0" * 60 + b"PE\0\0\x64\x86"
# 9010301, cut within the words; on a web port; and a text that has the words.
fetch(b"OK" + b"." * 200 + PROGRAM)
fetch(b"OK" + b"." * 200 + PROGRAM, 80)
fetch(b"It says: This program cannot be run in DOS mode. MZ it begins with, and PE follows")
# 9010302, and TFTP.
send_udp(OUT, 7777, HOME, 5001, PROGRAM)
send_udp(OUT, 69, HOME, 5002, b"\0\3\0\1" + PROGRAM)
# 9010303, and one that comes late in a stream.
ELF = b"\x7fELF\2\1\1" + b"\0" * 9 + b"\2\0\x3e\0"
fetch(ELF)
fetch(b"." * 80 + ELF)
# 9010304 and 9010305, behind a name; by FTP; and a zip archive.
put(b"UP a.7z\n7z\xbc\xaf\x27\x1c\0\4")
put(b"UP a.rar\nRar!\x1a\7\1\0")
put(b"7z\xbc\xaf\x27\x1c\0\4Rar!\x1a\7\1\0", 20)
put(b"UP a.zip\nPK\3\4Rar!7z")
write()
