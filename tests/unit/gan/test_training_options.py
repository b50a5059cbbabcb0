"""What a training's saved state depends on, and what it does not."""

from pathlib import Path
from typing import Any

import pytest

from groundsynth.gan.train_spade import LastSpadeOptions, SpadeOptions
from groundsynth.gan.train_stylegan import LastStyleganOptions, StyleganOptions

SHARED = {
    *("batch", "kimg", "generator_rate", "discriminator_rate", "ema_kimg", "tick_kimg", "x_flip"),
    *("augment", "seed", "precision", "micro_batch"),
    *("plateau_patience", "plateau_tolerance", "plateau_samples"),
}
STYLEGAN = SHARED | {
    *("architecture", "z_dim", "w_dim", "mapping_layers", "channel_base", "channel_max"),
    *("r1_gamma", "path_length_weight", "ada_target", "style_mixing", "layer_noise"),
    "mapping_rate",
}
SPADE = SHARED | {
    *("legend", "base_channels", "latent", "discriminator", "discriminator_channels"),
    *("consistency_weight", "hidden_channels", "noise_channels", "upsamplings"),
    *("feature_matching", "warmup_kimg", "scales", "label_mix_weight", "perceptual"),
}
KINDS = {
    "stylegan": (StyleganOptions, LastStyleganOptions, STYLEGAN),
    "spade": (SpadeOptions, LastSpadeOptions, SPADE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_state_depends_on_what_the_weights_depend_on(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """A name more or less here would discard the saved state of a training that goes on."""
    options, last, expected = KINDS[kind]
    micro = request.getfixturevalue(kind)()
    counted = options(**micro.options).parameters
    assert set(counted) == expected
    assert counted["kimg"] == micro.options["kimg"]
    assert last(**micro.options, **micro.outputs).parameters == counted


def test_inputs_and_outputs(spade: Any, shards: Any) -> None:
    micro = spade()
    options = LastSpadeOptions(**micro.options, **micro.outputs)
    assert options.inputs == [*shards.images, *shards.masks, *shards.indices]
    assert {path.name for path in options.outputs} == {
        *("generator.safetensors", "generator.json", "history.parquet", "preview.png"),
        "progress.png",
    }
    assert options.chain_slot.state == Path(micro.state)
