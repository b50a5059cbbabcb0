"""Checkpoints in the published layout, made here from our own networks, and forged ones.

The published modules exist only while a file is written: each module of a network is pickled as
a call of ``torch_utils.persistence._reconstruct_persistent_obj`` with its class name, its state
and a source text, which here would end the process if anybody executed it.
"""

import builtins
import io
import json
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from groundsynth.cli import main
from groundsynth.errors import InputError
from groundsynth.gan import stylegan2, stylegan3
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.import_checkpoint import import_checkpoint
from groundsynth.gan.published_checkpoint import read_published

SOURCE = "import os\nos._exit(3)"
COMMON: dict[str, Any] = {"z_dim": 6, "c_dim": 0, "w_dim": 5, "img_resolution": 16}
COMMON |= {"img_channels": 3, "channel_base": 128, "channel_max": 8}
RADIAL = {"conv_kernel": 1, "use_radial_filters": True}
CPU = torch.device("cpu")


class EasyDict(dict[str, Any]):
    """Stands for the published dict with attributes."""


class Call:
    """Anything that a pickle stores as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.form = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.form


def _reconstruct_persistent_obj(meta: Any) -> None:
    """Only its name is used."""


@contextmanager
def published_modules() -> Iterator[None]:
    """The published code's module names, as far as pickles refer to them."""
    persistence, util = ModuleType("torch_utils.persistence"), ModuleType("dnnlib.util")
    vars(persistence)["_reconstruct_persistent_obj"] = _reconstruct_persistent_obj
    vars(util)["EasyDict"] = EasyDict
    modules = {"torch_utils": ModuleType("torch_utils"), "dnnlib": ModuleType("dnnlib")}
    modules |= {persistence.__name__: persistence, util.__name__: util}
    with (
        mock.patch.dict(sys.modules, modules),
        mock.patch.object(_reconstruct_persistent_obj, "__module__", persistence.__name__),
        mock.patch.object(EasyDict, "__module__", util.__name__),
    ):
        yield


def persistent(module: nn.Module, keywords: Mapping[str, Any], **changes: Any) -> Call:
    """``module`` and all within it as the published code saves them; ``changes`` to the state."""
    state = {
        "training": False,
        "_parameters": dict(module._parameters),
        "_buffers": OrderedDict(module._buffers),
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": OrderedDict(),
        "_modules": {name: persistent(child, {}) for name, child in module.named_children()},
        "size": np.asarray([36, 36]),
        "gain": np.float64(0.5),
        "_init_args": (),
        "_init_kwargs": EasyDict(keywords),
        **changes,
    }
    meta = {"type": "class", "version": 6, "module_src": SOURCE}
    meta |= {"class_name": type(module).__name__, "state": state}
    return Call(_reconstruct_persistent_obj, meta)


def write(path: Path, content: Any, protocol: int = 4) -> Path:
    """Pickle ``content`` under the published names."""
    with published_modules():
        path.write_bytes(pickle.dumps(content, protocol))
    return path


def randomised(network: nn.Module) -> Any:
    """``network`` with random numbers in every parameter and average."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not name.endswith("filter"):
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return network.eval().requires_grad_(False)


def a_checkpoint(path: Path, keywords: dict[str, Any] | None = None, protocol: int = 4) -> Path:
    """A StyleGAN2 checkpoint with all that published ones hold."""
    keywords = COMMON | (keywords or {})
    G = randomised(stylegan2.Generator(**keywords))
    of_D = {"c_dim": keywords["c_dim"], "img_resolution": 16, "img_channels": 3}
    of_D |= {"channel_base": 128, "channel_max": 8}
    D = randomised(stylegan2.Discriminator(**of_D))
    content = {
        "G": persistent(stylegan2.Generator(**keywords), keywords),
        "D": persistent(D, of_D),
        "G_ema": persistent(G, keywords),
        "augment_pipe": None,
        "training_set_kwargs": EasyDict(class_name="Dataset", resolution=16),
    }
    return write(path, content, protocol)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_tensor_and_keyword_is_read(tmp_path: Path, protocol: int) -> None:
    networks = read_published(a_checkpoint(tmp_path / "x.pkl", protocol=protocol))
    assert list(networks) == ["G", "D", "G_ema"]
    expected = randomised(stylegan2.Generator(**COMMON)).state_dict()
    found = networks["G_ema"]
    assert (found.class_name, found.arguments, found.keywords) == ("Generator", (), COMMON)
    assert found.state.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state.items())


@pytest.mark.parametrize(
    ("architecture", "kind", "more"),
    [
        ("stylegan2", stylegan2.Generator, {"fused_modconv_default": "inference_only"}),
        ("stylegan3-t", stylegan3.Generator, {"magnitude_ema_beta": 0.9, "num_layers": 6}),
        ("stylegan3-r", stylegan3.Generator, {"num_layers": 6, **RADIAL}),
    ],
)
@pytest.mark.parametrize("c_dim", [0, 3])
def test_import_gives_the_same_images(
    tmp_path: Path, architecture: str, kind: Callable[..., Any], more: dict[str, Any], c_dim: int
) -> None:
    keywords = {**COMMON, "c_dim": c_dim, **more}
    original = randomised(kind(**keywords))
    checkpoint = write(tmp_path / "x.pkl", {"G_ema": persistent(original, keywords)})
    model = tmp_path / "generator.safetensors"
    import_checkpoint(checkpoint=checkpoint, network="G_ema", model=model)
    generator, description = load_generator(model, CPU)
    z, c = torch.randn(2, 6), torch.eye(3)[:2, :c_dim]
    options: dict[str, Any] = {"truncation_psi": 0.7, "noise_mode": "const"}
    assert torch.equal(generator(z, c, **options), original(z, c, **options))
    assert description["architecture"] == architecture
    assert description["population"] == ("class-conditional" if c_dim else "unconditional")
    assert description["resolution"] == 16


def test_imported_generators_are_sampled(tmp_path: Path) -> None:
    """From the published file to a shard of images, by the command line."""
    checkpoint, model = a_checkpoint(tmp_path / "x.pkl"), tmp_path / "generator.safetensors"
    words = ["--checkpoint", checkpoint, "--network", "G_ema", "--model", model]
    assert main(["import-checkpoint", *map(str, words)]) == 0
    images, index = tmp_path / "s.images.npy", tmp_path / "s.index.parquet"
    words = ["--model", model, "--first-seed", 0, "--count", 3, "--truncation", 1, "--batch", 2]
    words += ["--device", "cpu", "--precision", "float32", "--images", images, "--index", index]
    words += ["--state", tmp_path / "state", "--keep-state", "false"]
    assert main(["sample-unconditional", *map(str, words)]) == 0
    assert np.load(images).shape == (3, 16, 16, 3)


def test_discriminators_are_imported_and_not_sampled(tmp_path: Path) -> None:
    model = tmp_path / "D.safetensors"
    import_checkpoint(checkpoint=a_checkpoint(tmp_path / "x.pkl"), network="D", model=model)
    assert json.loads(model.with_suffix(".json").read_text())["keywords"]["img_resolution"] == 16
    with pytest.raises(InputError, match="no generator of the architecture 'stylegan2-discrim"):
        load_generator(model, CPU)


def test_elder_layout_keeps_its_defaults(tmp_path: Path) -> None:
    """StyleGAN2-ADA: synthesis keywords in a dict of their own, no clamp and no half precision."""
    G = randomised(stylegan2.Generator(**COMMON, conv_clamp=None))
    synthesis = {name: COMMON[name] for name in ("channel_base", "channel_max")}
    keywords = {name: value for name, value in COMMON.items() if name not in synthesis}
    keywords |= {"synthesis_kwargs": EasyDict(synthesis), "mapping_kwargs": {"num_layers": 8}}
    checkpoint = write(tmp_path / "x.pkl", {"G_ema": persistent(G, keywords)})
    import_checkpoint(checkpoint=checkpoint, network="G_ema", model=tmp_path / "G.safetensors")
    found = json.loads((tmp_path / "G.json").read_text())["keywords"]
    assert found["mapping_kwargs"] == {"w_avg_beta": 0.995, "num_layers": 8}
    assert (found["num_fp16_res"], found["conv_clamp"], found["channel_base"]) == (0, None, 128)


def test_positional_arguments(tmp_path: Path) -> None:
    G = randomised(stylegan2.Generator(**COMMON))
    rest = {name: COMMON[name] for name in ("channel_base", "channel_max")}
    checkpoint = write(tmp_path / "x.pkl", {"G": persistent(G, rest, _init_args=(6, 0, 5, 16, 3))})
    import_checkpoint(checkpoint=checkpoint, network="G", model=tmp_path / "G.safetensors")
    assert json.loads((tmp_path / "G.json").read_text())["keywords"] == COMMON


# --- Files that are not what they should be ---


def in_state(value: Any) -> dict[str, Any]:
    """A checkpoint that is sound but for one attribute of its generator."""
    G = stylegan2.Generator(**COMMON)
    return {"G_ema": persistent(G, COMMON, extra=value)}


def storage_of(payload: bytes) -> Call:
    return Call(torch.storage._load_from_bytes, payload)


def forged_storage(place: Path) -> bytes:
    """A storage in PyTorch's own legacy format that runs a command when it is loaded."""
    stream = io.BytesIO()
    torch.save(Call(os.system, f"touch {place}"), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def opcodes(module: str, name: str, argument: str) -> dict[str, bytes]:
    """Calls of a function by each of the instructions that can name one."""
    arg, where = argument.encode(), f"{module}\n{name}\n".encode()
    text = b"V" + arg + b"\n"
    short = [b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)]
    return {
        "GLOBAL, REDUCE": b"c" + where + b"(" + text + b"tR.",
        "INST": b"(" + text + b"i" + where + b".",
        "OBJ": b"(c" + where + text + b"o.",
        "STACK_GLOBAL": b"\x80\x04" + short[0] + short[1] + b"\x93(" + text + b"tR.",
        "nested": b"}X\x01\x00\x00\x00G" + b"c" + where + b"(" + text + b"tRs.",
    }


@pytest.mark.parametrize("way", list(opcodes("", "", "")))
@pytest.mark.parametrize("function", ["posix.system", "builtins.eval", "os.path.os.system"])
def test_no_instruction_calls_anything(tmp_path: Path, way: str, function: str) -> None:
    module, name = function.split(".", 1)
    mark = tmp_path / "mark"
    command = f"open({str(mark)!r},'w')" if name == "eval" else f"touch {mark}"
    path = tmp_path / "x.pkl"
    path.write_bytes(opcodes(module, name, command)[way])
    with pytest.raises(InputError, match=rf"x.pkl .*asks for {module}\.{name}"):
        read_published(path)
    assert not mark.exists()


def forgeries(place: Path) -> dict[str, tuple[Any, str]]:
    """Malicious contents by name, each with what the message must name."""
    command = f"touch {place}"
    storage = torch.zeros(4).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
    rebuild = torch._utils._rebuild_tensor_v2
    return {
        "in the state": (in_state(Call(os.system, command)), r"posix\.system"),
        "deep in the state": (in_state([{"a": (Call(builtins.exec, command),)}]), "builtins.exec"),
        "import": (in_state(Call(__import__, "os")), "builtins.__import__"),
        "attribute": (in_state(Call(getattr, [], "append")), r"builtins\.getattr"),
        "foreign class": (in_state(nn.ReLU()), r"torch\.nn\.modules\.activation\.ReLU"),
        "path": (in_state(Path("x")), "pathlib.*Path"),
        "torch.load": (in_state(Call(torch.load, "x")), r"torch\.serialization\.load"),
        "storage": (in_state(storage_of(forged_storage(place))), "storage in it asks for .*system"),
        "storage that is a dict": (in_state(storage_of(_saved({"a": 1}))), "storage in it is a d"),
        "storage of noise": (in_state(storage_of(b"12345")), "storage in it cannot be read"),
        "beyond the storage": (in_state(Call(rebuild, typed, 2, (4,), (1,), False, {})), "out of"),
        "before the storage": (
            in_state(Call(rebuild, typed, -2, (4,), (1,), False, {})),
            "offset -2|overflowed",  # PyTorch's words, by its version
        ),
    }


def _saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


@pytest.mark.parametrize("name", list(forgeries(Path())))
def test_forged_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    content, expected = forgeries(mark)[name]
    path = write(tmp_path / "x.pkl", content)
    with pytest.raises(InputError, match=expected) as caught:
        read_published(path)
    assert str(path) in str(caught.value)
    assert not mark.exists()


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
DICT = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "Ran out of input"),
        (b"no pickle", "invalid load key|unpickling stack|read safely"),
        (b"PK\x03\x04archive", "read safely"),
        (b"Ptoken\n.", "persistent"),
        (b"Vtoken\nQ.", "persistent"),
        (b"\x80\x02\x82\x01.", "unregistered extension code"),
        (TENSOR + b"}b.", r"it changes torch\._utils\._rebuild_tensor_v2"),
        (TENSOR + b"N}VX\nNs\x86b.", r"it changes torch\._utils\._rebuild_tensor_v2"),
        (TENSOR + b")\x81.", "NEWOBJ"),
        (TENSOR + b"(NK\x00))tR.", "NoneType where a TypedStorage"),
        (DICT + b"}VX\nNsb.", "read safely"),
        (DICT + b"N}VX\nNs\x86b.", "read safely"),
        (DICT + b")R}VX\nNsb.", "read safely"),
        (b"I5\n.", "holds no network"),
        (b"}.", "holds no network"),
        (b"(" * 200_000 + b"t" * 200_000 + b".", "holds no network"),
    ],
)
def test_damaged_and_odd_files(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        read_published(path)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    whole = a_checkpoint(tmp_path / "whole.pkl").read_bytes()
    path = tmp_path / "x.pkl"
    for length in range(1, len(whole) - 1, len(whole) // 40):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"x.pkl is not a published checkpoint"):
            read_published(path)


def test_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "x.pkl", tmp_path):
        with pytest.raises(InputError, match=r"is missing; give the \.pkl"):
            read_published(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"_modules": None}, "a Generator without its _modules"),
        ({"_modules": {"mapping": 5}}, "a int where a _Module belongs"),
        ({"_buffers": {"x": 5}}, "a int where a Tensor belongs"),
        ({"_parameters": {5: None}}, "a Generator without its _parameters"),
        ({"_init_kwargs": EasyDict(z_dim={1})}, "a constructor keyword is a set"),
        ({"_init_kwargs": EasyDict(z_dim=np.int64(4))}, "a constructor keyword is a _NumpyValue"),
    ],
)
def test_odd_networks(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    G = persistent(stylegan2.Generator(**COMMON), COMMON, **changes)
    with pytest.raises(InputError, match=expected):
        read_published(write(tmp_path / "x.pkl", {"G": G}))


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({**COMMON, "channel_max": 4}, "size mismatch"),
        ({**COMMON, "no_such": 1}, "no_such"),
        ({**COMMON, "img_resolution": 17}, "power of two"),
        ({"c_dim": 0}, "missing a required argument"),
        ({**COMMON, "z_dim": "6"}, "read|not the published stylegan2"),
    ],
)
def test_keywords_that_do_not_fit(tmp_path: Path, keywords: dict[str, Any], expected: str) -> None:
    G = persistent(stylegan2.Generator(**COMMON), keywords)
    checkpoint, model = write(tmp_path / "x.pkl", {"G": G}), tmp_path / "G.safetensors"
    with pytest.raises(InputError, match=expected):
        import_checkpoint(checkpoint=checkpoint, network="G", model=model)
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_networks_that_are_not_there(tmp_path: Path) -> None:
    model = tmp_path / "G.safetensors"
    other = write(tmp_path / "x.pkl", {"G": persistent(nn.Linear(2, 2), {})})
    with pytest.raises(InputError, match="has no G_ema, only G; name one"):
        import_checkpoint(checkpoint=other, network="G_ema", model=model)
    with pytest.raises(InputError, match=r"G in .* is a Linear with other tensors"):
        import_checkpoint(checkpoint=other, network="G", model=model)
