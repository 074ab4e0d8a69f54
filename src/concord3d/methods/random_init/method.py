"""The point encoder as it is initialised: the same that every method with this seed starts from."""

from __future__ import annotations

from torch import nn

from concord3d.batches.objects import ObjectBatch
from concord3d.methods.interface import Context, Method
from concord3d.methods.random_init.settings import RandomInitSettings


class RandomInit(Method[ObjectBatch]):
    """Nothing but a point encoder.

    Args:
        encoder: Point encoder, (B, N, C) -> (B, feature_dim).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.point_encoder = encoder

    def saved(self) -> dict[str, nn.Module]:
        """Return the point encoder."""
        return {"point": self.point_encoder}


def build(settings: RandomInitSettings, context: Context) -> RandomInit:
    """Build the encoder."""
    return RandomInit(context.point_encoder())
