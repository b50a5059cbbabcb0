"""StyleGAN3-T against images, layers, averages and gradients of the published model."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from groundsynth.gan import losses
from groundsynth.gan.stylegan3 import Discriminator, Generator

Load = Callable[[str], Any]
Check = Callable[[Any, Any], None]


@pytest.fixture(scope="module")
def ref(reference: Load) -> dict[str, Any]:
    stored: dict[str, Any] = reference("stylegan3-t_64.pt")
    return stored


@pytest.fixture
def generator(ref: dict[str, Any]) -> Generator:
    model = Generator(**ref["G_kwargs"])
    model.load_state_dict(ref["G_state"], strict=True)
    return model.requires_grad_(False).eval()


@pytest.fixture
def discriminator(ref: dict[str, Any]) -> Discriminator:
    model = Discriminator(**ref["D_kwargs"])
    model.load_state_dict(ref["D_state"], strict=True)
    return model.requires_grad_(False).train()


@pytest.mark.parity
def test_filters_are_designed_alike(ref: dict[str, Any]) -> None:
    state = Generator(**ref["G_kwargs"]).state_dict()
    filters = [name for name in state if name.endswith("_filter")]
    assert len(filters) == 28
    for name in filters:
        torch.testing.assert_close(state[name], ref["G_state"][name], rtol=0, atol=1e-7)


@pytest.mark.parity
def test_mapping(ref: dict[str, Any], generator: Generator, assert_images_equal: Check) -> None:
    z, c = ref["z"], ref["c"]
    assert_images_equal(generator.mapping(z, c), ref["ws_psi1"])
    assert_images_equal(generator.mapping(z, c, truncation_psi=0.7), ref["ws_psi0.7"])
    cut = generator.mapping(z, c, truncation_psi=0.5, truncation_cutoff=4)
    assert_images_equal(cut, ref["ws_psi0.5_cut4"])


@pytest.mark.parity
def test_images(ref: dict[str, Any], generator: Generator, assert_images_equal: Check) -> None:
    for mode in ("const", "random", "none"):  # there is no noise
        images = generator.synthesis(ref["ws_psi1"], noise_mode=mode)
        assert_images_equal(images, ref["img_psi1_const"])
    truncated = generator(ref["z"], ref["c"], truncation_psi=0.7, noise_mode="const")
    assert_images_equal(truncated, ref["img_psi0.7_const"])


@pytest.mark.parity
def test_transformed_images(
    ref: dict[str, Any], generator: Generator, assert_images_equal: Check
) -> None:
    generator.synthesis.input.transform.copy_(ref["transform"])
    assert_images_equal(generator.synthesis(ref["ws_psi1"]), ref["img_transformed"])


@pytest.mark.parity
def test_each_layer(ref: dict[str, Any], generator: Generator) -> None:
    means: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, inputs, output: means.update({name: output.mean(dim=[2, 3])})

    for name, layer in generator.synthesis.named_children():
        layer.register_forward_hook(keep(name))
    generator.synthesis(ref["ws_psi1"][:1])
    assert means.keys() == ref["layer_outputs_n1"].keys()
    for name, expected in ref["layer_outputs_n1"].items():
        torch.testing.assert_close(means[name], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parity
def test_averages(ref: dict[str, Any], generator: Generator) -> None:
    generator.train()(ref["z"], ref["c"], update_emas=True, noise_mode="const")
    state = generator.state_dict()
    for name, expected in ref["after_update_emas"].items():
        torch.testing.assert_close(state[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parity
def test_discriminator_logits(ref: dict[str, Any], discriminator: Discriminator) -> None:
    real = discriminator.eval()(ref["real"], ref["c"])
    torch.testing.assert_close(real, ref["D_logits_real"], rtol=1e-5, atol=1e-5)
    fake = discriminator(ref["img_psi1_const"], ref["c"])
    torch.testing.assert_close(fake, ref["D_logits_fake"], rtol=1e-5, atol=1e-5)


@pytest.mark.parity
def test_generator_main_phase(
    ref: dict[str, Any],
    generator: Generator,
    discriminator: Discriminator,
    assert_gradients_equal: Check,
) -> None:
    phase = ref["phases"]["Gmain"]
    generator.train().requires_grad_(True)
    images = generator(ref["z"], ref["c"], noise_mode="const")
    loss = losses.generator_logistic(discriminator(images, ref["c"]))
    torch.testing.assert_close(loss, phase["reports"]["Loss/G/loss"].mean())
    (loss * phase["gain"]).backward()
    assert_gradients_equal(generator, phase["grads"])


@pytest.mark.parity
def test_discriminator_main_phase_updates_averages_first(
    ref: dict[str, Any],
    generator: Generator,
    discriminator: Discriminator,
    assert_gradients_equal: Check,
) -> None:
    phase = ref["phases"]["Dmain"]
    generator.train()
    discriminator.requires_grad_(True)
    images = generator(ref["z"], ref["c"], noise_mode="const", update_emas=True)
    logits = discriminator(images, ref["c"])
    scores = phase["reports"]["Loss/scores/fake"]
    torch.testing.assert_close(logits, scores, rtol=0, atol=2e-6)
    loss = losses.discriminator_logistic_fake(logits)
    loss = loss + losses.discriminator_logistic_real(discriminator(ref["real"], ref["c"]))
    torch.testing.assert_close(loss, phase["reports"]["Loss/D/loss"].mean())
    (loss * phase["gain"]).backward()
    assert_gradients_equal(discriminator, phase["grads"])


@pytest.mark.parity
def test_r1_phase(
    ref: dict[str, Any], discriminator: Discriminator, assert_gradients_equal: Check
) -> None:
    phase = ref["phases"]["Dreg"]
    discriminator.requires_grad_(True)
    real = ref["real"].clone().requires_grad_(True)
    logits = discriminator(real, ref["c"])
    penalty = losses.r1_penalty(logits, real, gamma=ref["loss_kwargs"]["r1_gamma"])
    expected = phase["reports"]["Loss/D/reg"].mean()
    torch.testing.assert_close(penalty, expected, rtol=1e-4, atol=0)
    (penalty * phase["gain"]).backward()
    assert_gradients_equal(discriminator, phase["grads"])
