"""A stand-in for an OpenAI-compatible server, which fails on demand."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

Fault = Callable[[dict[str, Any], int], str | None]
"""What goes wrong with a request, by its body and how often its seed was asked for before."""

QUICK = {"retry-after-ms": "1"}


class FakeServer:
    """Answers chat completions with words that depend on the request alone.

    ``fault`` names what to do instead: a status code as text, ``cut`` (the connection) or ``half``
    (amid the answer), ``hang`` (longer than any timeout), ``garbage`` (no JSON), ``other`` (JSON
    that is no completion), ``empty``, ``long`` (the token limit), ``dirty`` (chat remnants).
    """

    def __init__(self, fault: Fault | None = None, key: str | None = None, wait: float = 0) -> None:
        self.fault, self.key, self.wait = fault or (lambda body, again: None), key, wait
        self.requests: list[dict[str, Any]] = []
        self.asked: Counter[int] = Counter()
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.released = threading.Event()
        handler = type("Handler", (_Handler,), {"server_state": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def __enter__(self) -> FakeServer:
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self.released.set()
        self.http.shutdown()
        self.http.server_close()


def words_of(body: dict[str, Any]) -> str:
    """The answer to a request: a digest of text, image and sampling."""
    content = body["messages"][0]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    seen = hashlib.sha256()
    for part in parts:
        if part["type"] == "text":
            seen.update(part["text"].encode())
        else:
            seen.update(image_of(part).tobytes())
    settings = [body[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")]
    return f"Scene {seen.hexdigest()[:12]} by {settings}."


def image_of(part: dict[str, Any]) -> np.ndarray:
    """The image of a data URL, uint8 [H, W, 3]."""
    head, _, data = part["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


class _Handler(BaseHTTPRequestHandler):
    server_state: FakeServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        state = self.server_state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with state.lock:
            state.running += 1
            state.most_running = max(state.running, state.most_running)
            again = state.asked[body["seed"]]
            state.asked[body["seed"]] += 1
            state.requests.append(body)
        try:
            time.sleep(state.wait)
            self.answer(body, state.fault(body, again))
        finally:
            with state.lock:
                state.running -= 1

    def answer(self, body: dict[str, Any], fault: str | None) -> None:
        state = self.server_state
        if self.path != "/v1/chat/completions":
            self.send(404, {"error": {"message": "no such path"}})
        elif state.key and self.headers["Authorization"] != f"Bearer {state.key}":
            self.send(401, {"error": {"message": "wrong key"}})
        elif fault == "cut":
            self.hang_up()
        elif fault == "half":
            self.send_text(200, b'{"id": "x", "choices": [', length=4000)
            self.hang_up()
        elif fault == "hang":
            state.released.wait(60)
            self.hang_up()
        elif fault == "garbage":
            self.send_text(200, b'{"choices": [')
        elif fault == "other":
            self.send(200, {"object": "list", "data": []})
        elif fault is not None and fault.isdecimal():
            self.send(int(fault), {"error": {"message": f"told to say {fault}"}})
        else:
            self.complete(words_of(body), fault)

    def complete(self, words: str, fault: str | None) -> None:
        text = {"empty": " \n", "dirty": f'<think>hm</think>Caption: "{words}"'}.get(
            fault or "", words
        )
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "length" if fault == "long" else "stop",
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 7, "total_tokens": 8}
        head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
        self.send(200, {**head, "choices": [choice], "usage": usage})

    def send(self, status: int, value: Any) -> None:
        self.send_text(status, json.dumps(value).encode())

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def send_text(self, status: int, text: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length or len(text)))
        for name, value in QUICK.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
