from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 2121)
c.open()
c.reply(b"220 FTP ready\r\n")


def ask(command, answer):
    c.send(command + b"\r\n")
    c.reply(answer + b"\r\n")


ask(b"USER eve", b"331 password")
ask(b"PASS hunter2", b"230 in")
# The client fetches: it connects, and only then says what it wants.
ask(b"PASV", b"227 Entering Passive Mode (203,0,113,9,200,1)")
data = Tcp("10.0.0.5", 40001, "203.0.113.9", 200 * 256 + 1)
data.open()
ask(b"RETR stage2.bin", b"150 coming")
data.reply(b"MZ" + bytes(50) + b"stage two")
data.close()
c.reply(b"226 done\r\n")
# The client sends, and the server connects.
ask(b"EPRT |1|10.0.0.5|5282|", b"200 ok")
c.send(b"STOR cables.zip\r\n")
c.reply(b"150 go on\r\n")
up = Tcp("203.0.113.9", 20, "10.0.0.5", 5282)
up.open()
up.reply(b"PK\x03\x04 confidential")
up.close()
c.reply(b"226 done\r\n")
# The same ports, but nobody said that this would come.
again = Tcp("203.0.113.9", 20, "10.0.0.5", 5282, client_isn=900000, server_isn=700000)
again.open()
again.reply(b"PK\x03\x04 confidential")
again.close()
ask(b"QUIT", b"221 bye")
c.close()
write()
