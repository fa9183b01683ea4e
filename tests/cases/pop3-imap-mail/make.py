import base64

from traffic import *

mail = (
    b"From: eve@x.example\r\nSubject: report\r\nContent-Type: application/zip; name=\"report.zip\"\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(b"PK\x03\x04 stage two") + b"\r\n"
)


def talk(connection, turns):
    for ask, answer in turns:
        connection.send(ask)
        for at in range(0, len(answer), 50):
            connection.reply(answer[at : at + 50])


pop = Tcp("10.0.0.5", 40000, "203.0.113.9", 1110)
pop.open()
pop.reply(b"+OK ready\r\n")
talk(pop, [
    (b"USER eve\r\n", b"+OK\r\n"),
    (b"PASS x\r\n", b"+OK\r\n"),
    (b"RETR 1\r\n", b"+OK mail\r\n" + mail + b".\r\n"),
    (b"QUIT\r\n", b"+OK bye\r\n"),
])
pop.close()

imap = Tcp("10.0.0.5", 40001, "203.0.113.9", 1143)
imap.open()
imap.reply(b"* OK ready\r\n")
talk(imap, [
    (b"a LOGIN eve x\r\n", b"a OK in\r\n"),
    (b"b FETCH 1 (BODY[])\r\n", b"* 1 FETCH (BODY[] {%d}\r\n" % len(mail) + mail + b")\r\nb OK done\r\n"),
    (b"c APPEND Sent {%d}\r\n" % len(mail), b"+ go on\r\n"),
    (mail + b"\r\n", b"c OK done\r\n"),
    (b"d LOGOUT\r\n", b"* BYE\r\nd OK\r\n"),
])
imap.close()
write()
