"""A small HTTP server with the faults of real ones, for the tests of downloads.

Run as a process of its own: ``python tile_server.py FOLDER``; prints its port. The first part of
a path chooses the behaviour, the rest names a file in FOLDER. ``/log`` gives the requests so far.
"""

import base64
import hashlib
import json
import sys
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
REQUESTS: list[dict[str, str | float]] = []
SEEN: Counter[str] = Counter()
ALWAYS = {"forbidden": 403, "down": 503}
CUT = ("broken", "stalled", "stalled-kill", "replaced", "simple", "bucket-broken")
SLOW = 8.0
"""Seconds that slow answers take."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/log":
            return self.whole(json.dumps(REQUESTS).encode())
        self.request_log: dict[str, str | float] = {"path": self.path, "from": 0}
        self.request_log["time"] = time.monotonic()
        REQUESTS.append(self.request_log)
        SEEN[self.path] += 1
        behaviour, _, name = self.path.lstrip("/").partition("/")
        file = FOLDER / name
        first = SEEN[self.path] == 1
        if behaviour in ALWAYS:
            return self.send_error(ALWAYS[behaviour])
        if behaviour == "login":
            return self.whole(b"<html>please log in</html>")
        if behaviour == "busy" and SEEN[self.path] <= 2:
            return self.send_error(500)
        if behaviour in ("later-seconds", "later-date") and first:
            return self.later("1" if behaviour == "later-seconds" else formatdate(time.time() + 2))
        if behaviour == "slow" and first:
            time.sleep(SLOW)
        if not file.is_file():
            return self.send_error(404)
        self.send_file(behaviour, file.read_bytes(), first)

    def send_file(self, behaviour: str, body: bytes, first: bool) -> None:
        if behaviour.startswith(("chunked", "endless")):
            return self.unsized(body, behaviour)
        tag = '"second"' if behaviour == "replaced" and not first else '"first"'
        if tag == '"second"':
            body = body[::-1][: len(body) // 2] + body[: len(body) // 3]
        if behaviour == "wrong":
            return self.answer(200, body, 0, len(body) + 100, tag)
        headers: dict[str, str] = {}
        if behaviour.startswith("bucket"):
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            headers = {"x-amz-request-id": "1"}
        if behaviour == "sums":
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers = {"x-amz-checksum-sha256": digest, "x-amz-request-id": "1"}
        if behaviour == "bucket-rotten" or (behaviour in ("bucket-spoilt", "sums") and first):
            body = body[:-1] + bytes([body[-1] ^ 1])
        begin = self.begin(tag) if behaviour != "simple" else 0
        cut = behaviour in CUT and first
        part = body[begin : begin + len(body) // 2] if cut else body[begin:]
        self.request_log["from"] = begin
        self.answer(206 if begin else 200, part, begin, len(body), tag, headers)
        if behaviour.startswith("stalled") and first:
            self.wfile.flush()
            time.sleep(SLOW)

    def begin(self, tag: str) -> int:
        wanted = self.headers.get("Range")
        if wanted is None or self.headers.get("If-Range") != tag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def answer(
        self,
        status: int,
        part: bytes,
        begin: int,
        total: int,
        tag: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(total - begin))
        self.send_header("ETag", tag)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        self.wfile.write(part)
        self.close_connection = True

    def unsized(self, body: bytes, behaviour: str) -> None:
        """A file without its length: in chunks (the last missing if cut), or until the end."""
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        if behaviour.startswith("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n"
            body += b"" if behaviour == "chunked-cut" else b"0\r\n\r\n"
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def later(self, when: str) -> None:
        self.send_response(503)
        self.send_header("Retry-After", when)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def whole(self, body: bytes) -> None:
        self.answer(200, body, 0, len(body), '"page"')

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
