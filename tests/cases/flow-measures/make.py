from traffic import *

c = Tcp("10.0.0.5", 40000, "203.0.113.9", 8080)
c.open()                        # 3 packets, 2 of them to the server
c.send(b"x" * 100)              # the client has used 101 numbers
c.acks(1)
wait(5)
c.reply(b"y" * 50)              # the server 51
c.acks(0)
c.close()
write()
