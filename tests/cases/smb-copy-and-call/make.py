from traffic import *

SVCCTL = bytes.fromhex("81bb7a364498f135ad3298f038001003")
FILE, PIPE = b"F" * 16, b"P" * 16
STATUS = b"\0" * 4
message = 0


def wide(text):
    return text.encode("utf-16-le")


def smb2(command, tree, body, answer=False):
    """A message of SMB 2, in its record."""
    head = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16x", 64, 1, 0, command, 1, int(answer), 0, message, 0, tree, 7)
    return struct.pack(">I", len(head) + len(body)) + head + body


def ask(command, tree, body, answer, cut=0):
    """A command, perhaps in two segments, and its answer."""
    global message
    message += 1
    request = smb2(command, tree, body)
    c.send(request[:cut or len(request)])
    if cut:
        c.send(request[cut:])
    c.reply(smb2(command, tree, answer, answer=True))


def connect(share, tree, kind):
    ask(3, tree, struct.pack("<HHHH", 9, 0, 72, 2 * len(share)) + wide(share), struct.pack("<HBx12x", 16, kind))


def create(name, tree, ident):
    body = struct.pack("<H34xIIHH8x", 57, 2, 0, 120, 2 * len(name)) + wide(name)
    ask(5, tree, body, struct.pack("<HHI48x8x", 89, 0, 2) + ident)


def put(tree, ident, offset, data, cut=0):
    ask(9, tree, struct.pack("<HHIQ16s16x", 49, 112, len(data), offset, ident) + data, struct.pack("<H14x", 17), cut)


def pdu(kind, flags, call, body):
    return struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, 16 + len(body), 0, call) + body


def field(text, at):
    return struct.pack("<HHI", 2 * len(text), 2 * len(text), at)


c = Tcp("10.0.0.5", 49300, "10.0.0.9", 445)
c.open()
blob = b"NTLMSSP\0" + struct.pack("<I16x", 3) + field("DOM", 64) + field("alice", 70) + field("PC", 80) + bytes(8) + struct.pack("<I", 1)
blob += wide("DOMalicePC")
ask(1, 0, struct.pack("<H10xHH8x", 25, 88, len(blob)) + blob, struct.pack("<H6x", 9))
connect("\\\\10.0.0.9\\ADMIN$", 1, 1)
create("temp\\evil.exe", 1, FILE)
# The end first, the middle cut in two, and one byte twice.
put(1, FILE, 30004, b"the end")
put(1, FILE, 0, b"MZ" + bytes(30001), cut=9000)
put(1, FILE, 30002, b"\0\0")
ask(6, 1, struct.pack("<H6x", 24) + FILE, bytes(60))
connect("\\\\10.0.0.9\\IPC$", 2, 2)
create("svcctl", 2, PIPE)
bind = pdu(11, 3, 1, struct.pack("<HHIIHBx", 4280, 4280, 0, 1, 0, 1) + SVCCTL + struct.pack("<HH", 2, 0) + bytes(20))
put(2, PIPE, 0, bind)
ack = pdu(12, 3, 1, struct.pack("<HHIH2xI", 4280, 4280, 1, 0, 1) + struct.pack("<HH", 0, 0) + bytes(20))
ask(8, 2, struct.pack("<HHIQ", 49, 0, 4280, 0) + PIPE + bytes(17), struct.pack("<HBxI8x", 17, 80, len(ack)) + ack)
call = pdu(0, 3, 2, struct.pack("<IHH", 0, 0, 12) + b"evil service")
result = pdu(2, 3, 2, bytes(8))
head = struct.pack("<HHI16s", 57, 0, 0x11C017, PIPE)
ask(11, 2, head + struct.pack("<II24x", 120, len(call)) + call, head + struct.pack("<IIII8x", 0, 0, 112, len(result)) + result)
c.close()
write()
