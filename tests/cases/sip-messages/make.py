from traffic import *

DESCRIPTION = b"v=0\r\no=ann 1 1 IN IP4 192.0.2.1\r\ns=call\r\nt=0 0\r\nm=audio 3000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


def invite(via):
    head = f"INVITE sip:bob@plum.example SIP/2.0\r\nVia: {via}\r\nf: Ann <sip:ann@pear.example>\r\nUser-Agent: friendly-scanner\r\n"
    return head.encode() + b"c: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(DESCRIPTION) + DESCRIPTION


TRYING = b"SIP/2.0 100 Trying\r\nVia: x\r\nContent-Length: 0\r\n\r\n"
send_udp("10.0.0.5", 5060, "192.0.2.60", 5060, invite("SIP/2.0/UDP a"))
send_udp("192.0.2.60", 5060, "10.0.0.5", 5060, TRYING)
# On TCP and another port, two messages in a row, cut in the second.
both = invite("SIP/2.0/TCP b") + b"\r\n" + invite("SIP/2.0/TCP c")
c = Tcp("10.0.0.5", 40000, "192.0.2.60", 7000)
c.open()
c.send(both[:400])
c.send(both[400:])
c.reply(TRYING)
c.close()
write()
