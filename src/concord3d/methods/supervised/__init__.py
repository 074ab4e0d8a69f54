"""Supervised classification, from scratch or from an earlier training, which it fine-tunes."""
