#!/usr/bin/env python3
"""What an operator's pager or an analyst's chat would get of Alertmanager: webhook.py PORT FILE.

Prints each alarm, and adds it to FILE as a line of JSON.
"""
import http.server
import json
import sys


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alarm in body["alerts"]:
            labels, notes = alarm["labels"], alarm["annotations"]
            told = {"receiver": body["receiver"], "status": alarm["status"], "labels": labels, "annotations": notes}
            with open(sys.argv[2], "a") as file:
                file.write(json.dumps(told) + "\n")
            print(f"  {body['receiver']:<16} {alarm['status'].upper()}  {labels['alertname']}: {notes.get('summary', '')}", flush=True)
            if alarm["status"] == "firing":
                print(f"  {'':<16} do: {notes.get('action', '')}", flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Webhook).serve_forever()
