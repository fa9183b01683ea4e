#!/usr/bin/env python3
"""Frames for the page's test, sent on an interface: traffic.py IF WHAT [COUNT]

  quiet          a few flows that no rule asks for
  word TEXT      one datagram with that text
  http PATH      a whole HTTP request and its answer over TCP
  flood COUNT    so many datagrams that each make an alert, paced
"""
import socket
import struct
import sys
import time

CLIENT, SERVER = "10.1.0.7", "198.51.100.9"
MAC = [bytes.fromhex("020000000001"), bytes.fromhex("020000000002")]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(src, dst, proto, payload):
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0) + ends
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    macs = MAC[1] + MAC[0] if src == CLIENT else MAC[0] + MAC[1]
    return macs + b"\x08\0" + head + payload


def with_checksum(src, dst, proto, segment, at):
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, proto, len(segment))
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment) or 0xFFFF) + segment[at + 2 :]


def udp(text, port, src=CLIENT, dst=SERVER):
    data = text.encode()
    segment = struct.pack("!HHHH", port, 9999, 8 + len(data), 0) + data
    return ip(src, dst, 17, with_checksum(src, dst, 17, segment, 6))


def tcp(src, dst, ports, seq, ack, flags, data=b""):
    segment = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65000, 0, 0) + data
    return ip(src, dst, 6, with_checksum(src, dst, 6, segment, 16))


def http(path, port):
    request = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: <script>hacked=1</script>\r\n\r\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"
    up, down = (port, 80), (80, port)
    yield tcp(CLIENT, SERVER, up, 100, 0, 2)
    yield tcp(SERVER, CLIENT, down, 900, 101, 0x12)
    yield tcp(CLIENT, SERVER, up, 101, 901, 0x10)
    yield tcp(CLIENT, SERVER, up, 101, 901, 0x18, request)
    yield tcp(SERVER, CLIENT, down, 901, 101 + len(request), 0x18, answer)
    yield tcp(CLIENT, SERVER, up, 101 + len(request), 901 + len(answer), 0x11)
    yield tcp(SERVER, CLIENT, down, 901 + len(answer), 102 + len(request), 0x11)
    yield tcp(CLIENT, SERVER, up, 102 + len(request), 902 + len(answer), 0x10)


def main():
    interface, what, *rest = sys.argv[1:]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    if what == "word":
        out.send(udp(rest[0], 20000))
    elif what == "http":
        for frame in http(rest[0], int(time.time()) % 20000 + 30000):
            out.send(frame)
            time.sleep(0.002)
    elif what == "quiet":
        for n in range(400):
            out.send(udp("nothing to see " * (n % 60), 21000 + n % 40, f"10.1.0.{n % 9 + 10}", f"203.0.113.{n % 23 + 1}"))
            time.sleep(0.0005)
    elif what == "flood":
        words = ["a beacon calls home", "a transfer out", "an odd name was looked up"]
        begin = time.monotonic()
        for n in range(int(rest[0])):
            out.send(udp(f"flood {n} {words[n % 3]}", 22000 + n % 500, f"10.1.{n % 7}.{n % 200 + 1}", f"203.0.113.{n % 90 + 1}"))
            # No faster than the page takes them: 10,000 a second for each worker.
            if n % 50 == 0:
                time.sleep(max(0, begin + n / 4000 - time.monotonic()))


main()
