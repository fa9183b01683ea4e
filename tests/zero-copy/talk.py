"""Two ends of TCP connections, for the job in line: every byte of both directions is known to both.

    talk.py serve ADDRESS            answers until it is ended; a line of JSON for each connection that has ended
    talk.py ask ADDRESS ORDER        makes one; prints its end of it. ORDER is JSON: up and down (bytes), seed, and, if wanted,
                                     pieces (the client's bytes go out as so many, evenly over `seconds`) and text (which,
                                     turned around, stands in the middle of them, cut between two); silence, in seconds, is how
                                     long an end waits for the other
"""
import json
import random
import socket
import socketserver
import sys
import threading
import time

PORT = 9000
SILENCE = 15.0


def upward(order):
    """What the client sends."""
    data = random.Random(order["seed"]).randbytes(order["up"])
    # Turned around, so that it is not in the order, which crosses the link too.
    text = order.get("text", "").encode()[::-1]
    half = len(data) // 2 - len(text) // 2
    return data[:half] + text + data[half + len(text) :]


def downward(order):
    """What the server sends."""
    return random.Random(order["seed"] + 1_000_000).randbytes(order["down"])


def take(connection, expected, silence):
    """Receives until the other end has closed, or is silent for too long. What came, and what is true of it."""
    connection.settimeout(silence)
    data, pause, last, ended = bytearray(), 0.0, time.monotonic(), "closed"
    try:
        while part := connection.recv(65536):
            data += part
            now = time.monotonic()
            pause, last = max(pause, now - last), now
    except OSError as error:
        ended = type(error).__name__
    # `right` as far as it came, `whole` if it came to the end.
    right = expected.startswith(bytes(data))
    return {"bytes": len(data), "right": right, "whole": right and len(data) == len(expected), "pause": round(pause, 2), "ended": ended}


def give(connection, data, pieces, seconds):
    """Sends all, then says that this was all."""
    try:
        for piece in range(pieces):
            connection.sendall(data[len(data) * piece // pieces : len(data) * (piece + 1) // pieces])
            if pieces > 1:
                time.sleep(seconds / pieces)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def both_ways(connection, out, expected, order, pieces=1):
    """Sends `out` while it receives what should be `expected`; what is true of that."""
    sender = threading.Thread(target=give, args=(connection, out, pieces, order.get("seconds", 0)))
    sender.start()
    said = take(connection, expected, order.get("silence", SILENCE))
    sender.join()
    return said


class Answer(socketserver.BaseRequestHandler):
    """One connection of the server."""

    def handle(self):
        line = b""
        while not line.endswith(b"\n"):
            line += self.request.recv(1) or b"null\n"
        if order := json.loads(line):
            print(json.dumps({"seed": order["seed"], **both_ways(self.request, downward(order), upward(order), order)}), flush=True)


def main():
    what, address = sys.argv[1:3]
    if what == "serve":
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        with socketserver.ThreadingTCPServer((address, PORT), Answer) as server:
            server.daemon_threads = True
            print("ready", flush=True)
            server.serve_forever()
    order = json.loads(sys.argv[3])
    began = time.monotonic()
    with socket.create_connection((address, PORT), timeout=SILENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(json.dumps(order).encode() + b"\n")
        said = both_ways(connection, upward(order), downward(order), order, order.get("pieces", 1))
    print(json.dumps({**said, "seconds": round(time.monotonic() - began, 2)}))


main()
