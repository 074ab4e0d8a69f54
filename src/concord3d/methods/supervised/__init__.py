"""Supervised classification as the reference row of any paper."""
