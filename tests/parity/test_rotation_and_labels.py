"""StyleGAN3-R and class-conditional models, of which there are no reference tensors.

They are proved from the published state shapes and from their definitions: what a radial filter
must pass, that pictures turn with the plane they are drawn on, and label arithmetic written out.
"""

import math
from typing import Any

import pytest
import scipy.signal
import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan import losses
from groundsynth.gan.stylegan2 import Discriminator
from groundsynth.gan.stylegan2 import Generator as Generator2
from groundsynth.gan.stylegan3 import Generator as Generator3
from groundsynth.gan.stylegan3_layers import lowpass_filter

LABELS = 3
RADIAL = {"conv_kernel": 1, "use_radial_filters": True}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def rotation_model(**kwargs: Any) -> Generator3:
    """Configuration R at 64 px: width of the T reference, doubled."""
    keywords: dict[str, Any] = {**RADIAL, "channel_base": 2048, "channel_max": 128}
    keywords |= {"mapping_kwargs": {"num_layers": 2}, **kwargs}
    return Generator3(64, 0, 64, 64, 3, **keywords).eval().requires_grad_(False)


@pytest.mark.parity
def test_state_of_configuration_r() -> None:
    shapes = {name: tuple(t.shape) for name, t in rotation_model().state_dict().items()}
    sizes = [36] * 4 + [52] * 4 + [84] * 5 + [64] * 2
    channels = [128] * 7 + [102, 81, 64, 51, 40, 32, 32, 3]
    expected: dict[str, tuple[int, ...]] = {
        "mapping.w_avg": (64,),
        **{f"mapping.fc{i}.weight": (64, 64) for i in (0, 1)},
        **{f"mapping.fc{i}.bias": (64,) for i in (0, 1)},
        "synthesis.input.weight": (128, 128),
        "synthesis.input.freqs": (128, 2),
        "synthesis.input.phases": (128,),
        "synthesis.input.transform": (3, 3),
        "synthesis.input.affine.weight": (4, 64),
        "synthesis.input.affine.bias": (4,),
    }
    before = 128
    for i, (size, after) in enumerate(zip(sizes, channels, strict=True)):
        name = f"synthesis.L{i}_{size}_{after}"
        expected |= {
            f"{name}.weight": (after, before, 1, 1),
            f"{name}.bias": (after,),
            f"{name}.magnitude_ema": (),
            f"{name}.affine.weight": (before, 64),
            f"{name}.affine.bias": (before,),
        }
        if i < 14:
            expected[f"{name}.up_filter"] = (24,) if i in (4, 8) else (12,)
            expected[f"{name}.down_filter"] = (12,) if i in (12, 13) else (12, 12)
        before = after
    assert shapes == expected


@pytest.mark.parity
@pytest.mark.parametrize(("cutoff", "half_width", "rate"), [(2.0, 6.0, 32), (8.0, 11.5, 64)])
def test_radial_filters_pass_alike_in_all_directions(
    cutoff: float, half_width: float, rate: int
) -> None:
    """Response along the diagonal as along the axis, and as that of the straight filter."""
    radial = lowpass_filter(12, cutoff, 2 * half_width, rate, radial=True)
    straight = lowpass_filter(12, cutoff, 2 * half_width, rate)
    assert radial is not None
    assert straight is not None
    position = (torch.arange(12) - 5.5) / rate
    for frequency in (0.0, cutoff / 2, cutoff, cutoff + half_width):
        waves = [torch.cos(2 * math.pi * frequency * position * scale) for scale in (1, 0.5**0.5)]
        on_axis = radial.sum(dim=0) @ waves[0]
        on_diagonal = torch.einsum("ij,i,j->", radial, waves[1], waves[1])
        assert abs(on_axis - on_diagonal) < 0.03
        assert abs(on_axis - straight @ waves[0]) < 0.1


@pytest.mark.parity
def test_radial_filter_is_a_windowed_jinc() -> None:
    """Against the two-dimensional inverse Fourier transform of a disc, integrated numerically."""
    cutoff, half_width, rate, taps = 4.0, 8.0, 64, 12
    radial = lowpass_filter(taps, cutoff, 2 * half_width, rate, radial=True)
    assert radial is not None
    steps = (torch.arange(400, dtype=torch.float64) + 0.5) / 200 - 1
    disc = (steps[:, None].square() + steps.square() < 1).double()
    position = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate
    waves = torch.cos(2 * math.pi * cutoff * position[:, None] * steps)
    ideal = waves @ disc @ waves.t()
    attenuation = scipy.signal.kaiser_atten(taps, 2 * half_width / (rate / 2))
    window = scipy.signal.get_window(("kaiser", scipy.signal.kaiser_beta(attenuation)), taps, False)
    expected = ideal * torch.outer(torch.from_numpy(window), torch.from_numpy(window))
    torch.testing.assert_close(radial.double(), expected / expected.sum(), rtol=1e-3, atol=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize("radial", [True, False])
def test_pictures_turn_with_the_plane_in_configuration_r_only(radial: bool) -> None:
    """Karras et al. 2021, section 3.2: what 1 x 1 convolutions and radial filters are for."""
    kernel = {} if radial else {"conv_kernel": 3, "use_radial_filters": False}
    G = rotation_model(channel_base=256, channel_max=16, **kernel)
    ws = G.mapping(torch.randn(1, 64))
    upright = G.synthesis(ws)
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    G.synthesis.input.transform.copy_(quarter)
    error = (G.synthesis(ws) - upright.rot90(1, dims=[2, 3])).square().mean() / upright.var()
    assert error < 1e-6 if radial else error > 1e-2


def mapped(state: dict[str, Tensor], z: Tensor | None, c: Tensor, layers: int) -> Tensor:
    """The mapping network written out, from its state and the published conventions."""

    def unit(x: Tensor) -> Tensor:
        return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()

    embedding = state["embed.weight"] / math.sqrt(c.shape[1])
    parts = [] if z is None else [unit(z)]
    x = torch.cat([*parts, unit(c @ embedding.t() + state["embed.bias"])], dim=1)
    for i in range(layers):
        weight = state[f"fc{i}.weight"] * (0.01 / math.sqrt(x.shape[1]))
        x = x @ weight.t() + state[f"fc{i}.bias"] * 0.01
        x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    return x


def part(module: torch.nn.Module) -> dict[str, Tensor]:
    """State with random biases, so that none hides behind a zero."""
    for name, tensor in module.state_dict().items():
        if name.endswith("bias"):
            tensor.normal_(std=10)
    return module.state_dict()


@pytest.mark.parity
@pytest.mark.parametrize(("kind", "layers"), [(Generator2, 8), (Generator3, 2)])
def test_labels_enter_the_mapping(kind: Any, layers: int) -> None:
    G = kind(12, LABELS, 8, 32, 3, channel_base=256, channel_max=16).requires_grad_(False)
    state = part(G.mapping)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["embed.weight"] == (8, LABELS)
    assert shapes["fc0.weight"] == (8, 12 + 8)
    assert len(shapes) == 2 * layers + 3
    z, c = torch.randn(4, 12), torch.eye(LABELS)[[0, 1, 2, 1]]
    expected = mapped(state, z, c, layers)[:, None].expand(-1, G.num_ws, -1)
    torch.testing.assert_close(G.mapping(z, c), expected, rtol=1e-5, atol=1e-6)
    drawn = G.mapping(z, c, truncation_psi=0.5, truncation_cutoff=2)
    halfway = (expected + state["w_avg"]) / 2
    torch.testing.assert_close(drawn[:, :2], halfway[:, :2], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(drawn[:, 2:], expected[:, 2:], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert G(z, c, noise_mode="const").shape == (4, 3, 32, 32)


@pytest.mark.parity
def test_labels_project_onto_the_logits() -> None:
    D = Discriminator(LABELS, 32, 3, channel_base=256, channel_max=16).requires_grad_(False)
    state = part(D.mapping)
    assert {f"fc{i}.weight" for i in range(8)} <= state.keys()
    assert D.state_dict()["b4.out.weight"].shape == (16, 16)
    features: list[Tensor] = []
    D.b4.out.register_forward_hook(lambda module, inputs, output: features.append(output))
    c = torch.eye(LABELS)[[0, 1, 2, 1]]
    logits = D(torch.randn(4, 3, 32, 32), c)
    cmap = mapped(state, None, c, 8)
    expected = (features[0] * cmap).sum(dim=1, keepdim=True) / math.sqrt(16)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize(("kind", "labels"), [(Generator2, LABELS), (Generator3, 0)])
def test_every_phase_trains_every_parameter(kind: Any, labels: int) -> None:
    """Main phases, path length and R1 of a model with labels and of configuration R."""
    small: dict[str, Any] = {"channel_base": 128, "channel_max": 8}
    more: dict[str, Any] = {} if labels else {"num_layers": 4, **RADIAL}
    G, D = kind(6, labels, 5, 32, 3, **small, **more), Discriminator(labels, 32, 3, **small)
    z, c = torch.randn(4, 6), torch.eye(LABELS)[[0, 1, 2, 1], :labels]
    ws = G.mapping(z, c)
    images = G.synthesis(ws, noise_mode="const")
    losses.generator_logistic(D(images, c)).backward(retain_graph=True)
    assert_all_have_gradients(G, but="noise_strength")
    G.zero_grad()
    losses.path_length_penalty(images, ws, torch.zeros([]))[0].backward()
    assert_all_have_gradients(G.mapping)
    D.zero_grad()
    real = images.detach().requires_grad_(True)
    logits = D(real, c)
    (losses.discriminator_logistic_real(logits) + losses.r1_penalty(logits, real, 1.0)).backward()
    assert_all_have_gradients(D)


def assert_all_have_gradients(network: torch.nn.Module, but: str = "no name") -> None:
    for name, parameter in network.named_parameters():
        gradient = parameter.grad
        assert gradient is not None, name
        assert gradient.isfinite().all(), name
        assert gradient.any() or but in name, name
