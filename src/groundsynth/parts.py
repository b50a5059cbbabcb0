"""Places of the parts that a batch is divided into, over processes or one after the other.

Every part draws the random numbers of the whole batch and takes the rows of its own samples:
what becomes of a sample follows from its place in the batch, whichever part or process it falls
to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)


@dataclass(frozen=True)
class Part:
    """Place of a part among ``count`` equal parts of a batch; by default it is all of it."""

    number: int = 0
    count: int = 1

    def rows(self, size: int) -> slice:
        """Rows of the whole batch that belong to this part of ``size`` samples."""
        return slice(self.number * size, (self.number + 1) * size)

    def normal(self, size: int, *shape: int, device: torch.device) -> Tensor:
        """Standard normal numbers [size, *shape] of this part's samples."""
        return torch.randn(self.count * size, *shape, device=device)[self.rows(size)]

    def draws(self, size: int) -> AbstractContextManager[object]:
        """Context in which random numbers are drawn as if ``size`` samples were the whole batch.

        It covers ``torch.rand``, ``torch.randn``, those with ``_like``, ``Tensor.bernoulli_`` and
        the dropouts. Every shape begins with the number of samples, that of the last two kinds
        perhaps with a multiple (several rows a sample, one after another); ValueError otherwise.
        """
        return nullcontext() if self.count == 1 else _WholeBatchDraws(self, size)


class _WholeBatchDraws(TorchFunctionMode):
    """Draws the numbers of the whole batch wherever those of a part are asked for."""

    def __init__(self, part: Part, size: int) -> None:
        super().__init__()
        self.part, self.size = part, size

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if func is torch.rand_like or func is torch.randn_like:
            self._require_samples(args[0].shape, rows=1)
            return self._own(func(self._whole(args[0]), **options))
        if func is torch.rand or func is torch.randn:
            shape = args if isinstance(args[0], int) else args[0]
            self._require_samples(shape, rows=1)
            return self._own(func([self.part.count * shape[0], *shape[1:]], **options))
        if func is torch.Tensor.bernoulli_:
            drawn = self._whole(args[0]).bernoulli_(*args[1:], **options)
            return args[0].copy_(self._own(drawn))
        if func in DROPOUTS:
            return self._dropped(func, *args, **options)
        return func(*args, **options)

    def _dropped(
        self, dropout: Any, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """``x`` times what the dropout makes of ones in the whole batch; never in place."""
        if not training or p == 0:
            return x
        return x * self._own(dropout(torch.ones_like(self._whole(x)), p))

    def _whole(self, x: Tensor) -> Tensor:
        """A tensor like that of the whole batch of which ``x`` is this part's.

        Joined, not made from a shape: the order in memory decides which number goes where.
        """
        self._require_samples(x.shape)
        return torch.cat([x.detach()] * self.part.count)

    def _own(self, whole: Tensor) -> Tensor:
        return whole[self.part.rows(len(whole) // self.part.count)]

    def _require_samples(self, shape: Sequence[int], rows: int | None = None) -> None:
        """ValueError unless ``shape`` begins with ``rows`` a sample; None: with any number."""
        if len(shape) == 0 or shape[0] != self.size * (rows or max(1, shape[0] // self.size)):
            raise ValueError(f"a draw of shape {list(shape)} is not one for {self.size} samples")


WHOLE = Part()
"""The only part of a batch that is not divided."""
