from traffic import *

HOME, OUT = "10.0.0.5", "203.0.113.9"
port = 40000


def ask(request, answer, to=OUT, server_port=80):
    """One request, one answer."""
    global port
    port += 1
    c = Tcp(HOME, port, to, server_port)
    c.open()
    c.send(request)
    c.reply(answer)
    c.close()


def request(method, uri, agent):
    return f"{method} {uri} HTTP/1.1\r\nHost: files.example\r\nUser-Agent: {agent}\r\n\r\n".encode()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
# Another method, and something behind the path.
ask(request("GET", "/panel/gate.php?id=7", "agent/1.0"), OK)
# The agent in other letters.
ask(request("POST", "/panel/gate.php", "Agent/1.0"), OK)
# To a server of our own.
ask(request("POST", "/panel/gate.php", "agent/1.0"), OK, to="10.0.0.80")
# No agent at all.
ask(b"POST /panel/gate.php HTTP/1.1\r\nHost: files.example\r\n\r\n", GONE)
# All of it; twice, so that the second is held back.
ask(request("POST", "/panel/gate.php", "agent/1.0"), GONE)
ask(request("POST", "/panel/gate.php", "agent/1.0"), OK)
# Another path, and no HTTP at all.
ask(request("POST", "/index.html", "agent/1.0"), OK)
ask(b"POST-it: /panel/gate.php\n", b"thanks\n")
ask(b"\0\1\2\3 /panel/gate.php\n", b"\4\5\6\7\n", server_port=8081)
write()
