"""Published StyleGAN checkpoints (``.pkl``), read without running the code they embed.

Such a file is a pickle of a dict of networks (G, D, G_ema, ...). Every module in it asks for
``torch_utils.persistence._reconstruct_persistent_obj`` with its class name, its state and the
source text of the class, which the published reader executes. This one keeps the class name,
constructor arguments and tensors and drops the source text; whatever else the pickle asks for
is refused by name.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groundsynth.errors import InputError

BROKEN = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError),
    *(MemoryError, OverflowError, RecursionError, RuntimeError, TypeError, ValueError),
)
"""What a damaged or forged pickle makes an unpickler or a tensor constructor raise."""


@dataclass(frozen=True)
class PublishedNetwork:
    """One network of a checkpoint: how it was constructed, and its tensors by state name."""

    class_name: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    state: dict[str, Tensor]


def read_published(path: Path) -> dict[str, PublishedNetwork]:
    """Networks of the published checkpoint ``path`` by their names in it (G, D, G_ema, ...).

    Runs none of the embedded code. Raises InputError when the file is missing, damaged, holds no
    network, or asks for anything but tensors, numbers, containers and persistent modules.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; give the .pkl file of a published checkpoint.")
    try:
        with path.open("rb") as stream:
            content = _Unpickler(stream).load()
        entries = content.items() if isinstance(content, dict) else ()
        networks = {
            str(name): _network(entry.value)
            for name, entry in entries
            if isinstance(entry, _Sealed) and isinstance(entry.value, _Module)
        }
    except BROKEN as error:
        raise InputError(
            f"{path} is not a published checkpoint that can be read safely "
            f"({_first_line(error)}); fetch it again from where it was published."
        ) from None
    if not networks:
        raise InputError(f"{path} holds no network; give a checkpoint with G, D or G_ema.")
    return networks


class _Sealed:
    """A function or a value on the unpickler's stack, which no instruction can alter."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def __call__(self, *arguments: Any) -> Any:
        if not callable(self.value):
            raise pickle.UnpicklingError(f"it calls {self.name}")
        return self.value(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"it changes {self.name}")


class _NumpyValue:
    """Stands for any NumPy type, scalar or array: layers keep some, no tensor depends on them."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Type, shape and bytes are not looked at."""


@dataclass(frozen=True)
class _Module:
    """Attributes of a persistent module, as they were saved."""

    class_name: str
    attributes: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """A dict among the attributes, such as ``_parameters``."""
        found: Any = self.attributes.get(name)
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise pickle.UnpicklingError(f"a {self.class_name} without its {name}")
        return found


class _Unpickler(pickle.Unpickler):
    """Unpickler that knows the names of ``_ADMITTED`` and no other; persistent ids it refuses."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        found = _ADMITTED[module, name]
        # Built-in types cannot be altered, and some instructions accept nothing but a type.
        return found if isinstance(found, type) else _Sealed(f"{module}.{name}", found)


def _reconstruct(meta: Any) -> _Sealed:
    """A persistent module; the source text in ``meta`` is dropped unread."""
    known = isinstance(meta, dict) and meta.get("type") == "class"
    name, attributes = (meta.get("class_name"), meta.get("state")) if known else (None, None)
    if not isinstance(name, str) or not isinstance(attributes, dict):
        raise pickle.UnpicklingError("a module without class name or state")
    return _Sealed(name, _Module(name, attributes))


def _storage(data: Any) -> _Sealed:
    """Numbers of a tensor: a pickle of its own inside, which PyTorch reads as weights only."""
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except BROKEN as error:
        named = re.search(r"GLOBAL (\S+)|function (\S+)", str(error))
        reason = f"asks for {named[1] or named[2]}" if named else "cannot be read"
        raise pickle.UnpicklingError(f"a tensor's storage in it {reason}") from None
    if not isinstance(found, torch.storage.TypedStorage):
        raise pickle.UnpicklingError(f"a tensor's storage in it is a {type(found).__name__}")
    return _Sealed("a storage", found)


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> _Sealed:
    """A view of a storage; PyTorch checks that it stays inside. Hooks are dropped."""
    numbers = _unsealed(storage, torch.storage.TypedStorage)
    flat = torch.empty(0, dtype=numbers.dtype).set_(numbers)
    return _Sealed("a tensor", flat.as_strided(size, stride, offset))


def _parameter(data: Any, *_: Any) -> _Sealed:
    """A parameter's tensor; whether it was trainable and its hooks are dropped."""
    return _Sealed("a tensor", _unsealed(data, Tensor))


def _numpy_value(*_: Any) -> _NumpyValue:
    return _NumpyValue()


_ADMITTED: dict[tuple[str, str], type | Callable[..., Any]] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _reconstruct,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("dnnlib.util", "EasyDict"): dict,
    ("collections", "OrderedDict"): dict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("numpy", "dtype"): _numpy_value,
    ("numpy", "ndarray"): _numpy_value,
    **{
        (f"numpy.{core}.{name}", function): _numpy_value
        for core in ("core", "_core")  # before NumPy 2, and since
        for name, function in (
            ("multiarray", "scalar"),
            ("multiarray", "_reconstruct"),
            ("numeric", "_frombuffer"),
        )
    },
}


def _unsealed(value: Any, kind: type) -> Any:
    """The content of a sealed value; UnpicklingError unless it is of that kind."""
    if not isinstance(value, _Sealed) or not isinstance(value.value, kind):
        raise pickle.UnpicklingError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value.value


def _network(module: _Module) -> PublishedNetwork:
    """Constructor arguments and tensors of a whole network."""
    arguments = module.attributes.get("_init_args", ())
    keywords = module.part("_init_kwargs")
    return PublishedNetwork(
        module.class_name, _plain(arguments), _plain(keywords), dict(_tensors(module))
    )


def _tensors(network: _Module) -> Iterator[tuple[str, Tensor]]:
    """State names and tensors of a module and all within it."""
    waiting = [("", network)]
    while waiting:
        prefix, module = waiting.pop()
        passing = module.attributes.get("_non_persistent_buffers_set", set())
        for name, value in (module.part("_parameters") | module.part("_buffers")).items():
            if value is not None and name not in passing:
                yield prefix + name, _unsealed(value, Tensor)
        for name, value in module.part("_modules").items():
            if value is not None:
                waiting.append((f"{prefix}{name}.", _unsealed(value, _Module)))


def _plain(value: Any) -> Any:
    """``value`` if it consists of what JSON can hold; UnpicklingError otherwise."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    raise pickle.UnpicklingError(f"a constructor keyword is a {type(value).__name__}")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
