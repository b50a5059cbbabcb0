"""Batch normalisation over processes: that of one process with the whole batch."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from processes_in_threads import together
from torch import Tensor, nn

from groundsynth.processes import Processes
from groundsynth.segmentation.batch_statistics import global_statistics, moments

Results = dict[str, Tensor]


def network(kind: str) -> nn.Module:
    """Layers of which each gradient depends on all samples."""
    torch.manual_seed(1)
    first, last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)
    norm = {
        "affine": nn.BatchNorm2d(4),
        "plain": nn.BatchNorm2d(4, affine=False, momentum=0.3, eps=0.01),
        "untracked": nn.BatchNorm2d(4, track_running_stats=False),
    }[kind]
    return nn.Sequential(first, norm, nn.Tanh(), last).double()


def results(layers: nn.Module, x: Tensor, y: Tensor) -> Results:
    """Output, gradients and buffers."""
    found = {"output": y.detach(), "input": x.grad}
    found |= {name: p.grad for name, p in layers.named_parameters()}
    return found | dict(layers.named_buffers())


def trained(layers: nn.Module, batch: Tensor, target: Tensor, processes: Processes) -> Results:
    """One step of a process on its share, with the sum of the gradients of all."""
    layers = deepcopy(layers)
    rows = processes.part.rows(len(batch) // processes.count)
    x = batch[rows].clone().requires_grad_()
    with global_statistics(processes):
        y = layers(x)
    (y * target[rows]).sum().backward()
    processes.add_up_gradients(layers.parameters())
    return results(layers, x, y)


@pytest.mark.parametrize("kind", ["affine", "plain", "untracked"])
def test_shares_normalise_as_the_whole_batch(kind: str) -> None:
    draw = torch.Generator().manual_seed(2)
    batch = 5 + torch.randn(6, 3, 5, 4, generator=draw, dtype=torch.float64)
    batch[3:] *= 3  # shares with moments of their own
    target = torch.randn(6, 2, 5, 4, generator=draw, dtype=torch.float64)
    layers = network(kind)
    whole = trained(layers, batch, target, Processes(torch.device("cpu")))
    shares = together(3, lambda processes: trained(layers, batch, target, processes))
    joined = {name: torch.cat([share[name] for share in shares]) for name in ("output", "input")}
    for name, expected in whole.items():
        found = joined.get(name, shares[1][name])
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12), name
    assert "1.running_var" in whole or kind == "untracked"


def test_a_share_of_one_value_a_channel_is_enough() -> None:
    """Where maps are pooled to one pixel and each process has one sample."""
    draw = torch.Generator().manual_seed(5)
    batch = torch.randn(2, 3, 1, 1, generator=draw, dtype=torch.float64)
    target = torch.randn(2, 2, 1, 1, generator=draw, dtype=torch.float64)
    layers = network("affine")
    whole = trained(layers, batch, target, Processes(torch.device("cpu")))
    shares = together(2, lambda processes: trained(layers, batch, target, processes))
    assert torch.allclose(torch.cat([s["output"] for s in shares]), whole["output"])
    assert torch.allclose(shares[0]["1.running_var"], whole["1.running_var"])


def test_evaluation_uses_the_running_statistics() -> None:
    layers = network("affine").eval()
    x = torch.randn(4, 3, 2, 2).double()

    def evaluated(processes: Processes) -> Tensor:
        with global_statistics(processes):
            found: Tensor = layers(x)
        return found

    assert all(torch.equal(found, layers(x)) for found in together(2, evaluated))


def test_moments_keep_their_digits_beside_a_large_mean() -> None:
    x = 1000 + 0.01 * torch.randn(4, 2, 64, 64, generator=torch.Generator().manual_seed(3))

    def found(processes: Processes) -> Any:
        return moments(x[processes.part.rows(2)], processes)

    (mean, variance), _ = together(2, found)
    exact = torch.var_mean(x.double(), [0, 2, 3], correction=0)
    assert torch.allclose(mean.double(), exact[1], rtol=1e-6)
    assert torch.allclose(variance.double(), exact[0], rtol=1e-2)


def test_half_precision_is_normalised_in_float32() -> None:
    batch = (300 + torch.randn(4, 2, 8, 8)).bfloat16()
    norm = nn.BatchNorm2d(2)

    def work(processes: Processes) -> Tensor:
        with global_statistics(processes):
            found: Tensor = norm(batch[processes.part.rows(2)])
        return found

    found = torch.cat(together(2, work))
    assert found.dtype == torch.bfloat16
    expected = nn.BatchNorm2d(2)(batch.float())
    assert torch.allclose(found.float(), expected, atol=0.02)
