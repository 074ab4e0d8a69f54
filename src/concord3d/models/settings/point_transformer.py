"""Settings of :class:`concord3d.models.point_transformer.PointTransformer`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PositiveInt, model_validator

from concord3d.models.encoder_settings import EncoderSettings


class PointTransformerSettings(EncoderSettings):
    """The point tower of Cross-MoST; the defaults are its full size.

    Attributes:
        out_dim: Width of the output.
        num_groups: Groups per cloud, at most its points.
        group_size: Points per group, at most those of the cloud.
        token_width: Channels of a group behind the tokeniser, an even number.
        width: Width of the transformer.
        depth: Transformer blocks.
        num_heads: Attention heads; they share ``width``.
        mlp_ratio: Hidden width of the blocks' MLPs as a multiple of ``width``.
        drop_path: Probability that a cloud skips a branch of the last block; it rises linearly from 0 at the first.
    """

    builder: ClassVar[str] = "concord3d.models.point_transformer:PointTransformer"
    out_dim: PositiveInt = 512
    num_groups: PositiveInt = 64
    group_size: PositiveInt = 32
    token_width: PositiveInt = Field(default=256, multiple_of=2)
    width: PositiveInt = 384
    depth: PositiveInt = 12
    num_heads: PositiveInt = 6
    mlp_ratio: PositiveInt = 4
    drop_path: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> PointTransformerSettings:
        if self.width % self.num_heads:
            raise ValueError(f"'num_heads' must divide 'width' ({self.num_heads} heads, width {self.width})")
        return self


SETTINGS = PointTransformerSettings
