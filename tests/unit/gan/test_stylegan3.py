"""StyleGAN3: layer plan, filters, both configurations, equivariance, and what it refuses."""

from typing import Any

import pytest
import torch

from groundsynth.errors import ConfigurationError
from groundsynth.gan.stylegan3 import Generator, plan_signals
from groundsynth.gan.stylegan3_layers import Signal, SynthesisInput, lowpass_filter

PLAN: dict[str, Any] = {
    "channel_base": 1024,
    "channel_max": 64,
    "num_layers": 14,
    "num_critical": 2,
    "first_cutoff": 2,
    "first_stopband": 2**2.1,
    "last_stopband_rel": 2**0.3,
    "margin_size": 10,
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def small_generator(**kwargs: Any) -> Generator:
    small = {"channel_base": 64, "channel_max": 8, "num_layers": 6, "img_resolution": 32}
    return Generator(z_dim=6, c_dim=0, w_dim=5, img_channels=3, **{**small, **kwargs})


def test_plan_of_configuration_t_at_64() -> None:
    plan = plan_signals(64, 3, **PLAN)
    assert [signal.size for signal in plan] == [36] * 4 + [52] * 4 + [84] * 5 + [64] * 2
    assert [signal.sampling_rate for signal in plan] == [16] * 4 + [32] * 4 + [64] * 7
    channels = [64] * 7 + [51, 40, 32, 25, 20, 16, 16, 3]
    assert [signal.channels for signal in plan] == channels
    cutoffs = [2, 2.520, 3.175, 4, 5.040, 6.350, 8, 10.079, 12.699, 16, 20.159, 25.398, 32, 32, 32]
    assert [signal.cutoff for signal in plan] == pytest.approx(cutoffs, abs=1e-3)


def test_names_and_padding_of_configuration_t() -> None:
    generator = Generator(4, 0, 4, 64, 3, channel_base=1024, channel_max=64)
    assert generator.num_ws == 16
    names = [name for name, _ in generator.synthesis.named_children()]
    assert names[0] == "input"
    assert names[1:5] == ["L0_36_64", "L1_36_64", "L2_36_64", "L3_36_64"]
    assert names[8:10] == ["L7_52_51", "L8_84_40"]
    assert names[-2:] == ["L13_64_16", "L14_64_3"]
    layers: dict[str, Any] = dict(generator.synthesis.named_children())
    paddings = {name: layers[name].padding[:2] for name in names[1:]}
    assert paddings["L0_36_64"] == [9, 8]
    assert paddings["L4_52_64"] == paddings["L8_84_40"] == [-6, -9]
    assert paddings["L13_64_16"] == [-11, -12]
    assert paddings["L14_64_3"] == [0, 0]
    state = generator.state_dict()
    assert state["synthesis.L4_52_64.up_filter"].shape == (24,)
    assert not any(name.startswith("synthesis.L14_64_3.up") for name in state)


def test_configuration_r() -> None:
    generator = Generator(
        *(4, 0, 4, 64, 3),
        channel_base=2048,
        channel_max=16,
        conv_kernel=1,
        use_radial_filters=True,
    )
    layers: list[Any] = list(generator.synthesis.children())[1:]
    assert all(layer.weight.shape[2:] == (1, 1) for layer in layers)
    filters = [layer.down_filter for layer in layers]
    shapes = [None if f is None else tuple(f.shape) for f in filters]
    assert shapes == [(12, 12)] * 12 + [(12,)] * 2 + [None]
    assert generator(torch.randn(1, 4)).shape == (1, 3, 64, 64)


def test_lowpass_filters() -> None:
    assert lowpass_filter(1, 2, 1, 16) is None
    f = lowpass_filter(12, 2, 4.6, 32)
    assert f is not None
    assert f.shape == (12,)
    torch.testing.assert_close(f, f.flip(0))
    torch.testing.assert_close(f.sum(), torch.tensor(1.0))
    for taps in (11, 12):
        radial = lowpass_filter(taps, 2, 4.6, 32, radial=True)
        assert radial is not None
        torch.testing.assert_close(radial.sum(), torch.tensor(1.0))
        torch.testing.assert_close(radial, radial.t())
        torch.testing.assert_close(radial, radial.rot90())
        middle = slice(taps // 2 - 1, taps // 2 + 1)
        assert radial.max() == radial[middle, middle].max()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("resolution", [32, 64])
def test_small_resolutions_on_cpu(resolution: int, training: bool) -> None:
    generator = small_generator(img_resolution=resolution).train(training)
    images = generator(torch.randn(2, 6), noise_mode="random")
    assert images.shape == (2, 3, resolution, resolution)
    assert images.dtype == torch.float32
    images.square().sum().backward()
    silent = [n for n, p in generator.named_parameters() if p.grad is None]
    assert silent == []


def test_input_follows_its_transform() -> None:
    """Shifting the plane by two samples shifts the features by two samples."""
    features = SynthesisInput(4, Signal(8, 20, 16, 2.0, 1.0)).eval()
    w = torch.zeros(1, 4)
    before = features(w)
    features.transform[0, 2] = 2 / 16
    torch.testing.assert_close(features(w)[..., :-2], before[..., 2:], rtol=1e-4, atol=1e-4)
    features.transform.copy_(torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    turned = before.rot90(1, dims=[2, 3])
    torch.testing.assert_close(features(w), turned, rtol=1e-4, atol=1e-4)


def test_learned_rotation_and_shift() -> None:
    """The picture point is first shifted back, then turned, then the user's transform applies."""
    features = SynthesisInput(4, Signal(8, 20, 16, 2.0, 1.0)).eval()
    w = torch.zeros(1, 4)
    bias = features.affine.get_parameter("bias")
    with torch.no_grad():
        bias.copy_(torch.tensor([0.0, 2.0, 0.2, -0.4]))  # norm 2: a quarter turn, shift (0.1, -0.2)
        learned = features(w)
        bias.copy_(torch.tensor([1.0, 0, 0, 0]))
        features.transform.copy_(torch.tensor([[0.0, -1, -0.2], [1, 0, -0.1], [0, 0, 1]]))
    torch.testing.assert_close(features(w), learned, rtol=1e-4, atol=1e-4)


def test_input_frequencies_stay_in_band() -> None:
    features = SynthesisInput(4, Signal(500, 20, 16, 2.0, 1.0))
    assert features.freqs.norm(dim=1).max() <= 2.0


def test_images_follow_the_input_transform() -> None:
    """Translation equivariance: what the whole architecture is for (section 2)."""
    generator = Generator(4, 0, 4, 32, 3, channel_base=256, channel_max=16).eval()
    ws = generator.mapping(torch.randn(1, 4))
    with torch.no_grad():
        before = generator.synthesis(ws)
        generator.synthesis.input.transform[0, 2] = 4 / 32
        after = generator.synthesis(ws)
    moved, still = after[..., 4:-8], before[..., 4:-8]
    error = (moved - before[..., 8:-4]).square().mean() / before.var()
    assert error < 0.01
    assert (moved - still).square().mean() / before.var() > 10 * error


def test_averages_move_only_when_asked() -> None:
    generator = small_generator()
    z = torch.randn(4, 6)
    generator(z)
    layers = [m for n, m in generator.synthesis.named_children() if n != "input"]
    assert all(layer.magnitude_ema == 1 for layer in layers)
    generator(z, update_emas=True)
    assert all(layer.magnitude_ema != 1 for layer in layers)
    assert generator.mapping.w_avg.any()


def test_samples_do_not_depend_on_their_batch() -> None:
    generator = small_generator().eval()
    z = torch.randn(3, 6)
    alone = torch.cat([generator(row[None]) for row in z])
    torch.testing.assert_close(generator(z), alone, rtol=1e-4, atol=1e-6)


def test_odd_inputs_are_named() -> None:
    with pytest.raises(ConfigurationError, match="power of two"):
        small_generator(img_resolution=40)
    with pytest.raises(ConfigurationError, match="num_critical is 6 of 6 layers"):
        small_generator(num_critical=6)
    with pytest.raises(ValueError, match=r"ws must have shape \[N, 8, 5\]"):
        small_generator().synthesis(torch.randn(2, 7, 5))
