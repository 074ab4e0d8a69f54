"""The encoders of LiDAR sweeps that a distillation can train."""

from __future__ import annotations

from concord3d.models.mink_unet import MinkUNet
from concord3d.models.voxel_net import VoxelNet

# Both have ``encode(sweeps)``, which returns voxels and their features, and ``feature_dim``.
SweepEncoder = MinkUNet | VoxelNet
