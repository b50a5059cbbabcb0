"""Losses of the generative models as pure functions; each returns a scalar batch mean.

Logits are [N, 1] for StyleGAN, maps [N, 1, H, W] for patch and U-Net discriminators. A lazily
evaluated regulariser is multiplied by its interval by the caller (Karras et al. 2020, appendix B).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.landcover import UNLABELLED

# --- StyleGAN: non-saturating logistic loss (Goodfellow et al. 2014) and its regularisers ---


def generator_logistic(fake_logits: Tensor) -> Tensor:
    """-log sigmoid(D(G(z))): the generator's non-saturating loss."""
    return F.softplus(-fake_logits).mean()


def discriminator_logistic_fake(fake_logits: Tensor) -> Tensor:
    """-log(1 - sigmoid(D(G(z)))): the discriminator's loss on generated images."""
    return F.softplus(fake_logits).mean()


def discriminator_logistic_real(real_logits: Tensor) -> Tensor:
    """-log sigmoid(D(x)): the discriminator's loss on real images."""
    return F.softplus(-real_logits).mean()


def r1_penalty(real_logits: Tensor, real_images: Tensor, gamma: float) -> Tensor:
    """gamma / 2 * squared gradient norm of the logits at real images (Mescheder et al. 2018).

    ``real_images`` [N, C, H, W] must require gradients and ``real_logits`` depend on them. The
    result is differentiable.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    return gradient.square().sum(dim=[1, 2, 3]).mean() * (gamma / 2)


def path_length_penalty(
    images: Tensor,
    ws: Tensor,
    mean_length: Tensor,
    weight: float = 2,
    decay: float = 0.01,
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """weight * (path length - running mean)^2 and the new mean (Karras et al. 2020, section 3.2).

    ``images`` [N, C, H, W] must depend on ``ws`` [N, num_ws, w_dim]; ``noise`` of the images'
    shape is standard normal, drawn here unless given. The mean moves by ``decay`` before it is
    used and passes gradients on; the second value is detached, for the next call.
    """
    noise = torch.randn_like(images) if noise is None else noise
    projection = (images * noise / math.sqrt(images.shape[2] * images.shape[3])).sum()
    (gradient,) = torch.autograd.grad(projection, ws, create_graph=True)
    lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
    mean_length = mean_length.lerp(lengths.mean(), decay)
    return (lengths - mean_length).square().mean() * weight, mean_length.detach()


# --- SPADE: hinge loss over the scales of a patch discriminator (Park et al. 2019) ---

Scales = Tensor | Sequence[Tensor]


def _mean_over_scales(losses: Sequence[Tensor]) -> Tensor:
    """Mean of each scale first, so that a large map does not outweigh a small one."""
    return torch.stack([loss.mean() for loss in losses]).mean()


def _scales(predictions: Scales) -> Sequence[Tensor]:
    return [predictions] if isinstance(predictions, Tensor) else predictions


def hinge_discriminator_real(predictions: Scales) -> Tensor:
    """max(0, 1 - D(x)); ``predictions`` is one map or one for each scale."""
    return _mean_over_scales([F.relu(1 - p) for p in _scales(predictions)])


def hinge_discriminator_fake(predictions: Scales) -> Tensor:
    """max(0, 1 + D(G(z))); ``predictions`` is one map or one for each scale."""
    return _mean_over_scales([F.relu(1 + p) for p in _scales(predictions)])


def hinge_generator(predictions: Scales) -> Tensor:
    """-D(G(z)); ``predictions`` is one map or one for each scale."""
    return _mean_over_scales([-p for p in _scales(predictions)])


# --- U-Net discriminator: a map and a bottleneck logit (Schönfeld et al. 2020) ---


def unet_real(pixel_logits: Tensor, image_logits: Tensor) -> Tensor:
    """Cross-entropy of both heads to "real", in equal halves (also the generator's loss on fakes).

    ``pixel_logits`` [N, 1, H, W], ``image_logits`` [N, 1].
    """
    return (F.softplus(-pixel_logits).mean() + F.softplus(-image_logits).mean()) / 2


def unet_fake(pixel_logits: Tensor, image_logits: Tensor) -> Tensor:
    """Cross-entropy of both heads to "generated", in equal halves."""
    return (F.softplus(pixel_logits).mean() + F.softplus(image_logits).mean()) / 2


def unet_cutmix(pixel_logits: Tensor, image_logits: Tensor, mask: Tensor) -> Tensor:
    """Loss on images cut from real (``mask`` 1) and generated (0) ones, in equal halves.

    Every pixel counts as what it came from, the image as a whole as generated. ``mask`` has, or
    broadcasts to, the shape of ``pixel_logits``.
    """
    target = mask.to(pixel_logits.dtype).expand_as(pixel_logits)
    pixels = F.binary_cross_entropy_with_logits(pixel_logits, target)
    return (pixels + F.softplus(image_logits).mean()) / 2


def cutmix_consistency(
    mixed_pixel_logits: Tensor, real_pixel_logits: Tensor, fake_pixel_logits: Tensor, mask: Tensor
) -> Tensor:
    """Squared distance between the map of a mixed image and the mix of the maps."""
    mixed_maps = mask * real_pixel_logits + (1 - mask) * fake_pixel_logits
    return F.mse_loss(mixed_pixel_logits, mixed_maps)


# --- OASIS: every pixel one of K classes, or generated (Sushko, Schönfeld et al. 2021) ---


def class_weights(class_pixels: Tensor) -> Tensor:
    """Weights [K] by inverse frequency of the classes; ``class_pixels`` [K] are their pixels.

    Classes that occur weigh the same in total, and the mean over the labelled pixels is one, so
    that real and generated images count alike (equation 2); a class that does not occur has 0.
    """
    count = class_pixels.double()
    present = (count > 0).sum().clamp(min=1)
    weights = count.sum() / (present * count.clamp(min=1)) * (count > 0)
    return weights.float()


def segmentation_real(logits: Tensor, masks: Tensor, weights: Tensor, pixels: Tensor) -> Tensor:
    """Weighted cross-entropy of every pixel to its class (also the generator's loss on fakes).

    ``logits`` [N, K + 1, H, W], ``masks`` uint8 [N, H, W] with 255 for pixels that are left out,
    ``weights`` [K]; the sum is divided by the number of labelled ``pixels`` (equation 1).
    """
    weights = torch.cat([weights, weights.new_ones(1)])
    total = F.cross_entropy(logits, masks.long(), weights, ignore_index=UNLABELLED, reduction="sum")
    return total / pixels


def segmentation_fake(logits: Tensor, masks: Tensor, pixels: Tensor) -> Tensor:
    """Cross-entropy of every pixel to "generated", the last channel; arguments as above."""
    surprise = -torch.log_softmax(logits, 1)[:, -1]
    return (surprise * (masks != UNLABELLED)).sum() / pixels


def real_or_fake(logits: Tensor, masks: Tensor, pixels: Tensor, real: bool) -> Tensor:
    """Cross-entropy of the bare decision whether a pixel is generated, whatever its class."""
    classes = torch.logsumexp(logits[:, :-1], 1)
    margin = classes - logits[:, -1]  # log-odds of a real pixel
    surprise = F.softplus(-margin if real else margin)
    return (surprise * (masks != UNLABELLED)).sum() / pixels


def label_mix_consistency(mixed: Tensor, separate: Tensor, masks: Tensor, pixels: Tensor) -> Tensor:
    """Squared distance of the logits of a mixed image and the mix of the logits (equation 3).

    Both [N, K + 1, H, W]; the mean over labelled pixels and channels.
    """
    squares = (mixed - separate).square().mean(1)
    return (squares * (masks != UNLABELLED)).sum() / pixels
