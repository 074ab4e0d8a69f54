"""Distillation of pictures into a LiDAR encoder: what both share, and what each alone knows (CMCR)."""
