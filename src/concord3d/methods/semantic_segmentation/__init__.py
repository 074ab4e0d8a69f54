"""Semantic segmentation of rooms, from scratch or from an earlier training, which it fine-tunes."""
