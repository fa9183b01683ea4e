from traffic import *

# The capture begins in the middle of a connection, with what its server says: the first packet's sender is not the client.
c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
c.reply(b"HTTP/1.1 200 OK\r\nServer: granite\r\nContent-Length: 4\r\n\r\nbody")
c.acks(0)
c.send(b"GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n")
c.reply(b"HTTP/1.1 204 No Content\r\n\r\n")
c.close()
# All that there is of another one: data with its FIN.
d = Tcp("10.0.0.6", 40001, "203.0.113.9", 80)
d.segment(0, FIN | PSH | ACK, b"GET /last HTTP/1.1\r\nHost: b.example\r\n\r\n")
# Encrypted SMB is the same from either side: only the port tells whose it is.
e = Tcp("10.0.0.7", 40002, "10.0.0.9", 445)
sealed = bytes(16) + struct.pack("<12xIHHQ", 64, 0, 1, 7) + bytes(64)
message = struct.pack(">I", 4 + len(sealed)) + b"\xfdSMB" + sealed
e.reply(message)
e.send(message)
e.reply(message)
e.close()
write()
