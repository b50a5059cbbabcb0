"""The generator computes what its definition says, with less work."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from groundsynth.gan.condition import Condition, convolve_constants
from groundsynth.gan.instance_norm import instance_norm
from groundsynth.gan.spade import Generator, one_hot

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks" / "gan"


@pytest.fixture
def plain_networks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The definitions beside which the benchmark measures."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    from plain_spade import plain_networks

    return plain_networks


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 5), (3, 3), (4, 4), (7, 9)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_constant_planes_are_convolved_as_planes(size: tuple[int, int], kernel: int) -> None:
    torch.manual_seed(0)
    constants, weight = torch.randn(2, 3).double(), torch.randn(4, 3, kernel, kernel).double()
    planes = constants[:, :, None, None].expand(-1, -1, *size)
    expected = F.conv2d(planes, weight, padding=kernel // 2)
    torch.testing.assert_close(convolve_constants(constants, weight, size), expected)


def test_condition_stands_for_the_joined_channels() -> None:
    torch.manual_seed(0)
    maps, constants = torch.randn(2, 5, 8, 8), torch.randn(2, 4)
    conv = nn.Conv2d(9, 6, 3, padding=1)
    planes = constants[:, :, None, None].expand(-1, -1, 8, 8)
    joined = F.interpolate(torch.cat([maps[:, :3], planes, maps[:, 3:]], 1), size=(4, 4))
    found = Condition(maps, constants, place=3).convolve(conv, (4, 4))
    torch.testing.assert_close(found, conv(joined))


def test_second_derivatives_of_instance_norm_are_refused() -> None:
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    y = instance_norm(x, eps=1e-5).square().sum()
    (gradient,) = torch.autograd.grad(y, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()


@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_instance_norm_is_pytorchs(mean: float) -> None:
    """Values and gradients; with a large mean, the mean of squares would be all rounding."""
    torch.manual_seed(0)
    x = (torch.randn(2, 3, 6, 5) * torch.tensor([1e-2, 1, 10])[:, None, None] + mean).double()
    sides = []
    for norm, dtype in ((instance_norm, torch.float32), (F.instance_norm, torch.float64)):
        own = x.to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_(True)
        y: Any = norm(own, eps=1e-5)
        (y * torch.linspace(-1, 1, y.numel(), dtype=dtype).view_as(y)).sum().backward()
        sides.append((y.detach().double(), own.grad.double()))  # type: ignore[union-attr]
    exact = 1e-4 if mean == 0 else 0.02  # 100 + 0.01 has five digits left of the deviation
    torch.testing.assert_close(sides[0][0], sides[1][0], rtol=exact, atol=exact)
    torch.testing.assert_close(sides[0][1], sides[1][1], rtol=exact, atol=exact * 10)


@pytest.mark.parametrize("name", ["spectralspadeinstance3x3", "spadebatch3x3"])
@pytest.mark.parametrize(("latent", "noise"), [(0, 0), (4, 0), (0, 2), (4, 2)])
def test_generator_is_that_of_its_definition(
    name: str, latent: int, noise: int, plain_networks: Any
) -> None:
    torch.manual_seed(0)
    G = Generator(3, 4, 16, 1.0, 3, name, latent_dim=latent, noise_dim=noise, hidden=8).double()
    condition = one_hot(torch.randint(0, 3, (2, 16, 16), dtype=torch.uint8), 3).double()
    z = torch.randn(2, G.z_size).double()
    found = []
    for context in (plain_networks(), torch.enable_grad()):
        G.zero_grad()
        G.eval()  # training would move the singular vectors and running means between the two
        with context:
            images = G(condition, z)
            (images * torch.linspace(-1, 1, images.numel()).view_as(images)).sum().backward()
        found.append([images.detach(), *(p.grad for p in G.parameters() if p.grad is not None)])
    assert found[0][0].std() > 0
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-11)


def test_batch_statistics_are_those_of_the_doubled_pixels(plain_networks: Any) -> None:
    """Running variances are unbiased ones: of four times as many pixels they would differ."""
    condition = one_hot(torch.randint(0, 3, (2, 16, 16), dtype=torch.uint8), 3)
    states = []
    for context in (plain_networks(), torch.enable_grad()):
        torch.manual_seed(0)
        G = Generator(3, 4, 16, 1.0, 3, "spadebatch3x3", latent_dim=4, hidden=8)
        with context:
            G(condition, torch.ones(2, 4))
        states.append({n: v for n, v in G.state_dict().items() if "running" in n})
    assert states[0]
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, msg=name)


def test_bfloat16_on_a_cpu_is_near_float32() -> None:
    torch.manual_seed(0)
    G = Generator(3, 8, 16, 1.0, 3, latent_dim=4, hidden=8).eval()
    condition = one_hot(torch.randint(0, 3, (2, 16, 16), dtype=torch.uint8), 3)
    z = torch.randn(2, 4)
    with torch.no_grad():
        exact = G(condition, z)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = G(condition, z)
    assert rounded.dtype == torch.bfloat16 or rounded.dtype == torch.float32
    assert (rounded.float() - exact).abs().max() < 0.1
