from traffic import *

# Initial packets of QUIC 1, sealed with the keys that follow from the client's name for the server, 8394c8f03e515708 (RFC 9001, 5.2).
# The client's hello (example.org, h3) comes in two, of which the second is sent first.
FIRST = (
    "cb00000001088394c8f03e51570800004081cec111c8463411da9afca327a7a74f95a18b74c4251717f9ac57101cb671b8699d2107b30b72e369430c705e7b10"
    "20fc16f1e375e9067bd622e1bb76a4e7ca9131691433aa405bf6f90385d81620e00cb659902eded332fe9df98853677fec440aa0070081e625f76c1e5126389f"
    "f5145e994503d2f3f62c1070c89200cca6c1b6"
)
SECOND = "c500000001088394c8f03e51570800004024230b6c7f6cbaabbc6307c2cee6e49ca0337ea6419a35d8afc91ec951a3c6a85588e09888"
SERVER = (
    "cd00000001000000404fd646e282aeb039b11bdca993c0095fdc943438b121e2dd402d6133932d24338efe8a6d9c3c26e4fb5a5a42e3121be1751ee5c5759c2b"
    "5b81ae469cc56f744f178613c55ea41c3ff156f59149b61979"
)
send_udp("10.0.0.5", 40000, "203.0.113.9", 443, bytes.fromhex(SECOND))
send_udp("10.0.0.5", 40000, "203.0.113.9", 443, bytes.fromhex(FIRST))
send_udp("203.0.113.9", 443, "10.0.0.5", 40000, bytes.fromhex(SERVER))

# Google's QUIC, which is not encrypted: a client's hello with three tags.
values = [(b"SNI\0", b"example.net"), (b"VER\0", b"Q046"), (b"UAID", b"Test/1")]
tags, end = b"", 0
for tag, value in values:
    end += len(value)
    tags += tag + struct.pack("<I", end)
message = b"CHLO" + struct.pack("<HH", len(values), 0) + tags + b"".join(value for _, value in values)
frame = b"\xa0\x01" + struct.pack(">H", len(message)) + message
send_udp("10.0.0.5", 40001, "203.0.113.9", 443, b"\xc3Q046\x50connectn\0\0\0\x01" + bytes(12) + frame)
write()
