"""Device and precision: what is configured, or a sentence that says why not."""

import pytest
import torch

from groundsynth import device as module
from groundsynth.device import autocast, select_device
from groundsynth.errors import ConfigurationError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(("gpus", "kind"), [(0, "cpu"), (1, "cuda")])
def test_auto_takes_a_gpu_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, gpus: int, kind: str
) -> None:
    with_gpus(monkeypatch, gpus)
    assert select_device("auto").type == kind
    assert select_device("cpu") == CPU


def test_networks_on_a_cpu_alone_keep_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 1)
    asked: list[bool] = []
    monkeypatch.setattr(module, "keep_freed_memory", lambda: asked.append(True))
    select_device("auto")
    assert not asked
    select_device("cpu")
    assert asked


def test_a_gpu_is_taken_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 2)
    assert select_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize(
    ("gpus", "name", "seen"),
    [(0, "cuda", "no GPU "), (0, "cuda:0", "no GPU "), (1, "cuda:1", "1 GPU ")],
)
def test_a_gpu_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, gpus: int, name: str, seen: str
) -> None:
    with_gpus(monkeypatch, gpus)
    with pytest.raises(ConfigurationError, match=f"'{name}' cannot be used: .* sees {seen}"):
        select_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "", "CPU"])
def test_there_are_no_other_devices(name: str) -> None:
    with pytest.raises(ConfigurationError, match="There is no device"):
        select_device(name)


def product(precision: str) -> torch.dtype:
    with autocast(CPU, precision):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_products_are_taken_in_the_precision() -> None:
    assert product("float32") == torch.float32
    assert product("bfloat16") == torch.bfloat16


@pytest.mark.parametrize("precision", ["float16", "float64", "half"])
def test_precisions_that_a_cpu_has_not(precision: str) -> None:
    with pytest.raises(ConfigurationError, match=precision):
        autocast(CPU, precision)


def test_old_gpus_do_not_pretend_to_compute_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.torch.cuda, "get_device_name", lambda _: "P100")
    monkeypatch.setattr(module.torch.cuda, "get_device_capability", lambda _: (6, 0))
    with pytest.raises(ConfigurationError, match="bfloat16 is not what P100 computes in"):
        autocast(CUDA, "bfloat16")
