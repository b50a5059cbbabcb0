"""vLLM's own OpenAI-compatible server, asked as any such server is, images included."""

import base64
import io
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from PIL import Image

from .conftest import LENGTH, TOKENS

READY_SECONDS = 400
"""It imports vLLM in three processes, one after the other."""


@pytest.fixture(scope="module")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the tiny Qwen3-VL, which is called ``tiny`` there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    words = ["--model", str(models["qwen3-vl"]), "--served-model-name", "tiny"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16"]
    words += ["--max-model-len", str(LENGTH), "--max-num-seqs", "8", "--enforce-eager"]
    words += ["--no-enable-chunked-prefill", "--limit-mm-per-prompt", '{"image": 1, "video": 0}']
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, f"{address}/health", log)
        yield f"{address}/v1"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until_ready(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    """Return when the server answers; fail with its words if it ends or takes too long."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"The server was not ready in time:\n{log.read_text('utf-8')}")


def image_url(colour: str) -> str:
    """A PNG image of one colour as a data URL."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "png")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def test_the_plain_client_asks_about_images(server: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=server, api_key="none")
    assert [model.id for model in client.models.list()] == ["tiny"]

    def ask(colour: str, seed: int) -> str | None:
        parts = [
            {"type": "text", "text": "Describe the scene."},
            {"type": "image_url", "image_url": {"url": image_url(colour)}},
        ]
        answer = client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": parts}],
            max_tokens=TOKENS,
            temperature=0.7,
            seed=seed,
        )
        return answer.choices[0].message.content

    assert ask("green", 1) == ask("green", 1)
    assert ask("green", 1) != ask("green", 2)
