"""Objects of scans in the space of an aligned tower, by the features that frozen encoders have of them.

Shape legend: B scans, N objects, D_m width of the features of modality m, D width of the tower's space.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import ConfigError
from concord3d.features.projection import Projection
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES


class ObjectProjections(nn.Module):
    """Pictures through the tower's projection, sentences less its mean text, point features as they are.

    The point encoder must have been aligned with the same tower: its features lie in the tower's space already. The
    mean of an object's features is projected, which for a linear projection is nearly the mean of the projections.

    Args:
        projection: The tower's.

    Attributes:
        out_dim: D.
        modalities: What it has vectors of.

    Source: the object averages of ULIP-2 and Point-Bind (CrossOver spec 0 and 6).
    """

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.projection = projection
        self.out_dim = len(projection.text_mean)
        self.modalities = OBJECT_MODALITIES
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> ObjectProjections:
        """Stay as it is: nothing here is trained."""
        return super().train(False)

    def forward(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors by modality; those of missing ones mean nothing.

        Args:
            features: (B, N, D_m) by modality: ``image``, ``point``, ``cad``, ``referral``.
            present: As of any encoder of objects; not looked at.
            locations: Not looked at.

        Raises:
            ConfigError: Features of another width than the tower's or its point encoder's.
        """
        return {
            name: functional.normalize(self._in_space(name, features[name]), dim=-1)
            for name in self.modalities
            if name in features
        }

    def pictures(self, features: Tensor) -> Tensor:
        """Return (B, D) unit vectors of (B, D_image) features of any pictures, such as those of floorplans."""
        return functional.normalize(self._in_space("image", features), dim=-1)

    def _in_space(self, name: str, features: Tensor) -> Tensor:
        expected = len(self.projection.mean) if name == "image" else self.out_dim
        if features.shape[-1] != expected:
            raise ConfigError(
                f"Features of '{name}' do not lie in the space of the tower",
                expected=f"width {expected}",
                found=f"width {features.shape[-1]}",
                next_step="use the tower's own encoders, and a point encoder that was aligned with it",
            )
        if name == "image":
            projected: Tensor = self.projection(features.flatten(0, -2)).view(*features.shape[:-1], self.out_dim)
            return projected
        return features - self.projection.text_mean if name == "referral" else features
