"""Groundsynth: grounded synthetic remote-sensing data, from public tiles to measured benefit."""

__version__ = "0.1.0"
