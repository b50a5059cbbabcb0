"""The grammar: captions written from composition and map layout, without a model.

The caption of an image depends on the seed, its id and its content only. It stands in where no
language model can run, and its every statement is true of the map.
"""

from __future__ import annotations

import numpy as np

from groundsynth.captioning.composition_sentences import describe_composition
from groundsynth.captioning.layout import analyse_layout
from groundsynth.captioning.layout_sentences import describe_layout
from groundsynth.captioning.parts import Caption
from groundsynth.captioning.wording import Scene, Wording

ENGINE, VERSION = "grammar", "1"


def grammar_caption(scene: Scene, mask: np.ndarray | None, seed: int) -> Caption:
    """One or two sentences on a scene, from its shares and, if given, its map uint8 [H, W].

    ``seed`` is the image's own. Tokens are counted in words.
    """
    if mask is None:
        text = describe_composition(Wording(scene, f"text/{seed}"))
    else:
        text = describe_layout(Wording(scene, f"hybrid/{seed}"), analyse_layout(mask))
    return Caption(text, text, "ok", len(text.split()), seed)
