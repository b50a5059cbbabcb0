"""Captions from composition, map layout and image, by grammar or by language models."""
