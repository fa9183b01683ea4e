from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def say(words, to, server="10.0.0.9"):
    global port
    port += 1
    c = Tcp(HOME, port, server, to)
    c.open()
    c.send(words)
    c.close()


def smb(body, dialect=b"\xfeSMB\x40\0"):
    return struct.pack(">I", len(dialect) + len(body)) + dialect + body


def wide(text):
    return text.encode("utf-16-le")


def block(tag, body):
    """A BER element with a short length."""
    return bytes([tag, len(body)]) + body


# 9010401, and another service.
say(smb(b"\0" * 60 + wide("PSEXESVC.exe")), 445)
say(smb(b"\0" * 60 + wide("SPOOLSVC.exe")), 445)
# 9010402, and a command whose output goes elsewhere.
say(b"\5\0\0\3" + b"cmd.exe /Q /c whoami 1> \\\\127.0.0.1\\ADMIN$\\__1700000000.5 2>&1", 49667)
say(b"\5\0\0\3" + b"cmd.exe /Q /c whoami 1> \\\\10.0.0.7\\ADMIN$\\__1700000000.5 2>&1", 49667)
# 9010403, and the variable in another command.
say(smb(b"\0" * 60 + wide("%COMSPEC% /Q /c echo dir ^> x")), 445)
say(smb(b"\0" * 60 + wide("%COMSPEC% /k echo dir")), 445)
# 9010404: present; and one account's names, by equality.
say(block(0x30, b"\2\1\1" + block(0x63, block(0xA0, block(0x87, b"servicePrincipalName")))), 389)
say(block(0x30, b"\2\1\1" + block(0x63, block(0xA3, block(4, b"servicePrincipalName") + block(4, b"HTTP/x")))), 389)
# 9010405, and another bit: accounts that are switched off.
for bit in (b"4194304", b"2"):
    flag = block(0x81, b"1.2.840.113556.1.4.803") + block(0x82, b"userAccountControl") + block(0x83, bit)
    say(block(0x30, b"\2\1\1" + block(0x63, block(0xA9, flag))), 389)
# 9010406, and the usual offer of old and new.
old = b"\xffSMBr\0\0\0\0"
say(smb(b"\x18" + b"\0" * 22 + b"\2NT LM 0.12\0", old), 445)
say(smb(b"\x18" + b"\0" * 22 + b"\2NT LM 0.12\0\2SMB 2.002\0\2SMB 2.???\0", old), 445)
# 9010407: to a server outside; inside it is quiet.
say(smb(b"\0" * 60), 445, OUT)
say(smb(b"\0" * 60), 445)
# 9010408, and at home.
REQUEST = b"\3\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n"
say(REQUEST, 8443)
say(REQUEST, 3389)
write()
