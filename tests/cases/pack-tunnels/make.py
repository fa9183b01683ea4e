from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def query(name, kind, times, sport):
    """DNS queries, one a second."""
    labels = b"".join(bytes([len(label)]) + label for label in name) + b"\0"
    for i in range(times):
        wait(1)
        head = struct.pack(">HHHHHH", i, 0x0100, 1, 0, 0, 0)
        send_udp(HOME, sport, "10.0.0.53", 53, head + labels + struct.pack(">HH", kind, 1))


def ping(size, times, payload=b"", kind=8, ident=1):
    for i in range(times):
        wait(1)
        body = payload + b"." * (size - len(payload))
        emit(ether(ip4(HOME, OUT, ICMP, icmp(kind, 0, struct.pack(">HH", ident, i), body))))


def first_words(words, to):
    global port
    port += 1
    c = Tcp(HOME, port, OUT, to)
    c.open()
    c.send(words)
    c.close()


A, NULL, TXT = 1, 10, 16
DATA = b"0123456789abcdef" * 4
# 9010201: ten queries; then nine, and ten with one long label.
query([DATA[:60], DATA[:55], b"t", b"example"], A, 10, 5001)
query([DATA[:60], DATA[:55], b"t", b"example"], A, 9, 5002)
query([DATA[:60], b"cdn", b"example"], A, 10, 5003)
# 9010202, and its neighbour TXT for a short name.
query([b"t", b"example"], NULL, 3, 5004)
query([b"t", b"example"], TXT, 3, 5005)
# 9010203, and a mail key of a common length.
query([DATA[:44], b"t", b"example"], TXT, 5, 5006)
query([DATA[:20], b"_domainkey", b"example"], TXT, 5, 5007)
# 9010204: WireGuard on 443; on its own port; and another datagram of that size.
send_udp(HOME, 5008, OUT, 443, b"\1\0\0\0" + b"w" * 144)
send_udp(HOME, 5009, OUT, 51820, b"\1\0\0\0" + b"w" * 144)
send_udp(HOME, 5010, OUT, 443, b"\1\0\0\1" + b"w" * 144)
# 9010205, and SSH where it belongs.
first_words(b"SSH-2.0-OpenSSH_9.2\r\n", 443)
first_words(b"SSH-2.0-OpenSSH_9.2\r\n", 22)
# 9010206; then four, and five of a common size.
ping(1000, 5)
wait(120)
ping(1000, 4)
wait(120)
ping(56, 5)
# 9010207, and the mark at another place.
ping(64, 1, b"\xd5\x20\x08\x80", ident=2)
ping(64, 1, b".\xd5\x20\x08\x80", ident=3)
# 9010208, and other words of Windows.
ping(64, 1, b"Microsoft Windows [Version 10.0]", kind=0, ident=4)
ping(64, 1, b"Microsoft Windows Version 10.0", kind=0, ident=5)
write()
