"""StyleGAN2: names, shapes, small resolutions, labels, and what it refuses."""

from typing import Any

import pytest
import torch
from torch import Tensor

from groundsynth.errors import ConfigurationError
from groundsynth.gan.stylegan2 import Discriminator, Generator
from groundsynth.gan.stylegan2_discriminator import minibatch_stddev


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def small_generator(c_dim: int = 0, resolution: int = 16, **kwargs: Any) -> Generator:
    kwargs = {"channel_base": 128, "channel_max": 8, **kwargs}
    return Generator(6, c_dim, 5, resolution, 3, mapping_kwargs={"num_layers": 2}, **kwargs)


def small_discriminator(c_dim: int = 0, resolution: int = 16, **kwargs: Any) -> Discriminator:
    kwargs = {"channel_base": 128, "channel_max": 8, **kwargs}
    return Discriminator(c_dim, resolution, 3, **kwargs)


@pytest.mark.parametrize("resolution", [4, 32, 64])
@pytest.mark.parametrize("training", [True, False])
def test_small_resolutions_on_cpu(resolution: int, training: bool) -> None:
    generator = small_generator(resolution=resolution).train(training)
    images = generator(torch.randn(4, 6), noise_mode="random")
    assert images.shape == (4, 3, resolution, resolution)
    assert images.dtype == torch.float32
    if resolution > 4:
        logits = small_discriminator(resolution=resolution).train(training)(images)
        assert logits.shape == (4, 1)
        logits.sum().backward()
        assert all(p.grad is not None for p in generator.parameters())


def test_number_of_styles() -> None:
    for resolution, expected in ((4, 2), (16, 6), (64, 10)):
        generator = small_generator(resolution=resolution)
        assert generator.num_ws == expected
        assert generator.mapping(torch.randn(2, 6)).shape == (2, expected, 5)


def test_state_names_with_labels() -> None:
    shapes = {n: tuple(t.shape) for n, t in small_generator(c_dim=3).state_dict().items()}
    assert shapes["mapping.embed.weight"] == (5, 3)
    assert shapes["mapping.embed.bias"] == (5,)
    assert shapes["mapping.fc0.weight"] == (5, 6 + 5)
    shapes = {n: tuple(t.shape) for n, t in small_discriminator(c_dim=3).state_dict().items()}
    assert shapes["mapping.embed.weight"] == (8, 3)
    assert {f"mapping.fc{i}.weight" for i in range(8)} <= shapes.keys()
    assert shapes["b4.out.weight"] == (8, 8)
    assert "mapping.w_avg" not in shapes
    wide = small_discriminator(c_dim=3, cmap_dim=7).state_dict()
    assert wide["b4.out.weight"].shape == (7, 8)


def test_labels_matter() -> None:
    generator, discriminator = small_generator(c_dim=2), small_discriminator(c_dim=2)
    z = torch.randn(1, 6).expand(2, -1)
    c = torch.eye(2)
    images = generator(z, c, noise_mode="const")
    assert not torch.allclose(images[0], images[1], atol=1e-3)
    same = images[:1].expand(2, -1, -1, -1)
    logits = discriminator(same, c)
    assert not torch.allclose(logits[0], logits[1], atol=1e-4)
    with pytest.raises(ValueError, match=r"label c must have shape \[N, 2\]"):
        generator(z, None)


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_architectures(architecture: str) -> None:
    generator = small_generator(architecture=architecture)
    images = generator(torch.randn(4, 6))
    assert images.shape == (4, 3, 16, 16)
    has_rgb = {n.split(".")[1] for n, _ in generator.named_parameters() if ".torgb." in n}
    assert has_rgb == ({"b4", "b8", "b16"} if architecture == "skip" else {"b16"})
    assert small_discriminator(architecture=architecture)(images).shape == (4, 1)


def test_noise_modes() -> None:
    generator = small_generator().eval()
    for layer in (m for m in generator.modules() if hasattr(m, "noise_strength")):
        torch.nn.init.constant_(layer.get_parameter("noise_strength"), 0.5)
    ws = generator.mapping(torch.randn(2, 6))

    def images(mode: str) -> Tensor:
        return generator.synthesis(ws, noise_mode=mode)

    assert torch.equal(images("const"), images("const"))
    assert torch.equal(images("none"), images("none"))
    assert not torch.allclose(images("const"), images("none"), atol=1e-3)
    assert not torch.allclose(images("random"), images("random"), atol=1e-3)
    silent = small_generator(use_noise=False)
    assert not any("noise" in name for name in silent.state_dict())
    with pytest.raises(ValueError, match="noise_mode is 'fixed'"):
        images("fixed")


def test_truncation() -> None:
    mapping = small_generator().mapping
    torch.nn.init.normal_(mapping.w_avg)
    z = torch.randn(3, 6)
    assert torch.equal(mapping(z, truncation_psi=0), mapping.w_avg.expand(3, 6, 5))
    cut = mapping(z, truncation_psi=0.5, truncation_cutoff=2)
    assert torch.equal(cut[:, 2:], mapping(z)[:, 2:])
    torch.testing.assert_close(cut[:, :2], (mapping(z)[:, :2] + mapping.w_avg) / 2)


def test_averages_move_only_when_asked() -> None:
    generator = small_generator()
    z = torch.randn(8, 6)
    generator(z)
    assert not generator.mapping.w_avg.any()
    generator(z, update_emas=True)
    expected = generator.mapping(z)[:, 0].mean(dim=0) * 0.002
    torch.testing.assert_close(generator.mapping.w_avg, expected)


def test_samples_do_not_depend_on_their_batch() -> None:
    generator = small_generator(resolution=32).eval()
    z = torch.randn(3, 6)
    together = generator(z, noise_mode="const")
    alone = torch.cat([generator(row[None], noise_mode="const") for row in z])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_frozen_layers_are_buffers_of_the_same_name() -> None:
    free = small_discriminator(resolution=32)
    frozen = small_discriminator(resolution=32, block_kwargs={"freeze_layers": 5})
    assert free.state_dict().keys() == frozen.state_dict().keys()
    missing = dict(free.named_parameters()).keys() - dict(frozen.named_parameters()).keys()
    assert {name.rsplit(".", 1)[0] for name in missing} == {
        *("b32.fromrgb", "b32.conv0", "b32.conv1", "b32.skip"),
        "b16.conv0",
    }


def test_minibatch_stddev_groups_are_strided() -> None:
    x = torch.zeros(4, 2, 1, 1)
    x[0], x[2] = 1.0, 3.0  # one group of two holds samples 0 and 2, the other 1 and 3
    y = minibatch_stddev(x, group_size=2)
    assert y.shape == (4, 3, 1, 1)
    torch.testing.assert_close(y[:, 2, 0, 0], torch.tensor([1, 1e-4, 1, 1e-4]))
    with pytest.raises(ValueError, match="batches divisible by its group size 4"):
        minibatch_stddev(torch.zeros(6, 2, 1, 1), group_size=4)


@pytest.mark.parametrize("resolution", [0, 2, 48])
def test_resolutions_that_are_no_power_of_two(resolution: int) -> None:
    with pytest.raises(ConfigurationError, match="power of two"):
        small_generator(resolution=resolution)
    with pytest.raises(ConfigurationError, match="power of two"):
        small_discriminator(resolution=resolution)


def test_odd_inputs_are_named() -> None:
    generator = small_generator()
    with pytest.raises(ValueError, match=r"latent z must have shape \[N, 6\], not \(2, 7\)"):
        generator(torch.randn(2, 7))
    with pytest.raises(ValueError, match=r"ws must have shape \[N, 6, 5\]"):
        generator.synthesis(torch.randn(2, 4, 5))
    with pytest.raises(ValueError, match="Images must have shape"):
        small_discriminator()(torch.randn(4, 3, 8, 8))
    with pytest.raises(ConfigurationError, match="architecture is 'mesh'"):
        small_generator(architecture="mesh")
    with pytest.raises(ConfigurationError, match="architecture is 'mesh'"):
        small_discriminator(architecture="mesh")
    with pytest.raises(ConfigurationError, match="low_precision is 'int8'"):
        small_generator(low_precision="int8")
    with pytest.raises(ConfigurationError, match="no input or no layer"):
        Generator(0, 0, 5, 16, 3)
