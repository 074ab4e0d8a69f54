"""Figures in one look; each kind is a module of ``kinds``."""
