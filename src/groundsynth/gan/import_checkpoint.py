"""Verb import-checkpoint: a network of a published StyleGAN checkpoint as safetensors.

Both published code bases are read; the elder one (StyleGAN2-ADA) passes the keywords of the
synthesis network as one dict, and leaves half precision and the clamp off unless told.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import nn

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.gan import stylegan2, stylegan3
from groundsynth.gan.generator_files import save_generator
from groundsynth.gan.published_checkpoint import PublishedNetwork, read_published
from groundsynth.provenance import provenance

ELDER_DEFAULTS = {"num_fp16_res": 0, "conv_clamp": None}
ELDER_W_AVG_BETA = 0.995


def import_checkpoint(
    *, checkpoint: Path, network: Literal["G_ema", "G", "D"], model: Path
) -> None:
    """Convert a network of a published StyleGAN checkpoint (.pkl) to safetensors.

    Runs none of the code that the checkpoint embeds. Writes ``model`` (safetensors) and its
    description beside it (JSON), from which sample-unconditional reads unconditional generators.
    Raises InputError when the file is damaged, unsafe, or no StyleGAN2 or StyleGAN3.
    """
    networks = read_published(checkpoint)
    if network not in networks:
        raise InputError(f"{checkpoint} has no {network}, only {', '.join(networks)}; name one.")
    published = networks[network]
    architecture = architecture_of(published)
    if architecture is None:
        raise InputError(
            f"{network} in {checkpoint} is a {published.class_name} with other tensors than "
            "StyleGAN2's and StyleGAN3's; give a checkpoint of one of these."
        )
    elder = any("synthesis_kwargs" in other.keywords for other in networks.values())
    try:
        keywords = constructor_keywords(published, architecture, elder)
        module = build(architecture, keywords)
        module.load_state_dict(published.state, strict=True)
    except (ConfigurationError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(
            f"{network} in {checkpoint} is not the published {architecture} ({reason}); give an "
            "unchanged checkpoint."
        ) from None
    record = provenance("import-checkpoint", {"network": network}, [checkpoint])
    save_generator(
        model,
        module,
        architecture,
        keywords,
        population=_population(architecture, keywords),
        resolution=keywords["img_resolution"],
        seed=0,  # of the untrained baseline; the published training's is not in the file
        provenance=record,
    )


def architecture_of(network: PublishedNetwork) -> str | None:
    """stylegan2, stylegan3-t, stylegan3-r or stylegan2-discriminator, by names; None: another."""
    if "synthesis.input.freqs" in network.state:
        radial = bool(network.keywords.get("use_radial_filters"))
        return "stylegan3-r" if radial else "stylegan3-t"
    if "synthesis.b4.const" in network.state:
        return "stylegan2"
    return "stylegan2-discriminator" if "b4.out.weight" in network.state else None


def build(architecture: str, keywords: Mapping[str, Any]) -> nn.Module:
    """The network with random weights."""
    return _constructor(architecture)(**keywords)


def constructor_keywords(
    network: PublishedNetwork, architecture: str, elder: bool
) -> dict[str, Any]:
    """Keywords of our constructor; ``elder`` for a file of the elder code base.

    Raises TypeError for arguments that the constructor does not have.
    """
    signature = inspect.signature(_constructor(architecture))
    keywords = dict(network.keywords)
    inner = keywords.pop("synthesis_kwargs", {})
    names = [name for name in signature.parameters if name != "synthesis_kwargs"]
    keywords |= dict(zip(names, network.arguments, strict=False)) | inner
    if elder:
        keywords = ELDER_DEFAULTS | keywords
        if architecture == "stylegan2":
            mapping = keywords.get("mapping_kwargs") or {}
            keywords["mapping_kwargs"] = {"w_avg_beta": ELDER_W_AVG_BETA} | mapping
    signature.bind(**keywords)
    return keywords


def _constructor(architecture: str) -> type[nn.Module]:
    if architecture == "stylegan2-discriminator":
        return stylegan2.Discriminator
    return stylegan2.Generator if architecture == "stylegan2" else stylegan3.Generator


def _population(architecture: str, keywords: Mapping[str, Any]) -> str:
    """What the network makes; only unconditional generators can be sampled by seed alone."""
    if architecture == "stylegan2-discriminator":
        return "none"
    return "class-conditional" if keywords["c_dim"] else "unconditional"
