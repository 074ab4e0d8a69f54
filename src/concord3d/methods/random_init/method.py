"""The point encoder as it is initialised: the same that every method with this seed starts from."""

from __future__ import annotations

from concord3d.methods.interface import Context
from concord3d.methods.random_init.settings import RandomInitSettings
from concord3d.methods.untrained import Untrained


def build(settings: RandomInitSettings, context: Context) -> Untrained:
    """Build the encoder."""
    return Untrained("point", context.point_encoder())
