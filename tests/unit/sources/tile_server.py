"""A small HTTP server with the faults of real ones, for the tests of downloads.

Run as a process of its own: ``python tile_server.py FOLDER``; prints its port. The first part of
a path chooses the behaviour, the rest names a file in FOLDER. ``/log`` gives the requests so far.
"""

import json
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
REQUESTS: list[dict[str, str | int]] = []
SEEN: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/log":
            return self.whole(json.dumps(REQUESTS).encode())
        REQUESTS.append({"path": self.path, "from": 0})
        SEEN[self.path] += 1
        behaviour, _, name = self.path.lstrip("/").partition("/")
        file = FOLDER / name
        first = SEEN[self.path] == 1
        if behaviour == "forbidden":
            return self.send_error(403)
        if behaviour == "login":
            return self.whole(b"<html>please log in</html>")
        if behaviour == "busy" and SEEN[self.path] <= 2:
            return self.send_error(500)
        if behaviour == "down":
            return self.send_error(503)
        if not file.is_file():
            return self.send_error(404)
        body = file.read_bytes()
        tag = '"second"' if behaviour == "replaced" and not first else '"first"'
        if tag == '"second"':
            body = body[::-1][: len(body) // 2] + body[: len(body) // 3]
        if behaviour == "wrong":
            return self.answer(200, body, 0, len(body) + 100, tag)
        begin = self.begin(tag) if behaviour != "simple" else 0
        cut = behaviour in ("broken", "replaced", "simple") and first
        part = body[begin : begin + len(body) // 2] if cut else body[begin:]
        REQUESTS[-1]["from"] = begin
        self.answer(206 if begin else 200, part, begin, len(body), tag)

    def begin(self, tag: str) -> int:
        wanted = self.headers.get("Range")
        if wanted is None or self.headers.get("If-Range") != tag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def answer(self, status: int, part: bytes, begin: int, total: int, tag: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(total - begin))
        self.send_header("ETag", tag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        self.wfile.write(part)
        self.close_connection = True

    def whole(self, body: bytes) -> None:
        self.answer(200, body, 0, len(body), '"page"')

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
