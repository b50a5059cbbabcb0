"""The openai engine against a server that fails on demand: retries, keys, bad items, kills."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from unit.captioning.fake_openai_server import FakeServer, image_of, words_of

from groundsynth.captioning.caption_openai import caption_openai
from groundsynth.captioning.engines.answers import Answer, Sampling
from groundsynth.captioning.engines.openai_server import Server, ServerEngine
from groundsynth.captioning.jobs import image_seed
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.tables import read_table

Shards = Callable[..., Any]
Maps = Callable[..., np.ndarray]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is on this machine, whatever proxy the environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def ask(server: FakeServer, count: int = 1, timeout: float = 30, retries: int = 2) -> list[Answer]:
    engine = ServerEngine(Server(server.url, "m", 4, timeout, retries), Sampling(0.0, 1.0, 9))
    conversations = [[{"role": "user", "content": f"scene {n}"}] for n in range(count)]
    return engine.answer(conversations, list(range(count)))


def test_answers_come_in_order_and_side_by_side() -> None:
    with FakeServer(wait=0.05) as server:
        answers = ask(server, 12)
        by_seed = {body["seed"]: words_of(body) for body in server.requests}
        assert [answer.text for answer in answers] == [by_seed[seed] for seed in range(12)]
        assert {(answer.tokens, answer.finish_reason) for answer in answers} == {(7, "stop")}
        assert 2 <= server.most_running <= 4
        body = server.requests[0]
        assert (body["model"], body["temperature"], body["top_p"]) == ("m", 0, 1)
        assert body["max_tokens"] == 9


@pytest.mark.parametrize("fault", ["429", "500", "503", "cut", "half", "garbage", "other", "hang"])
def test_passing_faults_are_asked_again(fault: str) -> None:
    def once(body: dict[str, Any], again: int) -> str | None:
        return fault if again == 0 else None

    with FakeServer(once) as server:
        (answer,) = ask(server, timeout=0.3 if fault == "hang" else 30)
        assert answer.text == words_of(server.requests[0])
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        ("429", "told to say 429", 3),
        ("500", "told to say 500", 3),
        ("garbage", "no valid answer", 3),
        ("other", "no valid answer", 3),
        ("400", "told to say 400", 1),  # the same request would be refused again
        ("422", "told to say 422", 1),
    ],
)
def test_a_lasting_fault_costs_only_its_item(fault: str, reason: str, requests: int) -> None:
    with FakeServer(lambda body, again: fault if body["seed"] == 2 else None) as server:
        answers = ask(server, 5)
        assert [place for place, answer in enumerate(answers) if answer.error] == [2]
        assert reason in str(answers[2].error)
        assert server.asked[2] == requests


def test_a_server_that_answers_nothing_is_an_error() -> None:
    with (
        FakeServer(lambda body, again: "500") as server,
        pytest.raises(InputError, match=r"All 4 requests of a batch to http.*told to say 500"),
    ):
        ask(server, 4, retries=0)
    with pytest.raises(InputError, match="see whether the server is up"):
        ask(server, 4, retries=0)  # it is gone


def test_keys_and_names_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(key="secret") as server:
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        assert ask(server)[0].error is None
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        with pytest.raises(ConfigurationError, match=r"refuses the key.*set OPENAI_API_KEY"):
            ask(server, 40)
        assert len(server.requests) < 30  # the rest is not asked
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(ConfigurationError, match="refuses the key"):
            ask(server)
    with FakeServer() as server:
        assert ask(server)[0].error is None  # without a key
        server.url = server.url.removesuffix("/v1")
        with pytest.raises(ConfigurationError, match="mostly ends in /v1"):
            ask(server)


def options(shard: Any, url: str, folder: Path, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "images": shard.images,
        "index": shard.index,
        "composition": shard.composition,
        "population": "unconditional",
        "captioner": "served",
        "method": "hybrid",
        "legend": shard.legend,
        "base_url": url,
        "served_model": "org/model",
        "prompt_version": "v1",
        "percent_decimals": 0,
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 100,
        "concurrency": 4,
        "timeout": 30.0,
        "retries": 1,
        "seed": 1,
        "part_size": 8,
        "retry": [],
        "max_bad_percent": 100.0,
        "state": folder / "state",
        "keep_state": False,
        "output": folder / "captions.parquet",
    }
    return {**given, **changed}


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(path, "captions").to_pylist()
    return rows


@pytest.mark.parametrize("method", ["text", "vision", "hybrid"])
def test_the_verb_asks_by_each_method(
    method: str, tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    shard = make_shard(noise_maps(5))
    with FakeServer() as server:
        caption_openai(**options(shard, server.url, tmp_path, method=method))
    rows = rows_of(tmp_path / "captions.parquet")
    assert [row["id"] for row in rows] == shard.ids
    assert [row["seed"] for row in rows] == [image_seed(1, name) for name in shard.ids]
    assert {(r["engine"], r["model"], r["status"]) for r in rows} == {("openai", "org/model", "ok")}
    bodies = {body["seed"]: body for body in server.requests}
    images = np.load(shard.images)
    for place, row in enumerate(rows):
        content = bodies[row["seed"]]["messages"][0]["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        pictures = [image_of(part) for part in parts if part["type"] == "image_url"]
        assert len(pictures) == (method != "text")
        assert all(np.array_equal(picture, images[place]) for picture in pictures)
        text = " ".join(part["text"] for part in parts if part["type"] == "text")
        assert ("%" in text) == (method != "vision")
        assert row["raw"] == words_of(bodies[row["seed"]])
    assert not (tmp_path / "state").exists()


def test_answers_are_cleaned_marked_and_asked_for_again(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    shard = make_shard(noise_maps(6))
    seeds = [image_seed(1, name) for name in shard.ids]
    faults = {seeds[0]: "empty", seeds[1]: "long", seeds[2]: "dirty", seeds[3]: "400"}

    def fault(body: dict[str, Any], again: int) -> str | None:
        return faults.get(body["seed"])

    with FakeServer(fault) as server:
        caption_openai(**options(shard, server.url, tmp_path / "0"))
        asked = len(server.requests)
        caption_openai(**options(shard, server.url, tmp_path / "1", retry=["empty", "truncated"]))
        assert (asked, len(server.requests) - asked) == (6, 8)
        faults[image_seed(1, f"{shard.ids[0]}/again")] = "empty"
        caption_openai(**options(shard, server.url, tmp_path / "2", retry=["empty"]))
    once, twice, still = (rows_of(tmp_path / n / "captions.parquet") for n in "012")
    status = [row["status"] for row in once]
    assert status == ["empty", "truncated", "ok", "error", "ok", "ok"]
    assert once[2]["raw"] == f'<think>hm</think>Caption: "{once[2]["caption"]}"'
    assert once[3]["raw"] == "Error code: 400 - told to say 400"
    assert [row["status"] for row in twice] == ["ok", "ok", "ok", "error", "ok", "ok"]
    assert twice[0]["seed"] == image_seed(1, f"{shard.ids[0]}/again") != seeds[0]
    assert twice[4] == once[4]
    assert (still[0]["status"], still[0]["seed"]) == ("empty", seeds[0])  # only once


def test_too_many_bad_captions_fail_and_only_they_are_asked_for_again(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    shard = make_shard(noise_maps(20))
    bad = {image_seed(1, name) for name in shard.ids[3:6]}
    mended = False

    def fault(body: dict[str, Any], again: int) -> str | None:
        return "400" if body["seed"] in bad and not mended else None

    with FakeServer(fault) as server:
        settings = options(shard, server.url, tmp_path, max_bad_percent=10.0)
        with pytest.raises(InputError) as caught:
            caption_openai(**settings)
        assert "3 of 20 captions" in str(caught.value)
        assert "3 x error: Error code: 400 - told to say 400" in str(caught.value)
        assert "captions.max_bad_percent 10" in str(caught.value)
        assert not settings["output"].exists()
        mended = True
        before = len(server.requests)
        caption_openai(**settings)
        assert len(server.requests) - before == 3
        calm = options(shard, server.url, tmp_path / "calm")
        caption_openai(**calm)
    assert rows_of(settings["output"]) == rows_of(calm["output"])


def test_a_higher_limit_takes_captions_that_stay_bad(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    shard = make_shard(noise_maps(20))
    bad = {image_seed(1, name) for name in shard.ids[3:8]}
    with FakeServer(lambda body, again: "400" if body["seed"] in bad else None) as server:
        settings = options(shard, server.url, tmp_path, max_bad_percent=10.0)
        for message in ("5 of 20 captions", "All 5 requests of a batch"):
            with pytest.raises(InputError, match=message):
                caption_openai(**settings)
        before = len(server.requests)
        caption_openai(**{**settings, "max_bad_percent": 25.0})
        assert len(server.requests) == before
    status = [row["status"] for row in rows_of(settings["output"])]
    assert [place for place, one in enumerate(status) if one == "error"] == [3, 4, 5, 6, 7]


def test_as_many_bad_captions_as_allowed_stay(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    shard = make_shard(noise_maps(20))
    bad = {image_seed(1, name) for name in shard.ids[3:5]}
    with FakeServer(lambda body, again: "empty" if body["seed"] in bad else None) as server:
        caption_openai(**options(shard, server.url, tmp_path, max_bad_percent=10.0))
    status = [row["status"] for row in rows_of(tmp_path / "captions.parquet")]
    assert [place for place, one in enumerate(status) if one != "ok"] == [3, 4]


def test_a_missing_key_is_said_before_anything_is_asked(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    shard = make_shard(noise_maps(1))
    with FakeServer() as server:
        settings = options(shard, server.url, tmp_path, needs_key=True)
        with pytest.raises(ConfigurationError, match=r"OPENAI_API_KEY is not set.* served wants"):
            caption_openai(**settings)
        assert not server.requests
        assert not settings["state"].exists()
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        caption_openai(**settings)


def test_captions_of_another_server_are_not_continued(
    tmp_path: Path,
    make_shard: Shards,
    noise_maps: Maps,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shard = make_shard(noise_maps(20))
    bad = {image_seed(1, name) for name in shard.ids[:3]}
    with FakeServer(lambda body, again: "400" if body["seed"] in bad else None) as server:
        settings = options(shard, server.url, tmp_path, max_bad_percent=10.0)
        with pytest.raises(InputError, match="3 of 20 captions"):
            caption_openai(**settings)
    with FakeServer() as server:
        caption_openai(**{**settings, "base_url": server.url})
        assert len(server.requests) == 20
    assert "made with other inputs or parameters (server)" in capsys.readouterr().err
    metadata = pq.read_schema(settings["output"]).metadata
    assert b"127.0.0.1" not in b" ".join(metadata.values())


def command(settings: dict[str, Any]) -> list[str]:
    words = [sys.executable, "-m", "groundsynth", "caption-openai"]
    for name, value in settings.items():
        given = value if isinstance(value, list) else [value]
        texts = [json.dumps(v) if isinstance(v, dict | bool) else str(v) for v in given]
        words += ["--" + name.replace("_", "-"), *texts]
    return words


def test_killed_jobs_lose_and_repeat_nothing(
    tmp_path: Path, make_shard: Shards, noise_maps: Maps
) -> None:
    """SIGKILL at random moments, with passing faults; equal to a calm run."""
    shard = make_shard(noise_maps(90))
    chance = random.Random(6)

    def fault(body: dict[str, Any], again: int) -> str | None:
        return ("429", "garbage", "500")[body["seed"] % 3] if body["seed"] % 5 == again else None

    with FakeServer() as server:
        calm = options(shard, server.url, tmp_path / "calm", part_size=90)
        caption_openai(**calm)
    with FakeServer(fault, wait=0.01) as server:
        rough = options(shard, server.url, tmp_path / "rough", part_size=4, retries=3)
        parts = tmp_path / "rough" / "state" / "parts"
        done = 0
        for _ in range(2):
            job = subprocess.Popen(command(rough), stderr=subprocess.DEVNULL)
            wanted = done + chance.randrange(1, 9)
            while job.poll() is None and len(list(parts.glob("[0-9]*.parquet"))) < wanted:
                time.sleep(0.002)
            job.kill()
            assert job.wait() == -9
            done = len(list(parts.glob("[0-9]*.parquet")))
            assert done < 23
        assert done > 1
        finished = [set(read_table(p, "captions")["id"].to_pylist()) for p in parts.glob("[0-9]*")]
        already = {image_seed(1, name) for name in set().union(*finished)}
        server.requests.clear()
        subprocess.run(command(rough), check=True, stderr=subprocess.DEVNULL)
        again = {body["seed"] for body in server.requests}
    assert not already & again
    assert len(already | again) == 90
    assert rows_of(rough["output"]) == rows_of(calm["output"])
