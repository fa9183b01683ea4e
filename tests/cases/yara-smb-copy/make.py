from traffic import *

FILE = b"F" * 16
message = 0


def wide(text):
    return text.encode("utf-16-le")


def smb2(command, body, answer=False):
    """A message of SMB 2, in its record."""
    head = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16x", 64, 1, 0, command, 1, int(answer), 0, message, 0, 1, 7)
    return struct.pack(">I", len(head) + len(body)) + head + body


def ask(command, body, answer):
    global message
    message += 1
    request = smb2(command, body)
    for at in range(0, len(request), 1400):
        c.send(request[at : at + 1400])
    c.reply(smb2(command, answer, answer=True))


def copy(name, data):
    """Opens a file on the share, writes it in two pieces, closes it."""
    body = struct.pack("<H34xIIHH8x", 57, 2, 0, 120, 2 * len(name)) + wide(name)
    ask(5, body, struct.pack("<HHI48x8x", 89, 0, 2) + FILE)
    half = len(data) // 2
    for offset, piece in (0, data[:half]), (half, data[half:]):
        ask(9, struct.pack("<HHIQ16s16x", 49, 112, len(piece), offset, FILE) + piece, struct.pack("<H14x", 17))
    ask(6, struct.pack("<H6x", 24) + FILE, bytes(60))


def program(holds=b""):
    """As much of a program as its readers need, and what it holds."""
    stub = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + b"\x0e\x1f\xba\x0e" + b"This program cannot be run in DOS mode.\r\r\n$"
    return stub.ljust(0x80, b"\0") + b"PE\0\0\x64\x86\1\0" + bytes(240) + holds + bytes(200)


NAMES = [b"LoadLibraryA", b"GetProcAddress", b"VirtualAlloc", b"WriteProcessMemory", b"CreateRemoteThread"]
REVERSED = b"\0".join(name[::-1] for name in NAMES)

c = Tcp("10.0.0.5", 49300, "10.0.0.9", 445)
c.open()
share = "\\\\10.0.0.9\\ADMIN$"
ask(3, struct.pack("<HHHH", 9, 0, 72, 2 * len(share)) + wide(share), struct.pack("<HBx12x", 16, 1))

# The implant; the same names the right way round; and the reversed ones in a text.
copy("temp\\svchost.exe", program(REVERSED))
copy("temp\\setup.exe", program(b"\0".join(NAMES)))
copy("temp\\names.log", REVERSED)
# A program called a picture; a program called one; a text called a document.
copy("public\\party.jpg", program())
copy("public\\party.exe", program())
copy("public\\party.docx", b"MZ is what he is called\n" * 20)
# A picture with a program behind it, and one with the two letters in it by chance.
copy("public\\logo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)) + program())
copy("public\\photo.png", b"\x89PNG\r\n\x1a\n" + b"MZ" + bytes(range(1, 256)) * 2)
# The next stage under a key; turned around; and a text about such things.
copy("temp\\a.dat", bytes(b ^ 0x5A for b in program()))
copy("temp\\b.dat", program()[::-1])
copy("temp\\readme.txt", b"It begins with: This program cannot be run in DOS mode\n")
# The memory of lsass, and of another process.
copy("temp\\debug.bin", b"MDMP\x93\xa7" + bytes(200) + wide("C:\\Windows\\System32\\lsass.exe") + bytes(40) + wide("lsasrv.dll"))
copy("temp\\crash.dmp", b"MDMP\x93\xa7" + bytes(200) + wide("C:\\Program Files\\notes.exe") + bytes(40))
# Hives: that with the passwords, and a user's.
copy("temp\\s.tmp", b"regf" + bytes(44) + wide("\\SystemRoot\\System32\\Config\\SAM") + bytes(500))
copy("temp\\u.tmp", b"regf" + bytes(44) + wide("\\??\\C:\\Users\\eve\\ntuser.dat") + bytes(500))
c.close()
write()
