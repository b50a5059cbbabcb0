"""Batch normalisation over a batch that is spread over processes.

Each process has an equal share of the batch; means and variances are those of all shares, in the
forward pass and in its gradient. PyTorch's own SyncBatchNorm runs on GPUs only; this one runs on
any device, and is tested where it runs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from groundsynth.processes import Processes


def global_statistics(processes: Processes) -> AbstractContextManager[object]:
    """Context in which every batch normalisation that trains sees the batch of all processes."""
    return nullcontext() if processes.count == 1 else _GlobalStatistics(processes)


class _GlobalStatistics(TorchFunctionMode):
    """Takes the place of ``F.batch_norm``, which every kind of batch normalisation calls."""

    def __init__(self, processes: Processes) -> None:
        super().__init__()
        self.processes = processes

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
        mean, variance = moments(x.detach(), self.processes)
        if running_mean is not None and running_var is not None:
            count = self.processes.count * x.numel() // x.shape[1]
            unbiased = variance * (count / max(1, count - 1))
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_(unbiased.to(running_var), momentum)
        weight = mean.new_ones(x.shape[1]) if weight is None else weight
        bias = mean.new_zeros(x.shape[1]) if bias is None else bias
        scale = torch.rsqrt(variance + eps)
        normal: Tensor = _Normalise.apply(x, weight, bias, mean, scale, self.processes)
        return normal


def moments(x: Tensor, processes: Processes) -> tuple[Tensor, Tensor]:
    """Mean and variance [C], not corrected, of [N, C, ...] over the shares of all processes.

    From the shares' own moments, which lose nothing where a mean is large beside its deviation
    (Chan, Golub and LeVeque 1983, section 3). In float32 at least.
    """
    variance, mean = torch.var_mean(_wide(x), _others(x), correction=0)
    table = mean.new_zeros(processes.count, 2, len(mean))
    table[processes.rank] = torch.stack([mean, variance])
    processes.add_up(table)
    means, variances = table.unbind(1)
    mean = means.mean(0)
    return mean, (variances + (means - mean).square()).mean(0)


class _Normalise(torch.autograd.Function):
    """(x - mean) x scale x weight + bias, where mean and scale follow from all shares of x."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        scale: Tensor,
        processes: Processes,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.processes = processes
        factor = scale * weight
        shift = bias - mean * factor
        return torch.addcmul(_along(shift, x), _wide(x), _along(factor, x)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the whole batch: what a sample changes in mean and scale, it changes
        for the samples of every process (Ioffe and Szegedy 2015, section 3)."""
        x, weight, mean, scale = ctx.saved_tensors
        above, wide = _wide(gradients[0]), _wide(x)
        normal = (wide - _along(mean, x)) * _along(scale, x)
        own = torch.stack([above.sum(_others(x)), (above * normal).sum(_others(x))])
        shared = own.clone()
        ctx.processes.add_up(shared)
        shared /= ctx.processes.count * x.numel() // x.shape[1]
        rest = above - _along(shared[0], x) - normal * _along(shared[1], x)
        below = (rest * _along(scale * weight, x)).to(x.dtype)
        return below, own[1].to(weight.dtype), own[0].to(weight.dtype), None, None, None


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _others(x: Tensor) -> list[int]:
    """Every dimension but that of the channels."""
    return [0, *range(2, x.ndim)]


def _along(values: Tensor, x: Tensor) -> Tensor:
    """[C] as it is multiplied with [N, C, ...]."""
    return values.view(-1, *[1] * (x.ndim - 2))
