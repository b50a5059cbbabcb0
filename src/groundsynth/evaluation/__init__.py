"""Measures of images, captions and their agreement."""
