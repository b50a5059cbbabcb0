"""Training mixes: how many patches of each population a segmentation model is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from groundsynth.errors import ConfigurationError

PARTS = ("real", "unconditional", "conditional")


@dataclass(frozen=True)
class Mix:
    """One mix: the real train split or not, and the first N samples of each synthetic population.

    "First" is by sample id, that is by seed: "synthetic 100k" of the paper is the first 100,000
    of its 300,000 samples.
    """

    name: str
    real: bool
    unconditional: int
    conditional: int

    @property
    def real_only(self) -> bool:
        """Whether the mix holds real patches and nothing else."""
        return self.real and not self.unconditional and not self.conditional

    @property
    def parts(self) -> dict[str, Any]:
        """The parts as the configuration writes them."""
        return {name: value for name, value in asdict(self).items() if name in PARTS}

    @classmethod
    def from_parts(cls, name: str, parts: Mapping[str, Any]) -> Mix:
        """Check the configured parts; ConfigurationError for an unknown or senseless one."""
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise ConfigurationError(
                f"The mix {name!r} has the unknown part {unknown[0]!r}; its parts are "
                f"{', '.join(PARTS)}."
            )
        counts = {part: int(parts.get(part) or 0) for part in PARTS[1:]}
        if min(counts.values()) < 0:
            raise ConfigurationError(
                f"The mix {name!r} asks for a negative number of samples; give 0 or more."
            )
        mix = cls(name=name, real=bool(parts.get("real", False)), **counts)
        if not mix.real and not any(counts.values()):
            raise ConfigurationError(
                f"The mix {name!r} is empty; set real to true or a number of samples."
            )
        return mix
