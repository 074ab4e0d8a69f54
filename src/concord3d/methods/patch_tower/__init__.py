"""Patch towers: a picture encoder with patch tokens, trained towards the sentences about its pictures."""
