"""The ``encoder`` section of a run: which encoder, and what it is told. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from concord3d.config.validation import Places, StrictModel, Where, validate
from concord3d.named_modules import load_named, module_names

PACKAGE = "concord3d.models.settings"


class EncoderSettings(StrictModel):
    """Base of each encoder's settings.

    Attributes:
        builder: ``module:class`` of the encoder, called with the settings.
        encodes: ``clouds`` of equal length, or ``sweeps`` of any.
    """

    # A number in quotes, or true for 1, is a slip.
    model_config = ConfigDict(strict=True)
    builder: ClassVar[str]
    encodes: ClassVar[Literal["clouds", "sweeps"]] = "clouds"


def encoder_names() -> tuple[str, ...]:
    """Return the encoders that ``encoder.name`` may name."""
    return module_names(PACKAGE)


def encoder_settings(section: Mapping[str, Any], where: Where = "encoder") -> EncoderSettings:
    """Validate an ``encoder`` section.

    Args:
        section: ``name`` and what that encoder is told, e.g. ``{"name": "dgcnn", "k": 15, "emb_dims": 1024}``.
        where: Place for messages.

    Raises:
        ConfigError: The name or a key is unknown (the nearest valid one is named), or a value is impossible.
    """
    values = dict(section)
    named = where.of(("name",)) if isinstance(where, Places) else f"{where}.name"
    kind = load_named(PACKAGE, "point encoder", values.pop("name", None), named).SETTINGS
    return validate(kind, values, where)
