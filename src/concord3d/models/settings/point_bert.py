"""Settings of :class:`concord3d.models.point_bert.PointBERT`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PositiveInt, model_validator

from concord3d.models.encoder_settings import EncoderSettings


class PointBERTSettings(EncoderSettings):
    """The Point-BERT of the OpenShape lineage; the defaults are its full size.

    Attributes:
        in_channels: 3 for x, y, z or more, e.g. 6 for x, y, z, r, g, b.
        out_dim: Width of the output.
        depth: Transformer blocks.
        width: Width of the tokens.
        mlp_width: Hidden width of the blocks' MLPs.
        num_heads: Attention heads; they share ``width``.
        num_groups: Groups per cloud, at most its points.
        group_channels: Channels of the feature of a group.
        group_size: Neighbours per group.
        radius_mm: Radius of the balls in thousandths of the unit of the coordinates.
    """

    builder: ClassVar[str] = "concord3d.models.point_bert:PointBERT"
    in_channels: int = Field(default=6, ge=3)
    out_dim: PositiveInt = 1280
    depth: PositiveInt = 12
    width: PositiveInt = 512
    mlp_width: PositiveInt = 1536
    num_heads: PositiveInt = 8
    num_groups: PositiveInt = 384
    group_channels: PositiveInt = 256
    group_size: PositiveInt = 64
    radius_mm: PositiveInt = 200

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> PointBERTSettings:
        if self.width % self.num_heads:
            raise ValueError(f"'num_heads' must divide 'width' ({self.num_heads} heads, width {self.width})")
        return self


SETTINGS = PointBERTSettings
