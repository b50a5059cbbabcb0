"""The segmentation model that judges generated images: trained on real patches alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from groundsynth.errors import ConfigurationError
from groundsynth.evaluation.extractors import Extractor
from groundsynth.evaluation.segmenter_features import segmenter_extractor
from groundsynth.segmentation.confusion import count_confusion
from groundsynth.segmentation.inference import predict
from groundsynth.segmentation.models import Description, load_model


@dataclass(frozen=True)
class Judge:
    """The segmentation model that scores samples, and whose encoder gives features."""

    model: torch.nn.Module
    about: Description
    extractor: Extractor
    batch: int
    device: torch.device
    precision: str

    @classmethod
    def load(cls, path: Path, batch: int, device: torch.device, precision: str) -> Judge:
        """Load it; ConfigurationError where it has seen synthetic patches."""
        model, about = load_model(path, device)
        if not about.trained_on.real_only:
            raise ConfigurationError(
                f"{path} was trained on the mix {about.mix!r}, which holds synthetic patches; "
                "judge by a model of a mix of real patches only (segmentation.labeller)."
            )
        extractor = segmenter_extractor(path, device, precision)
        return cls(model, about, extractor, batch, device, precision)

    def confusion(self, images: np.ndarray, masks: np.ndarray, classes: int) -> np.ndarray:
        """int64 [K, K] counts over all pixels, rows the maps."""
        predicted, _ = predict(
            self.model, self.about, images, device=self.device, precision=self.precision
        )
        predicted, truth = (a.astype(np.int64) for a in (predicted, masks))
        counts = count_confusion(torch.from_numpy(predicted), torch.from_numpy(truth), classes)
        return counts.sum(0).numpy()

    def features(self, images: np.ndarray) -> np.ndarray:
        """float32 [N, D] features of uint8 [N, H, W, 3]."""
        return self.extractor.vectors(images, self.batch)
