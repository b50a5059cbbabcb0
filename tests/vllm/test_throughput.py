"""The benchmark of captioning: models of the published sizes, and what it makes of a rate."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import ROOT

PARAMETERS = {"qwen3-4b": 4.02e9, "qwen3-vl-8b": 8.77e9}
"""As the published models state them."""


@pytest.fixture
def throughput(engine_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark's module, which imports those beside it by their names."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks" / "captioning"), *sys.path])
    import throughput

    return throughput


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_model_of_real_size_has_the_published_number_of_parameters(
    name: str, throughput: ModuleType, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    folder = throughput.write_real(name, tmp_path / name)
    assert not list(folder.glob("*.safetensors")), "weights are made up"
    kind = AutoModelForImageTextToText if throughput.has_images(folder) else AutoModelForCausalLM
    with torch.device("meta"):
        network = kind.from_config(AutoConfig.from_pretrained(folder))
    count = sum(weight.numel() for weight in network.parameters())
    assert count == pytest.approx(PARAMETERS[name], rel=0.005)
    if throughput.has_images(folder):
        pixels = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))["size"]
        assert pixels["shortest_edge"] == 256 * 256, "an image of the paper is taken as it is"


def test_hours_are_those_of_all_captioners(throughput: ModuleType) -> None:
    """A text model for one in five captions, a vision model for the others."""
    assert "2,001,200 captions: 111.2 GPU hours" in throughput.projection({True: 5.0, False: 5.0})
    faster = throughput.projection({False: 400_240 / 3600, True: 4 * 400_240 / 3600})
    assert "2,001,200 captions: 2.0 GPU hours" in faster
    assert "2,001,200 captions: 5.0 GPU hours" in throughput.projection({True: 400_240 / 3600})
