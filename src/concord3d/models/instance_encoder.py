"""Objects of scans in one space, whatever is known of them: the instance encoder of CrossOver.

Shapes: B scans, N objects, D_m width of the features of modality m, D width of the shared space.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.models.heads import UnitHead
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES, InstanceEncoderForm
from concord3d.models.spatial_attention import SpatialEncoder

_IN_SPACE = ("point", "cad")


class InstanceEncoder(nn.Module):
    """A head for each modality, and attention among the objects of a scan before that of the points.

    Args:
        form: With ``spatial`` it is Instance CrossOver, without Instance Baseline, which has heads alone.

    Attributes:
        form: The same.

    Raises:
        ConfigError: An unknown modality, or a width that the attention heads cannot share.

    Example:
        >>> import torch
        >>> from concord3d.models.scan_encoder_forms import InstanceEncoderShape
        >>> shape = InstanceEncoderShape(out_dim=8, num_layers=1, num_heads=2, mlp_width=16)
        >>> encoder = InstanceEncoder(InstanceEncoderForm(shape=shape, widths={"image": 6, "point": 4}))
        >>> features = {"image": torch.rand(2, 3, 6), "point": torch.rand(2, 3, 4)}
        >>> present = {name: torch.ones(2, 3, dtype=torch.bool) for name in features}
        >>> vectors = encoder(features, present, {"point": torch.rand(2, 3, 6)})
        >>> vectors["point"].shape
        torch.Size([2, 3, 8])

    Source: CrossOver spec 3.1 and 3.2.
    """

    def __init__(self, form: InstanceEncoderForm) -> None:
        super().__init__()
        self.form, shape = form, form.shape
        unknown = sorted(set(form.widths) - set(OBJECT_MODALITIES))
        if unknown:
            raise ConfigError("Unknown modality of objects", expected=", ".join(OBJECT_MODALITIES), found=unknown)
        self.out_dim = shape.out_dim
        inputs = dict(form.widths)
        self.spatial: SpatialEncoder | None = None
        self.narrow = nn.ModuleDict()
        if form.spatial:
            width = shape.attention_width or form.widths.get("point", form.widths.get("cad", shape.num_heads))
            self.dropout = nn.Dropout(shape.dropout)
            self.spatial = SpatialEncoder(
                width, shape.num_layers, shape.num_heads, shape.mlp_width, shape.dropout, form.padded_distances
            )
            for name in _IN_SPACE:
                if inputs.get(name, width) != width:
                    self.narrow[name] = nn.Linear(inputs[name], width)
                    inputs[name] = width
        self.heads = nn.ModuleDict(
            {name: UnitHead(width, self._hidden(name, width), shape.out_dim) for name, width in inputs.items()}
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it has vectors of."""
        return tuple(name for name in OBJECT_MODALITIES if name in self.form.widths)

    def _hidden(self, name: str, width: int) -> int:
        """Half the width of the input; with attention, pictures and sentences take half the width of the output."""
        return max(1, (self.out_dim if self.form.spatial and name not in _IN_SPACE else width) // 2)

    def forward(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (B, N, D) unit vectors of each modality that is given and known; those of missing ones mean nothing.

        Args:
            features: (B, N, D_m) by modality.
            present: (B, N) bool by modality.
            locations: (B, N, 6) by ``point`` and ``cad``: mean and extents in metres, z up.

        Raises:
            ConfigError: Features of another width than those that it was trained on.
        """
        return {
            name: self.heads[name](self._before_head(name, features[name], present, locations))
            for name in self.modalities
            if name in features
        }

    def pictures(self, features: Tensor) -> Tensor:
        """Return (B, D) unit vectors of (B, D_image) features of any pictures, such as those of floorplans."""
        vectors: Tensor = self.heads["image"](features)
        return vectors

    def _before_head(
        self, name: str, features: Tensor, present: Mapping[str, Tensor], locations: Mapping[str, Tensor]
    ) -> Tensor:
        if features.shape[-1] != self.form.widths[name]:
            raise ConfigError(
                f"Features of '{name}' are not those that the encoder was trained on",
                expected=f"width {self.form.widths[name]}",
                found=f"width {features.shape[-1]}",
                next_step="name the same extractors as in the training",
            )
        if self.spatial is None or name not in _IN_SPACE:
            return features
        tokens: Tensor = self.dropout(self.narrow[name](features) if name in self.narrow else features)
        if name == "point":
            result: Tensor = self.spatial(tokens, locations[name], present[name])
            return result
        return tokens + self.spatial.repeated_locations(locations[name]) if self.form.cad_locations else tokens
