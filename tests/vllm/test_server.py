"""vLLM's own OpenAI-compatible server, asked as any such server is, images included."""

import base64
import io
import os
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
import yaml
from PIL import Image

from groundsynth.tables import read_table

from .conftest import SHORT_LENGTH, TOKENS, Starter, said

READY_SECONDS = 900
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
    words += ["--max-model-len", str(SHORT_LENGTH), "--max-num-seqs", "8", "--enforce-eager"]
    words += ["--no-enable-chunked-prefill", "--limit-mm-per-prompt", '{"image": 1, "video": 0}']
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words]
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, f"{address}/health", log)
        yield f"{address}/v1"
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the server to leave; one that does not, as in the middle of its imports, is killed."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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


@pytest.fixture(scope="module")
def captioned(
    server: str, start: Starter, configuration: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a run whose captions the server wrote."""
    content = yaml.safe_load(configuration.read_text("utf-8"))
    asked = {"engine": "openai", "base_url": server, "served_model": "tiny"}
    asked |= {"temperature": 0, "top_p": 1}
    content["captions"] |= {
        "captioners": ["asked_vision", "asked_hybrid"],
        "captioner_definitions": {
            "asked_vision": {**asked, "method": "vision"},
            "asked_hybrid": {**asked, "method": "hybrid"},
        },
        "openai": {"max_tokens": TOKENS, "concurrency": 8, "retries": 1},
    }
    folder = tmp_path_factory.mktemp("captioned") / "run"
    overlay = folder.with_name("asked.yaml")
    overlay.write_text(yaml.safe_dump(content), "utf-8")
    assert start(overlay, folder, "captions").wait() == 0, said(folder)
    return folder


@pytest.mark.parametrize("method", ["vision", "hybrid"])
def test_the_openai_engine_asks_vllms_server(captioned: Path, method: str) -> None:
    """Images go along: captions by vision, whose prompts are all alike, differ."""
    folder = captioned / "results" / "captions" / f"asked_{method}" / "real"
    (path,) = folder.glob("*.parquet")
    rows = read_table(path, "captions").to_pylist()
    answered = [row for row in rows if row["status"] != "error"]
    assert {(row["engine"], row["model"]) for row in rows} == {("openai", "tiny")}
    assert all(0 < row["tokens"] <= TOKENS for row in answered)
    assert len({row["raw"] for row in answered}) > len(rows) / 2
    bad = [row for row in rows if row["status"] == "error"]
    assert len(bad) == (0 if method == "vision" else 1), "a prompt that does not fit"
    assert all("context" in row["raw"] for row in bad)


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
