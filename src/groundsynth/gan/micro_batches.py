"""A batch in equal parts, over processes and one after the other, as if it were whole.

Every part draws the random numbers of the whole batch (``parts``). Gradients, running means and
figures are those of the parts' mean, so that k processes do what one process does that goes
through the same k parts. What looks across samples (the groups of the minibatch standard
deviation, the spread of the samples) looks across one part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.processes import Processes


def part_size(batch: int, micro_batch: int | None, processes: int) -> int:
    """Samples in a part; the share of a process where ``micro_batch`` is None.

    Raises ConfigurationError when the batch cannot be divided so, or a part has one sample only.
    """
    size = micro_batch or max(1, batch // processes)
    if size < 2 or batch % (size * processes):
        raise ConfigurationError(
            f"A batch of {batch} cannot be divided into parts of {size} over {processes} "
            f"process{'es' if processes > 1 else ''}; choose gan.*.micro_batch of at least 2 that "
            "divides gan.*.batch / gan.*.gpus."
        )
    return size


def accumulate(
    parts: Sequence[Any],
    propagate: Callable[[Any], dict[str, Tensor]],
    network: nn.Module,
    running: Sequence[Tensor],
    processes: Processes,
) -> dict[str, Tensor]:
    """Gradients of ``network`` for a batch in parts, and the figures of ``propagate``, as means.

    ``propagate`` adds the gradients of one part to the parameters. ``running`` are tensors that
    it changes in place (running means, power iterations): each part starts from the same values
    and the changes are averaged. One sum over the processes carries all of it.
    """
    parameters = list(network.parameters())
    before = [tensor.clone() for tensor in running]
    random = _random_states(processes.device)
    total: Tensor | None = None
    for part in parts:
        _restore(running, before)
        _set_random_states(random, processes.device)
        network.zero_grad(set_to_none=True)
        figures = propagate(part)
        gradients = [p.grad for p in parameters if p.grad is not None]
        changes = [new - old for new, old in zip(running, before, strict=True)]
        flat = _flat([*gradients, *changes, *figures.values()])
        total = flat if total is None else total.add_(flat)
    if total is None:
        raise ValueError("a batch has at least one part")
    processes.add_up(total)
    total /= len(parts) * processes.count
    pieces = iter(_pieces(total, [*gradients, *changes, *figures.values()]))
    for gradient in gradients:
        gradient.copy_(next(pieces))
    _restore(running, [old + next(pieces) for old in before])
    return {name: next(pieces) for name in figures}


def _flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().float().flatten() for tensor in tensors])


def _pieces(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """``flat`` cut into the shapes of ``like``."""
    cut = flat.split([tensor.numel() for tensor in like])
    return [piece.view(tensor.shape) for piece, tensor in zip(cut, like, strict=True)]


@torch.no_grad()
def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def _random_states(device: torch.device) -> list[Tensor]:
    gpu = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *gpu]


def _set_random_states(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
