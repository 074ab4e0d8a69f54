"""Detection in LiDAR sweeps by centres, from scratch or fine-tuned from an earlier training."""
