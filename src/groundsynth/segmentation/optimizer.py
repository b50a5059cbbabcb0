"""AdamW with clipping in the pass that updates the weights.

On a CPU an update is bound by memory and by the number of tensors. Clipping apart from it goes
through every gradient once more; PyTorch's fused AdamW copies tensors that do not lie row by row,
as the weights of a convolution do not in channels_last order; and a small tensor costs more to
handle than to update. So the optimizer is given the same memory as rows, the small ones as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

LEAST = 1e-6
"""Added to the norm, as torch.nn.utils.clip_grad_norm_ does."""
SMALL = 8192
"""Numbers in a parameter that is joined with others."""


class ClippedAdamW(torch.optim.AdamW):
    """AdamW of ``parameters``, of [O, I, kh, kw] or any shape, with gradients of limited norm.

    The parameters stay what they are to the model, though small ones get other memory: a model is
    to be moved to its device and precision before, not after. The state is, in its form too, that
    of torch.optim.AdamW on them; only small parameters that never have a gradient decay here.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        weight_decay: float,
        clip_norm: float,
    ) -> None:
        self.sources, self.clip_norm = list(parameters), clip_norm
        numbers = range(len(self.sources))
        self.small = [n for n in numbers if self.sources[n].numel() <= SMALL]
        self.large = [n for n in numbers if self.sources[n].numel() > SMALL]
        self.rows = [nn.Parameter(_as_it_lies(self.sources[n].detach())) for n in self.large]
        if self.small:
            self.rows.append(self._joined())
        super().__init__(self.rows, lr=learning_rate, weight_decay=weight_decay, fused=True)

    def _joined(self) -> nn.Parameter:
        """The small parameters in one vector, of which they become parts."""
        parts = [self.sources[number] for number in self.small]
        vector = _vector([part.detach() for part in parts])
        for part, piece in zip(parts, self._pieces(vector, self.small), strict=True):
            part.data = piece
        return nn.Parameter(vector)

    def _pieces(self, row: Tensor, numbers: list[int]) -> list[Tensor]:
        """What a row holds of the parameters of these numbers, in their shapes."""
        sources = [self.sources[number] for number in numbers]
        pieces = row.flatten().split([source.numel() for source in sources])
        shapes = [_as_it_lies(source).shape for source in sources]
        return [_as_it_was(p.view(s)) for p, s in zip(pieces, shapes, strict=True)]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, so that those of the next step may take their memory."""
        for tensor in (*self.sources, *self.rows):
            tensor.grad = None

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Let ``step`` see the gradients of the parameters; to be called before it."""
        for row, number in zip(self.rows, self.large, strict=False):
            gradient = self.sources[number].grad
            row.grad = None if gradient is None else _like(_as_it_lies(gradient), row)
        if self.small:
            parts = [self.sources[number] for number in self.small]
            self.rows[-1].grad = _vector(
                [torch.zeros_like(p) if p.grad is None else p.grad for p in parts]
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update the parameters by the gradients taken, as if clip_grad_norm_ had gone before."""
        gradients = [row.grad for row in self.rows if row.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        norm = torch.linalg.vector_norm(norms).to(torch.float32)  # no other scale is taken
        scale = None
        if norm.is_cuda or norm > self.clip_norm:  # to look at it would make a GPU wait
            scale = ((norm + LEAST) / self.clip_norm).clamp(min=1)
        self.grad_scale = scale  # the pass divides the gradients by it
        if not hasattr(self, "found_inf"):  # a scaler of losses sets its own, and takes it away
            self.found_inf = torch.zeros_like(norm)
        super().step(closure)

    def state_dict(self) -> dict[str, Any]:
        """The state by parameter, with moments in their shapes."""
        state = super().state_dict()
        whole: dict[int, dict[str, Any]] = {}
        for row, values in state["state"].items():
            numbers = self._numbers(row)
            for name, value in values.items():
                pieces = self._pieces(value, numbers) if value.ndim else _copies(value, numbers)
                for number, piece in zip(numbers, pieces, strict=True):
                    whole.setdefault(number, {})[name] = piece
        return _described(state, dict(sorted(whole.items())), len(self.sources))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` gave, in whatever order its memory lies.

        A parameter that had no gradient yet has no state.
        """
        found = state_dict["state"]
        rows = {row: self._row_state(row, found) for row in range(len(self.rows))}
        moments = {row: values for row, values in rows.items() if values}
        super().load_state_dict(_described(state_dict, moments, len(self.rows)))
        self.param_groups[0]["fused"] = True  # the only kind that takes a scale

    def _row_state(self, row: int, found: dict[int, dict[str, Any]]) -> dict[str, Any]:
        """The state of a row from that of its parameters; empty if none of them has any."""
        numbers = self._numbers(row)
        known = next((found[number] for number in numbers if number in found), {})
        return {
            name: _vector(
                [
                    found[number][name]
                    if number in found
                    else torch.zeros_like(self.sources[number], dtype=value.dtype).to(value.device)
                    for number in numbers
                ]
            ).view_as(self.rows[row])
            if value.ndim
            else value
            for name, value in known.items()
        }

    def _numbers(self, row: int) -> list[int]:
        """Numbers of the parameters that a row holds."""
        return [self.large[row]] if row < len(self.large) else self.small


def _as_it_lies(x: Tensor) -> Tensor:
    """[O, I, kh, kw] -> [O, kh, kw, I], the order of the memory in channels_last; others as is."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def _as_it_was(x: Tensor) -> Tensor:
    """The inverse of ``_as_it_lies``."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def _vector(parts: Iterable[Tensor]) -> Tensor:
    """The numbers of several tensors, one after another as they lie."""
    return torch.cat([_as_it_lies(part).flatten() for part in parts])


def _copies(value: Tensor, numbers: list[int]) -> list[Tensor]:
    """One for each, which nobody else counts on."""
    return [value.clone() for _ in numbers]


def _like(gradient: Tensor, row: Tensor) -> Tensor:
    """The gradient in the order of ``row``: the fused pass goes through both as if it were one."""
    if gradient.stride() == row.stride():
        return gradient
    return torch.empty_like(row).copy_(gradient)


def _described(state: dict[str, Any], moments: dict[int, Any], count: int) -> dict[str, Any]:
    """``state`` with other moments, of ``count`` parameters."""
    (group,) = state["param_groups"]
    return {"state": moments, "param_groups": [{**group, "params": list(range(count))}]}
