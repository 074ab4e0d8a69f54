"""An encoder of sweeps with a head that names the class of every voxel.

Shapes: B sweeps, P_i points of sweep i, M voxels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from concord3d.geometry.sweep_voxels import SweepVoxels
from concord3d.models.mink_unet import MinkUNet


class SweepSegmenter(nn.Module):
    """MinkUNet with a new 1^3 convolution with bias, which is a linear map of each voxel's features.

    What is ignored in training has no output, so that no score has to be removed before the greatest is taken.

    Args:
        encoder: The network without heads.
        num_classes: K, without the ignored one.

    Source: CMCR spec 2.1, 5.
    """

    def __init__(self, encoder: MinkUNet, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.feature_dim, num_classes)

    @property
    def num_classes(self) -> int:
        """K."""
        return self.head.out_features

    def forward(self, sweeps: Sequence[Tensor]) -> tuple[SweepVoxels, Tensor]:
        """Return the voxels of sweeps and their (M, K) logits.

        Args:
            sweeps: B tensors (P_i, 4): x, y, z and intensity from 0 to 1.

        Raises:
            BadCloud: See :func:`concord3d.geometry.sweep_voxels.sweep_voxels`.
        """
        voxels, features = self.encoder.encode(sweeps)
        return voxels, self.head(features)

    def point_classes(self, sweeps: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of every point, which is that of its voxel: B tensors (P_i,) int64.

        Args:
            sweeps: As in :meth:`forward`.
        """
        voxels, logits = self(sweeps)
        of_points: Tensor = logits.argmax(1)[voxels.inverse]
        return list(of_points.split([len(points) for points in sweeps]))
