"""Concord3D: reproduction of cross-modal 3D representation learning papers, claim by claim."""

__version__ = "0.1.0"
