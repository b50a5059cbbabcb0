"""Products instead of convolutions give the same maps and gradients, wherever they are used."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from groundsynth.segmentation import small_maps
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.patch_sizes import SMALLEST
from groundsynth.segmentation.small_maps import SmallMapConv2d, use_products

SIDES = [(1, 1), (2, 2), (1, 3), (3, 2), (4, 4), (5, 7)]
KERNELS = [(1, 1), (3, 3), (5, 5), (1, 3), (2, 2)]
ENCODER = "tu-mobilenetv3_small_050"


def results(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The maps, and the gradients of input and parameters for a fixed gradient of the maps."""
    x = x.detach().requires_grad_()
    layer.zero_grad()
    maps = layer(x)
    maps.backward(torch.arange(maps.numel()).view(maps.shape).to(x).cos())
    return [maps.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())]


@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(3, 5, 1), (4, 4, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_maps_and_gradients_of_every_geometry(
    inputs: int, outputs: int, groups: int, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_maps, "FEW_ROWS", 10_000)
    monkeypatch.setattr(small_maps, "FEW_DEPTHWISE_ROWS", 10_000)
    products = 0
    for side, kernel, stride, padding, dilation in product(
        SIDES, KERNELS, (1, 2), (0, 1, 2), (1, 2)
    ):
        reach = [dilation * (taps - 1) + 1 for taps in kernel]
        if any(s + 2 * padding < r for s, r in zip(side, reach, strict=True)):
            continue
        torch.manual_seed(0)
        options = (kernel, stride, padding, dilation, groups, bias)
        layer = nn.Conv2d(inputs, outputs, *options).double()
        x = torch.randn(3, inputs, *side, dtype=torch.float64)
        expected = results(layer, x)
        use_products(layer)
        assert isinstance(layer, SmallMapConv2d)
        products += kernel != (1, 1) and layer._view(x) is not None
        for ours, theirs in zip(results(layer, x), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    assert products > 150


@pytest.mark.parametrize("architecture", SMALLEST)
def test_a_model_keeps_its_logits_gradients_and_weights(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the network activations work in place on what a product returned."""
    torch.manual_seed(0)
    model = build_model(architecture, ENCODER, 4).double().train()
    names = set(model.state_dict())
    size = max(64, SMALLEST[architecture])
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    used = []
    view = SmallMapConv2d._view
    monkeypatch.setattr(
        SmallMapConv2d, "_view", lambda layer, maps: used.append(view(layer, maps)) or used[-1]
    )
    torch.manual_seed(1)  # what dropout draws
    ours = results(model, x)
    assert sum(found is not None for found in used) > 2
    monkeypatch.setattr(SmallMapConv2d, "_conv_forward", nn.Conv2d._conv_forward)
    torch.manual_seed(1)
    for mine, theirs in zip(ours, results(model, x), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-8)
    assert set(model.state_dict()) == names
    assert {name.split(".")[-1] for name in names} <= {
        *("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }


@pytest.mark.parametrize("groups", [1, 4])
def test_an_empty_batch_gives_an_empty_one(groups: int) -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1, groups=groups)
    use_products(layer)
    assert layer(torch.zeros(0, 4, 2, 2)).shape == (0, 4, 2, 2)


def test_large_maps_are_left_to_pytorch() -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    use_products(layer)
    assert layer._view(torch.zeros(8, 4, 4, 4)) is not None
    assert layer._view(torch.zeros(9, 4, 4, 4)) is None
    assert layer._view(torch.zeros(1000, 4, 2, 2)) is not None
    assert layer._view(torch.zeros(1, 4, 32, 32)) is None
    depthwise = nn.Conv2d(4, 4, 5, padding=2, groups=4)
    use_products(depthwise)
    assert depthwise._view(torch.zeros(8, 4, 2, 2)) is not None
    assert depthwise._view(torch.zeros(9, 4, 2, 2)) is None
    assert depthwise._view(torch.zeros(1000, 4, 1, 1)) is not None


def test_other_layers_and_precisions_are_left_alone() -> None:
    others = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 8, 3, groups=2),
        nn.ConvTranspose2d(4, 4, 3),
    )
    use_products(others)
    assert not any(isinstance(layer, SmallMapConv2d) for layer in others)
    layer = nn.Conv2d(4, 4, 3, padding=1)
    use_products(layer)
    x = torch.randn(2, 4, 2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        assert layer(x).grad_fn.name() == "ConvolutionBackward0"


def test_a_second_derivative_is_refused_not_wrong() -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1)
    use_products(layer)
    x = torch.randn(2, 4, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.square().sum().backward()
