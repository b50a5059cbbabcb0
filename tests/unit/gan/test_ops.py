"""Operators against literal definitions, and their derivatives against finite differences."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from groundsynth.gan import ops


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def literal_upfirdn2d(
    x: Tensor, f: Tensor, up: int, down: int, padding: list[int], gain: float
) -> Tensor:
    """Zeros inserted, padded, convolved and decimated one step at a time."""
    f = torch.outer(f, f) if f.ndim == 1 else f
    n, c, h, w = x.shape
    stuffed = x.new_zeros(n, c, h * up, w * up)
    stuffed[:, :, ::up, ::up] = x
    stuffed = torch.nn.functional.pad(stuffed, padding)
    kernel = (f * gain).flip([0, 1]).to(x.dtype)[None, None]
    y = torch.nn.functional.conv2d(stuffed.flatten(0, 1)[:, None], kernel)
    return y.unflatten(0, (n, c))[:, :, 0, ::down, ::down]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(5,), (3, 4)])
@pytest.mark.parametrize(
    ("up", "down", "padding"),
    [(1, 1, [2, 1, 0, 3]), (2, 1, [3, -2, 5, 4]), (1, 3, [4, 2, -1, 6]), (4, 2, [-6, -9, 7, 12])],
)
def test_upfirdn2d_is_what_it_says(
    channels_last: bool, shape: tuple[int, ...], up: int, down: int, padding: list[int]
) -> None:
    x, f = torch.randn(2, 3, 9, 8, dtype=torch.float64), torch.randn(shape)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    actual = ops.upfirdn2d(x, f, up=up, down=down, padding=padding, gain=1.7)
    expected = literal_upfirdn2d(x, f, up, down, padding, 1.7)
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)


def test_axes_take_their_own_factors() -> None:
    x = torch.randn(1, 1, 6, 6)
    y = ops.upfirdn2d(x, torch.ones(2), up=[3, 1], down=[1, 2], padding=[1, 2, 3, 4])
    assert y.shape == (1, 1, (6 + 3 + 4 - 2) // 2 + 1, 6 * 3 + 1 + 2 - 2 + 1)


def test_no_filter_is_the_identity() -> None:
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(ops.upfirdn2d(x, None), x)
    assert torch.equal(ops.setup_filter(None), torch.ones(1, 1))


def test_setup_filter_chooses_its_form() -> None:
    short = ops.setup_filter([1, 3, 3, 1])
    assert short.shape == (4, 4)
    torch.testing.assert_close(short.sum(), torch.tensor(1.0))
    assert ops.setup_filter(list(range(1, 9))).shape == (8,)
    torch.testing.assert_close(ops.setup_filter([1, 1], gain=4).sum(), torch.tensor(4.0))
    assert ops.setup_filter([1, 2, 4], flip_filter=True, separable=True).argmax() == 0
    with pytest.raises(ValueError, match="dimensions"):
        ops.setup_filter(torch.ones(2, 2, 2))


def test_resizing_keeps_brightness_and_alignment() -> None:
    f = ops.setup_filter([1, 3, 3, 1])
    x = torch.full([1, 1, 8, 8], 3.0)
    assert ops.upsample2d(x, f).shape == (1, 1, 16, 16)
    torch.testing.assert_close(
        ops.upsample2d(x, f)[:, :, 4:-4, 4:-4], torch.full([1, 1, 8, 8], 3.0)
    )
    torch.testing.assert_close(
        ops.downsample2d(x, f)[:, :, 1:-1, 1:-1], torch.full([1, 1, 2, 2], 3.0)
    )
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    back = ops.downsample2d(ops.upsample2d(ramp, f), f)
    torch.testing.assert_close(back[:, :, 3:-3, 3:-3], ramp[:, :, 3:-3, 3:-3])


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("taps", [4, 5])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("flip_weight", [True, False])
def test_conv2d_resample_filters_and_convolves(
    up: int, down: int, taps: int, kernel: int, flip_weight: bool
) -> None:
    x, w = torch.randn(2, 4, 7, 8), torch.randn(6, 2, kernel, kernel)
    f = ops.setup_filter([1, 2, 3, 2, 5][:taps])
    y = ops.conv2d_resample(
        x, w, f, up, down, padding=kernel // 2, groups=2, flip_weight=flip_weight
    )
    low, high = kernel // 2, kernel // 2
    if up > 1:
        low, high = low + (taps + up - 1) // 2, high + (taps - up) // 2
    if down > 1:
        low, high = low + (taps - down + 1) // 2, high + (taps - down) // 2
    if up == down == 1:
        f = torch.ones(1, 1)
    wide = literal_upfirdn2d(x, f, up, 1, [low, high] * 2, up**2)
    w = w if flip_weight else w.flip([2, 3])
    expected = torch.nn.functional.conv2d(wide, w, stride=down, groups=2)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("act", list(ops.ACTIVATION_GAINS))
def test_bias_act_gain_and_clamp(act: str) -> None:
    x, b = torch.linspace(-3, 3, 24).reshape(2, 3, 4), torch.tensor([0.5, 0.0, -0.5])
    plain = ops.bias_act(x + b[:, None], act=act, gain=1)
    torch.testing.assert_close(ops.bias_act(x, b, act=act), plain * ops.ACTIVATION_GAINS[act])
    clamped = ops.bias_act(x, b, act=act, gain=3, clamp=0.7)
    torch.testing.assert_close(clamped, (plain * 3).clamp(-0.7, 0.7))


def test_bias_act_leaves_its_input_alone() -> None:
    x = torch.randn(2, 3)
    kept = x.clone()
    ops.bias_act(x, act="lrelu")
    ops.bias_act(x, torch.ones(3), act="lrelu")
    assert torch.equal(x, kept)


@pytest.mark.parametrize("clamp", [None, 0.8])
def test_bias_act_derivatives(clamp: float | None) -> None:
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    b = torch.randn(3, dtype=torch.float64, requires_grad=True)

    def activate(x: Tensor, b: Tensor) -> Tensor:
        return ops.bias_act(x, b, act="lrelu", clamp=clamp)

    assert gradcheck(activate, (x, b))
    assert gradgradcheck(activate, (x, b))


@pytest.mark.parametrize("taps", [(6,), (3, 4)])
def test_filtered_lrelu_derivatives(taps: tuple[int, ...]) -> None:
    fu, fd = torch.rand(4), torch.rand(taps)
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, dtype=torch.float64, requires_grad=True)

    def activate(x: Tensor, b: Tensor) -> Tensor:
        return ops.filtered_lrelu(x, fu, fd, b, up=2, down=2, padding=[3, 2, 2, 3], clamp=2.0)

    assert gradcheck(activate, (x, b))
    assert gradgradcheck(activate, (x, b))


def test_resampling_convolution_derivatives() -> None:
    f = ops.setup_filter([1, 3, 3, 1])
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    for up, down in ((2, 1), (1, 2)):

        def convolve(x: Tensor, w: Tensor, up: int = up, down: int = down) -> Tensor:
            return ops.conv2d_resample(x, w, f, up=up, down=down, padding=1)

        assert gradcheck(convolve, (x, w))
        assert gradgradcheck(convolve, (x, w))


def test_memory_order_is_kept() -> None:
    x = torch.randn(2, 8, 16, 16).contiguous(memory_format=torch.channels_last)
    f = torch.ones(12) / 12
    y = ops.filtered_lrelu(x, f, f, torch.zeros(8), up=2, down=2, padding=[11, 10, 11, 10])
    assert y.shape == x.shape
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_filtered_lrelu_without_filters_is_bias_act() -> None:
    x, b = torch.randn(2, 3, 4, 4), torch.randn(3)
    expected = ops.bias_act(x, b, act="lrelu", alpha=0.1, gain=2, clamp=1)
    actual = ops.filtered_lrelu(x, b=b, gain=2, slope=0.1, clamp=1)
    torch.testing.assert_close(actual, expected)


def test_derivatives_survive_the_compiler_and_functional_transforms() -> None:
    x = torch.randn(1, 2, 6, 6)
    f = torch.ones(4) / 4

    def total(x: Tensor) -> Tensor:
        y = ops.filtered_lrelu(x, f, f, up=2, down=2, padding=[3, 2, 3, 2], clamp=1.0)
        return y.square().sum()

    eager = x.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(total(eager), eager)
    torch.testing.assert_close(torch.func.grad(total)(x), expected)
    compiled = x.clone().requires_grad_(True)
    step = torch.compile(total, backend="aot_eager", fullgraph=True)
    (actual,) = torch.autograd.grad(step(compiled), compiled)
    torch.testing.assert_close(actual, expected)


def test_odd_inputs_are_named() -> None:
    x = torch.randn(1, 2, 4, 4)
    with pytest.raises(ValueError, match="smaller than the filter"):
        ops.upfirdn2d(x, torch.ones(12))
    with pytest.raises(ValueError, match="N, C, H, W"):
        ops.upfirdn2d(x[0], None)
    with pytest.raises(ValueError, match="up is a factor"):
        ops.upfirdn2d(x, None, up=0)
    with pytest.raises(ValueError, match="1, 2 or 4 numbers"):
        ops.upfirdn2d(x, None, padding=[1, 2, 3])
    with pytest.raises(ValueError, match="Unknown activation 'gelu'"):
        ops.bias_act(x, act="gelu")
    with pytest.raises(ValueError, match="does not fit dimension 1"):
        ops.bias_act(x, torch.zeros(4))
    with pytest.raises(ValueError, match="gain must be positive"):
        ops.filtered_lrelu(x, gain=-math.sqrt(2))
