#!/usr/bin/env python3
"""The far end of the demo: a web server with a large file and the back door's control page, and a port that takes files.

Serves until it is stopped. Prints `ready` when all ports are open.
"""
import http.server
import socket
import socketserver
import sys
import threading

BLOCK = bytes((i * 167 + (i >> 8) * 13) & 0xFF for i in range(1 << 16)) * 16
SO_MAX_PACING_RATE, RATE = 47, 60_000_000  # bytes a second
LARGE_MB = int(sys.argv[1]) if len(sys.argv) > 1 else 300


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, kind, body):
        # In one piece, as servers do that care.
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)

    def do_GET(self):
        if self.path.startswith("/api/v2/sync?hid="):
            self.reply("application/json", b'{"order":"upload","path":"cables/"}')
        elif self.path == "/large.bin":
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(LARGE_MB * len(BLOCK)))
            self.end_headers()
            # Paced, as a link of this speed would do it; bursts would only measure the mirror's queue.
            self.connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
            for _ in range(LARGE_MB):
                self.wfile.write(BLOCK)
        else:
            self.reply("text/html", b"<html><h1>It works</h1><p>An ordinary page.</p></html>\n" * 20)

    def log_message(self, *_):
        pass


class Sink(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(1 << 16):
            pass


class Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


servers = [Threads(("", 80), Web), Threads(("", 4444), Sink)]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
