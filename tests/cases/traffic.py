"""Frames for the cases' captures, from nothing but the standard library.

A case's make.py reads like the conversation that it makes:

    from traffic import *
    c = Tcp("10.0.0.5", 40000, "203.0.113.9", 80)
    c.open()
    c.send(b"GET / HTTP/1.1\\r\\n\\r\\n")      # client to server
    c.reply(b"HTTP/1.1 200 OK\\r\\n\\r\\n")    # server to client
    c.close()
    write()                                    # to the file named on the command line

What is sent is emitted at once, a millisecond after the frame before. For anything odd, take the frame instead and emit it by hand:
`late = c.send(b"...", emit=False)`, then `emit(late)`.
"""
import ipaddress
import struct
import sys

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ICMP, TCP, UDP, GRE, ICMPV6 = 1, 6, 17, 47, 58

CLIENT_MAC, SERVER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
frames = []
clock = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC


def emit(frame, after=0.001):
    """Puts a frame into the capture, `after` seconds later than the one before it."""
    global clock
    clock += after
    frames.append((clock, frame))
    return frame


def wait(seconds):
    """Lets time pass."""
    global clock
    clock += seconds


def pcap(link_type=1, snaplen=262144):
    """The capture's bytes: pcap, little endian, microseconds."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link_type)]
    for at, frame in frames:
        micros = round(at * 1_000_000)
        data = frame[:snaplen]
        out.append(struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(data), len(frame)) + data)
    return b"".join(out)


def write(link_type=1, cut=0, snaplen=262144):
    """Writes the capture to the file named on the command line, without its last `cut` bytes."""
    data = pcap(link_type, snaplen)
    with open(sys.argv[1], "wb") as out:
        out.write(data[: len(data) - cut])


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(payload, ethertype=0x0800, vlans=(), src=CLIENT_MAC, dst=SERVER_MAC):
    """An Ethernet frame. `vlans` are tags, outermost first; with two, the outer one is 802.1ad."""
    tags = b""
    for i, vlan in enumerate(vlans):
        tags += struct.pack(">HH", 0x88A8 if len(vlans) > 1 and i == 0 else 0x8100, vlan)
    return dst + src + tags + struct.pack(">H", ethertype) + payload


def ip4(src, dst, proto, payload, ttl=64, tos=0, ident=1, flags=0, offset=0, options=b"", bad_checksum=False, length=None):
    """An IPv4 packet. `offset` in bytes; `flags` 1 is more-fragments, 2 don't-fragment."""
    words = 5 + len(options) // 4
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | words, tos, words * 4 + len(payload) if length is None else length, ident, flags << 13 | offset // 8, ttl, proto, 0,
        ipaddress.IPv4Address(src).packed, ipaddress.IPv4Address(dst).packed,
    ) + options
    total = checksum(head) ^ (0x5555 if bad_checksum else 0)
    return head[:10] + struct.pack(">H", total) + head[12:] + payload


def ip6(src, dst, proto, payload, hop_limit=64, extensions=()):
    """An IPv6 packet. `extensions` are (header number, bytes after its next-header byte)."""
    following = proto
    for number, body in reversed(extensions):
        payload = bytes([following]) + body + payload
        following = number
    return struct.pack(
        ">IHBB16s16s", 6 << 28, len(payload), following, hop_limit,
        ipaddress.IPv6Address(src).packed, ipaddress.IPv6Address(dst).packed,
    ) + payload


def is_v6(address):
    return ":" in address


def ip(src, dst, proto, payload, **fields):
    return (ip6 if is_v6(src) else ip4)(src, dst, proto, payload, **fields)


def transport_sum(src, dst, proto, segment, at):
    """`segment` with the checksum of its pseudo header filled in at byte `at`."""
    pack = ipaddress.ip_address
    pseudo = pack(src).packed + pack(dst).packed + struct.pack(">II", len(segment), proto)
    total = checksum(pseudo + segment) or 0xFFFF
    return segment[:at] + struct.pack(">H", total) + segment[at + 2:]


def udp(src, sport, dst, dport, payload):
    """A UDP datagram, without its IP header."""
    return transport_sum(src, dst, UDP, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, 6)


def send_udp(src, sport, dst, dport, payload, vlans=(), **fields):
    """Emits a UDP packet."""
    kind = 0x86DD if is_v6(src) else 0x0800
    return emit(ether(ip(src, dst, UDP, udp(src, sport, dst, dport, payload), **fields), kind, vlans))


def fragments(src, dst, proto, payload, sizes, ident=77):
    """Ethernet frames with the IPv4 fragments of `payload`; all `sizes` but the last are multiples of 8."""
    out, at = [], 0
    for size in sizes:
        more = 1 if at + size < len(payload) else 0
        out.append(ether(ip4(src, dst, proto, payload[at:at + size], ident=ident, flags=more, offset=at)))
        at += size
    return out


def icmp(kind, code, rest, payload=b""):
    """An ICMP message; `rest` is bytes 4 to 7."""
    message = struct.pack(">BBH4s", kind, code, 0, rest) + payload
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


class Tcp:
    """A TCP connection. Sequence numbers are kept for both sides."""

    def __init__(self, client, client_port, server, server_port, vlans=(), wrap=None, client_isn=1000, server_isn=5000, **fields):
        self.ends = [(client, client_port), (server, server_port)]
        self.next = [client_isn, server_isn]
        self.vlans, self.wrap, self.fields = vlans, wrap, fields

    def segment(self, side, flags, payload=b"", seq=None, ack=None, emit=True, options=b"", window=64240, bad_checksum=False):
        """A segment of side 0 (client) or 1 (server), at its next sequence number or at `seq`, which then does not move it on."""
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        moves = seq is None
        seq = self.next[side] if moves else seq
        ack = self.next[1 - side] if ack is None else ack
        head = struct.pack(
            ">HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32 if flags & ACK else 0, (5 + len(options) // 4) << 4, flags, window, 0, 0)
        whole = transport_sum(src, dst, TCP, head + options + payload, 16)
        if bad_checksum:
            whole = whole[:16] + bytes([whole[16] ^ 0x55]) + whole[17:]
        if moves:
            self.next[side] += len(payload) + (1 if flags & (SYN | FIN) else 0)
        packet = ip(src, dst, TCP, whole, **self.fields)
        frame = self.wrap(packet) if self.wrap else ether(packet, 0x86DD if is_v6(src) else 0x0800, self.vlans)
        return globals()["emit"](frame) if emit else frame

    def open(self):
        self.segment(0, SYN, options=b"\x02\x04\x05\xb4")
        self.segment(1, SYN | ACK, options=b"\x02\x04\x05\xb4")
        self.segment(0, ACK)

    def send(self, payload, **how):
        return self.segment(0, PSH | ACK, payload, **how)

    def reply(self, payload, **how):
        return self.segment(1, PSH | ACK, payload, **how)

    def acks(self, side):
        """The other side's data is acknowledged."""
        return self.segment(side, ACK)

    def close(self):
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)
