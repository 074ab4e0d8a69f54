"""CLIP: an image and a text encoder trained on pictures of objects and what is written about them."""
