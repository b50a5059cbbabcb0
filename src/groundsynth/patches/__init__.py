"""Patches: imagery and land cover cut on one grid, filtered, scaled to 8 bit, and split."""
