"""Semantic segmentation of LiDAR sweeps, from scratch or from an earlier training: fine-tuned, or probed linearly."""
