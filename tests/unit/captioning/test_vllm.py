"""The vLLM engine with a stand-in for ``vllm.LLM``: batches, refusals, seeds, messages."""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from groundsynth.captioning import caption
from groundsynth.captioning.engines import vllm_offline
from groundsynth.captioning.engines.vllm_offline import (
    OfflineEngine,
    load_engine,
    modality_limits,
)
from groundsynth.captioning.jobs import image_seed
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.files import write_json
from groundsynth.tables import read_table


class FakeModel:
    """Answers with the end of the prompt and the seed; refuses batches that hold ``bad``."""

    def __init__(self, bad: str = "BAD", fault: type[Exception] = ValueError) -> None:
        self.bad, self.fault = bad, fault
        self.batches: list[int] = []

    def chat(self, messages: list[Any], sampling_params: list[Any], use_tqdm: bool) -> list[Any]:
        self.batches.append(len(messages))
        texts = [str(conversation[0]["content"]) for conversation in messages]
        if any(self.bad in text for text in texts):
            raise self.fault(f"maximum context length is 7\n{self.bad}")
        return [
            SimpleNamespace(
                outputs=[
                    SimpleNamespace(
                        text=f' "{text[-12:]} {seed}" ',
                        token_ids=[1, 2, 3],
                        finish_reason="length" if seed % 5 == 0 else "stop",
                    )
                ]
            )
            for text, seed in zip(texts, sampling_params, strict=True)
        ]


def ask(words: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": words}]


def test_answers_come_in_order_with_their_seeds() -> None:
    engine = OfflineEngine(FakeModel(), lambda seed: seed)
    answers = engine.answer([ask(f"scene {n}") for n in range(6)], list(range(10, 16)))
    assert [a.text for a in answers] == [f' "scene {n} {10 + n}" ' for n in range(6)]
    assert answers[0].tokens == 3
    assert [a.finish_reason for a in answers][:2] == ["length", "stop"]


def test_one_bad_prompt_costs_only_itself() -> None:
    model = FakeModel()
    words = [f"scene {n}" for n in range(33)]
    words[20] = "BAD"
    answers = OfflineEngine(model, lambda seed: seed).answer([ask(w) for w in words], [0] * 33)
    assert [n for n, a in enumerate(answers) if a.error] == [20]
    assert answers[20].error == "maximum context length is 7"
    assert answers[21].text == ' "scene 21 0" '
    assert len(model.batches) < 14


def test_a_model_that_refuses_everything_is_an_error() -> None:
    engine = OfflineEngine(FakeModel(bad="scene"), lambda seed: seed)
    with pytest.raises(InputError, match="refused all 5 prompts"):
        engine.answer([ask(f"scene {n}") for n in range(5)], [0] * 5)
    assert engine.answer([ask("scene")], [0])[0].error


def test_what_counts_as_a_refusal_is_the_engines_to_say() -> None:
    """vLLM's own errors are neither ValueError nor RuntimeError."""

    class Refused(Exception):
        pass

    model = FakeModel(fault=Refused)
    engine = OfflineEngine(model, lambda seed: seed, (Refused,))
    bad, good = engine.answer([ask("BAD"), ask("x")], [0, 1])
    assert bad.error == "maximum context length is 7"
    assert good.error is None


def test_a_dead_engine_ends_the_job() -> None:
    class EngineDeadError(Exception):
        pass

    model = FakeModel(fault=EngineDeadError)
    with pytest.raises(EngineDeadError):
        OfflineEngine(model, lambda seed: seed).answer([ask("BAD"), ask("x")], [0, 1])
    assert model.batches == [2]


def model_folder(folder: Path, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_modalities_follow_the_models_configuration(tmp_path: Path) -> None:
    text = model_folder(tmp_path / "text", hidden_size=8)
    gemma = model_folder(tmp_path / "gemma", vision_config={})
    qwen = model_folder(tmp_path / "qwen", vision_config={}, video_token_id=5)
    assert modality_limits(text, with_images=False) == {}
    assert modality_limits(gemma, with_images=True) == {"image": 1}
    assert modality_limits(qwen, with_images=True) == {"image": 1, "video": 0}
    assert modality_limits(qwen, with_images=False) == {"image": 0, "video": 0}
    with pytest.raises(InputError, match="text only"):
        modality_limits(text, with_images=True)
    with pytest.raises(InputError, match=r"config\.json is missing"):
        modality_limits(tmp_path / "none", with_images=True)


@pytest.mark.parametrize("option", ["trust_remote_code", "model", "tensor_parallel_size"])
def test_an_option_that_is_not_free_is_refused_before_anything_is_read(
    option: str, tmp_path: Path
) -> None:
    words = dict.fromkeys(inspect.signature(caption.caption_vllm).parameters, Any)
    with pytest.raises(ConfigurationError, match=f"'{option}' is set by"):
        caption.caption_vllm(**{**words, "engine_options": {option: 1}})


def test_options_reach_vllm_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    errors = types.ModuleType("vllm.exceptions")
    errors.VLLMClientError = KeyError  # type: ignore[attr-defined]
    library = types.ModuleType("vllm")
    library.LLM = lambda **words: made.update(words)  # type: ignore[attr-defined]
    library.SamplingParams = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", library)
    monkeypatch.setitem(sys.modules, "vllm.exceptions", errors)
    monkeypatch.setattr(vllm_offline, "engine_version", lambda: "9.9")
    options = {"quantization": "fp8", "mm_processor_kwargs": {"size": {"height": 112}}}
    engine = load_engine(
        tmp_path,
        sampling=vllm_offline.Sampling(0.5, 0.9, 100),
        limits={"image": 1},
        max_model_len=1024,
        max_num_seqs=8,
        gpu_memory_utilization=0.7,
        tensor_parallel=2,
        dtype="float16",
        seed=2**33,
        options={**options, "enable_prefix_caching": False},
    )
    assert made == {
        "model": str(tmp_path),
        "max_model_len": 1024,
        "max_num_seqs": 8,
        "gpu_memory_utilization": 0.7,
        "tensor_parallel_size": 2,
        "dtype": "float16",
        "seed": 0,
        "enable_prefix_caching": False,
        "trust_remote_code": False,
        "limit_mm_per_prompt": {"image": 1},
        **options,
    }
    assert engine.parameters(5) == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "seed": 5,
    }
    assert KeyError in engine.refusals


def test_without_vllm_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_offline, "packages_distributions", dict)
    with pytest.raises(ConfigurationError, match=r"groundsynth\[vllm\]"):
        load_engine(
            tmp_path,
            sampling=vllm_offline.Sampling(0.0, 1.0, 100),
            limits={},
            max_model_len=1024,
            max_num_seqs=8,
            gpu_memory_utilization=0.9,
            tensor_parallel=1,
            dtype="auto",
            seed=0,
            options={},
        )


@pytest.mark.parametrize("method", ["text", "vision", "hybrid"])
def test_the_verb_writes_the_table(
    method: str,
    tmp_path: Path,
    make_shard: Callable[..., Any],
    noise_maps: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = make_shard(noise_maps(11))
    model = FakeModel()
    loaded: dict[str, Any] = {}

    def load(folder: Path, **settings: Any) -> OfflineEngine:
        loaded.update(settings)
        return OfflineEngine(model, lambda seed: seed)

    monkeypatch.setattr(vllm_offline, "load_engine", load)
    monkeypatch.setattr(vllm_offline, "engine_version", lambda: "9.9")
    output = tmp_path / "captions.parquet"
    receipt = tmp_path / "model.json"
    record = {"repository": "someone/model", "revision": "main", "commit": "0123abcd"}
    write_json(receipt, record)
    caption.caption_vllm(
        images=shard.images,
        index=shard.index,
        composition=shard.composition,
        population="unconditional",
        captioner="model",
        method=method,  # type: ignore[arg-type]
        legend=shard.legend,
        model=model_folder(tmp_path / "model", vision_config={}),
        repository="someone/model",
        revision="main",
        receipt=receipt if method == "text" else None,
        prompt_version="v1",
        percent_decimals=0,
        temperature=0.7,
        top_p=0.8,
        max_tokens=100,
        max_model_len=1024,
        max_num_seqs=8,
        gpu_memory_utilization=0.9,
        tensor_parallel=1,
        dtype="auto",
        seed=3,
        part_size=4,
        state=tmp_path / "state",
        keep_state=False,
        output=output,
    )
    rows = read_table(output, "captions").to_pylist()
    assert [row["id"] for row in rows] == shard.ids
    assert [row["seed"] for row in rows] == [image_seed(3, name) for name in shard.ids]
    for row in rows:
        assert row["raw"].strip().strip('"').strip() == row["caption"]
        assert row["status"] == ("truncated" if row["seed"] % 5 == 0 else "ok")
        assert (row["model"], row["revision"], row["engine_version"]) == (
            "someone/model",
            "0123abcd" if method == "text" else "main",
            "9.9",
        )
    assert model.batches == [4, 4, 3]
    assert loaded["limits"] == {"image": 0 if method == "text" else 1}
    assert not (tmp_path / "state").exists()
