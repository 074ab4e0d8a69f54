"""Part segmentation of objects, from scratch or from an earlier training, which it fine-tunes."""
