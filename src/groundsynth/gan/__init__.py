"""Generative models: StyleGAN2, StyleGAN3, SPADE, their operators, losses and training."""
