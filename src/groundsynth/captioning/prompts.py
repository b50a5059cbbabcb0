"""What the language models are asked: versioned wording for the three grounding methods.

The instruction, equal for all images, stands first and the varying part last, so that an engine
with a prefix cache computes the instruction once (paper, section 3: text, vision, hybrid).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from groundsynth.captioning.percentages import figure, present
from groundsynth.errors import ConfigurationError

Method = Literal["text", "vision", "hybrid"]


@dataclass(frozen=True)
class Prompt:
    """An instruction and the words before the list of percentages (None: no list)."""

    instruction: str
    lead: str | None


PROMPTS: dict[str, dict[Method, Prompt]] = {
    "v1": {
        "text": Prompt(
            "You caption satellite scenes of which only the land-cover statistics are known. "
            "Each line of statistics gives the classes of one scene and the percentage of its "
            "area that each covers. In one or two concise sentences, say which land use "
            "dominates and how much the other classes matter. Name no class that is not listed, "
            "invent no places or objects, and answer with the caption only.",
            "Land cover of the scene: ",
        ),
        "vision": Prompt(
            "This satellite image was taken from straight above. In one or two concise "
            "sentences, describe its dominant land use and its key geographic features. Mention "
            "only what can be seen, and answer with the caption only.",
            None,
        ),
        "hybrid": Prompt(
            "This satellite image was taken from straight above, and the percentage of its area "
            "that each land-cover class covers has been measured. In one or two concise "
            "sentences, describe the spatial layout of the scene and its dominant land use. "
            "Agree with both the image and the percentages, name no class that is not listed, "
            "and answer with the caption only.",
            "Land cover of the scene: ",
        ),
    }
}


def select_prompt(version: str, method: Method) -> Prompt:
    """The wording of a version; ConfigurationError names the known versions."""
    if version not in PROMPTS:
        raise ConfigurationError(
            f"There is no prompt version {version!r}; set prompt_version to one of "
            f"{', '.join(PROMPTS)}."
        )
    return PROMPTS[version][method]


def composition_text(shares: Sequence[float], names: Sequence[str], decimals: int) -> str:
    """``grass 86%, barren 6%, crop less than 1%``: largest first, absent classes left out."""
    listed = present(list(shares))
    if not listed:
        return "not known"
    return ", ".join(
        f"{' '.join(names[index].split())} {figure(shares[index], decimals)}" for index in listed
    )


def conversation(
    prompt: Prompt, image: np.ndarray | None, composition: str | None
) -> list[dict[str, Any]]:
    """One user turn in the form of vLLM's chat: instruction, image uint8 [H, W, 3], percentages.

    Without an image the content is plain text, which every chat template takes.
    """
    facts = f"{prompt.lead}{composition}." if prompt.lead is not None else None
    if image is None:
        parts = [prompt.instruction, *([facts] if facts else [])]
        return [{"role": "user", "content": "\n\n".join(parts)}]
    from PIL import Image

    content: list[dict[str, Any]] = [
        {"type": "text", "text": prompt.instruction},
        {"type": "image_pil", "image_pil": Image.fromarray(np.ascontiguousarray(image))},
    ]
    if facts:
        content.append({"type": "text", "text": facts})
    return [{"role": "user", "content": content}]
