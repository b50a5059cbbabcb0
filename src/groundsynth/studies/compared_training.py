"""The verb ``train-compared-spade``: a generator of the comparison of discriminators."""

from __future__ import annotations

from groundsynth.gan.train_spade import LastSpadeOptions, train_to_the_end
from groundsynth.verb_options import takes_options


@takes_options(LastSpadeOptions)
def train_compared_spade(options: LastSpadeOptions) -> None:
    """Train SPADE against one of the compared discriminators, in one time slot.

    As train-spade, whose options and outputs it has: what is compared differs in the
    discriminator alone.
    """
    train_to_the_end(options)
