"""Training mixes: how many patches of each population a segmentation model is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from groundsynth.errors import ConfigurationError

PARTS = ("real", "unconditional", "conditional", "selection")
POPULATIONS = ("unconditional", "conditional")
ALL: Literal["all"] = "all"
Count = int | Literal["all"]
"""Number of samples, or ALL of them."""


@dataclass(frozen=True)
class Mix:
    """One mix: the real train split or not, and the first N samples of each synthetic population.

    "First" is by sample id, that is by seed: "synthetic 100k" of the paper is the first 100,000
    of its 300,000 samples. With ``selection`` only the samples count that the selection keeps.
    """

    name: str
    real: bool
    unconditional: Count
    conditional: Count
    selection: bool = False

    @property
    def real_only(self) -> bool:
        """Whether the mix holds real patches and nothing else."""
        return self.real and not self.unconditional and not self.conditional

    @property
    def parts(self) -> dict[str, Any]:
        """The parts as the configuration writes them; ``selection`` only where there is one."""
        left_out = {"name"} if self.selection else {"name", "selection"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    @property
    def samples(self) -> dict[str, Count]:
        """Number of samples of each synthetic population that the mix holds."""
        counts: dict[str, Count] = {
            "unconditional": self.unconditional,
            "conditional": self.conditional,
        }
        return {population: count for population, count in counts.items() if count}

    @classmethod
    def from_parts(cls, name: str, parts: Mapping[str, Any]) -> Mix:
        """Check the configured parts; ConfigurationError for an unknown or senseless one."""
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise ConfigurationError(
                f"The mix {name!r} has the unknown part {unknown[0]!r}; its parts are "
                f"{', '.join(PARTS)}."
            )
        given = {population: parts.get(population) or 0 for population in POPULATIONS}
        counts = {name: ALL if count == ALL else int(count) for name, count in given.items()}
        if any(count != ALL and count < 0 for count in counts.values()):
            raise ConfigurationError(
                f"The mix {name!r} asks for a negative number of samples; give 0 or more."
            )
        real, selection = (bool(parts.get(part, False)) for part in ("real", "selection"))
        mix = cls(name=name, real=real, selection=selection, **counts)
        if not mix.real and not mix.samples:
            raise ConfigurationError(
                f"The mix {name!r} is empty; set real to true or a number of samples."
            )
        if mix.selection and not mix.samples:
            raise ConfigurationError(
                f"The mix {name!r} takes selected samples, but asks for none; give a number of "
                "samples, or all, or set its selection to false."
            )
        return mix
