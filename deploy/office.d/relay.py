#!/usr/bin/env python3
"""Lets this machine's loopback reach a port of a network namespace's: relay.py PORT NAMESPACE NAMESPACE_PORT.

The sensor's page listens on the loopback of its own namespace. A browser and Prometheus are outside of it. For each
connection a thread enters the namespace and connects there; both ends then pass on what comes.
"""
import ctypes
import socket
import sys
import threading

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def inside(namespace, port):
    """A connection in the namespace. A thread that has entered it stays there, so that this needs one of its own."""
    with open(f"/run/netns/{namespace}") as place:
        if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, namespace, port):
    try:
        server = inside(namespace, port)
    except OSError:
        client.close()  # not there yet, or not any more
        return
    server.settimeout(None)
    back = threading.Thread(target=pump, args=(server, client), daemon=True)
    back.start()
    pump(client, server)
    back.join()
    client.close()
    server.close()


def main():
    port, namespace, inner = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, namespace, inner), daemon=True).start()


if __name__ == "__main__":
    main()
