#!/usr/bin/env python3
"""Prints what happens in all conversations, live: watch.py [host] [port] [password]"""
import json
import socket
import sys

HOST, PORT, PASSWORD = (sys.argv[1:] + ["127.0.0.1", "8021", "ClueCon"][len(sys.argv) - 1:])[:3]
PREFIX = "mod_openai_audio_stream::"
WATCHED = ["connect", "disconnect", "error", "turn", "truncated", "reconnect", "end"]


def message(stream):
    """One message of the event socket: its headers and its body."""
    headers = {}
    for line in iter(lambda: stream.readline().decode().strip(), ""):
        name, _, value = line.partition(": ")
        headers[name] = value
    return headers, stream.read(int(headers.get("Content-Length", 0)))


def main():
    with socket.create_connection((HOST, int(PORT))) as connection:
        stream = connection.makefile("rb")
        message(stream)  # auth/request
        for command in ("auth " + PASSWORD, "event json CUSTOM " + " ".join(PREFIX + name for name in WATCHED)):
            connection.sendall((command + "\n\n").encode())
            reply = message(stream)[0].get("Reply-Text", "")
            if not reply.startswith("+OK"):
                sys.exit(f"{HOST}:{PORT}: {reply}")
        print("watching", HOST, PORT, flush=True)
        while True:
            headers, body = message(stream)
            if not headers:
                return
            if headers.get("Content-Type") != "text/event-json":
                continue
            event = json.loads(body)
            name = event["Event-Subclass"].removeprefix(PREFIX)
            print(event["Unique-ID"], name, event.get("_body", ""), flush=True)


if __name__ == "__main__":
    main()
