"""What a configuration's captioners need from its other sections.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from groundsynth.captioning.engines.vllm_offline import require_free
from groundsynth.configuration_paths import file_problems


def caption_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the captioners, a sentence each."""
    section = config["captions"]
    for place in (section["vllm"], *section["models"].values()):
        require_free(place.get("options", {}))
    for name in section["captioners"]:
        if name not in section["captioner_definitions"]:
            yield (
                f"The captioner {name!r} is used but not defined; add it to "
                "captions.captioner_definitions (defined are "
                f"{', '.join(section['captioner_definitions'])})."
            )
        captioner = section["captioner_definitions"][name]
        if captioner["engine"] == "vllm":
            missing = {"model", "temperature", "top_p"} - set(captioner)
            if missing:
                yield (
                    f"captions.captioner_definitions.{name} lacks {', '.join(sorted(missing))}, "
                    "which the engine vllm needs."
                )
            if captioner["model"] not in section["models"]:
                yield (
                    f"captions.captioner_definitions.{name}.model is {captioner['model']!r}, which "
                    "captions.models does not list; add it."
                )
        elif captioner["engine"] == "openai":
            missing = {"base_url", "served_model", "temperature", "top_p"} - set(captioner)
            if missing:
                yield (
                    f"captions.captioner_definitions.{name} lacks {', '.join(sorted(missing))}, "
                    "which the engine openai needs."
                )
        elif captioner["method"] == "vision":
            yield (
                f"captions.captioner_definitions.{name} asks the grammar engine for the method "
                "vision, which needs a model; use text or hybrid, or another engine."
            )
    for name, other in section["other_sets"].items():
        yield from file_problems(f"captions.other_sets.{name}.file", other["file"])
    if config["clip"]["train"] and config["clip"]["steps"] == 0:
        yield "clip.train is true, but clip.steps is 0; raise it."
    if config["clip"]["train"] and not section["captioners"]:
        yield (
            "clip.train is true, but captions.captioners names nobody whose captions it could be "
            "trained on; name one or set clip.train to false."
        )
