"""Land-cover segmentation: six architectures trained on mixes of real and synthetic patches."""
