from traffic import *

DIRECTORY, FILE = b"directory handle", b"file handle."


def words(*values):
    return struct.pack(f">{len(values)}I", *values)


def opaque(data):
    return words(len(data)) + data + bytes(-len(data) % 4)


def call(xid, version, procedure, arguments):
    who = words(9) + opaque(b"pc") + words(1000, 100, 0)
    return words(xid, 0, 2, 100003, version, procedure, 1) + opaque(who) + words(0, 0) + arguments


def reply(xid, results):
    return words(xid, 1, 0, 0, 0, 0) + results


def record(message):
    return struct.pack(">I", 0x80000000 | len(message)) + message


contents = b"#!/bin/sh" + bytes(4984) + b"the end"
# Version 2, over UDP.
send_udp("10.0.0.5", 1023, "10.0.0.9", 2049, call(1, 2, 10, bytes(32) + opaque(b"old")))
send_udp("10.0.0.9", 2049, "10.0.0.5", 1023, reply(1, words(2)))
# Version 3: written in two pieces, the second first, and cut by segments.
c = Tcp("10.0.0.5", 1022, "10.0.0.9", 2049)
c.open()
c.send(record(call(2, 3, 3, opaque(DIRECTORY) + opaque(b"evil.sh"))))
c.reply(record(reply(2, words(0) + opaque(FILE) + words(0, 0))))
for xid, at, data in [(3, 3000, contents[3000:]), (4, 0, contents[:3000])]:
    sent = record(call(xid, 3, 7, opaque(FILE) + words(0, at, len(data), 2) + opaque(data)))
    c.send(sent[:1400])
    c.send(sent[1400:])
    c.reply(record(reply(xid, words(0, 0, 0, len(data), 2, 0, 0))))
c.send(record(call(5, 3, 21, opaque(FILE) + words(0, 0, 0))))
c.reply(record(reply(5, words(0, 0, 0))))
c.send(record(call(6, 3, 6, opaque(FILE) + words(0, 0, 8192))))
c.reply(record(reply(6, words(0, 0, len(contents), 1) + opaque(contents))))
c.close()
write()
