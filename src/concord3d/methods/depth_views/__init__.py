"""Clouds seen through an aligned tower by way of depth pictures; nothing is trained."""
