from traffic import *

# A scanner marks itself; its next connection is known, another host's is not.
send_udp("10.0.0.66", 4000, "10.0.0.1", 7, b"PROBE")
send_udp("10.0.0.66", 4001, "10.0.0.2", 9, b"NEXT")
send_udp("10.0.0.5", 4000, "10.0.0.2", 9, b"NEXT")
wait(20)
send_udp("10.0.0.66", 4002, "10.0.0.3", 9, b"NEXT")
# Three failed logins on one connection.
c = Tcp("10.0.0.7", 40000, "203.0.113.9", 2121)
c.open()
for _ in range(3):
    c.send(b"PASS wrong\n")
    c.reply(b"530 no\n")
c.send(b"QUIT\n")
c.close()
write()
