"""What the training loop asks of a method, and what a method may ask of the training loop.

Shape legend: B objects, P stored points, m views, H height, W width, C channels, D width of tower features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from concord3d.errors import ConfigError, nearest
from concord3d.losses.embeddings import Gather, no_gather


class Targets(NamedTuple):
    """Features of frozen towers for the objects of a batch.

    Attributes:
        image: (B, D) float32, of one picture of each object, not normalised.
        text: (B, D) float32, of one text of each object, not normalised; zeros where there is none.
        has_text: (B,) bool; an object without text takes part in no term on texts.
    """

    image: Tensor
    text: Tensor
    has_text: Tensor


class Batch(NamedTuple):
    """One batch as stored, before any augmentation.

    Attributes:
        points: (B, P, 3) float32.
        views: (B, m, H, W, C) uint8 with m = ``Method.num_views``, or None where the method uses no images.
        labels: (B,) int64, or None where the method uses no labels.
        generator: CPU generator for every random number of this step.
        colors: (B, P, 3) uint8 RGB per point, or None where the method uses none or the data have none.
        targets: Features of frozen towers, or None where the method uses none.
    """

    points: Tensor
    views: Tensor | None
    labels: Tensor | None
    generator: torch.Generator
    colors: Tensor | None = None
    targets: Targets | None = None


class LossTerms(NamedTuple):
    """A loss and what it is made of.

    Attributes:
        total: Scalar to minimise, float32.
        terms: Named scalars for the record.
    """

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class DataFacts:
    """What a method is told about the data when it is built.

    Attributes:
        num_points: Points per cloud that the encoder shall see.
        num_views: Stored views per object, 0 without images.
        num_classes: Number of classes, 0 without labels.
        target_dim: Width of the frozen towers' features, 0 without towers.
        teacher: Encoder of an earlier run, frozen and in evaluation mode, or None; it is no part of the checkpoint.
    """

    num_points: int
    num_views: int = 0
    num_classes: int = 0
    target_dim: int = 0
    teacher: nn.Module | None = None


class Method(nn.Module):
    """A training objective around a point encoder.

    A method is one module ``concord3d.methods.<name>`` with ``build(settings, encoder, facts) -> Method``.

    Attributes:
        point_encoder: The encoder that is saved and evaluated.
        num_views: Views per object that each batch must hold, 0 for none.
        uses_labels: Whether each batch must hold labels.
        uses_targets: Whether each batch must hold features of frozen towers.
        gather: Collects embeddings over processes; set by the training loop.
    """

    point_encoder: nn.Module
    num_views: int = 0
    uses_labels: bool = False
    uses_targets: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.gather: Gather = no_gather

    def training_loss(self, batch: Batch) -> LossTerms:
        """Return the loss of one batch; the only method called in training mode."""
        raise NotImplementedError

    def held_out_metrics(self, batch: Batch) -> dict[str, float]:
        """Return named figures of objects never trained on; called in evaluation mode without gradients."""
        return {}


def feature_width(encoder: nn.Module) -> int:
    """Return an encoder's ``feature_dim``.

    Raises:
        TypeError: The module has no such integer.
    """
    width = getattr(encoder, "feature_dim", None)
    if not isinstance(width, int):
        raise TypeError(f"{type(encoder).__name__} has no integer feature_dim")
    return width


class Settings(BaseModel):
    """Base of each method's settings: unknown keys and impossible values are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SettingsType = TypeVar("SettingsType", bound=BaseModel)


def parse_settings(kind: type[SettingsType], values: Mapping[str, Any], where: str) -> SettingsType:
    """Validate a mapping against a settings model.

    Args:
        kind: The pydantic model.
        values: Keys and values as configured.
        where: Name of the section for the error message, e.g. ``objective``.

    Raises:
        ConfigError: A key is unknown (the nearest valid one is named) or a value is impossible.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            valid = tuple(kind.model_fields)
            raise ConfigError(
                f"Unknown key '{key}'{nearest(key, valid)}", where=where, expected=valid, found=key
            ) from error
        raise ConfigError(
            f"'{key}' has an impossible value", where=where, expected=first["msg"], found=first["input"]
        ) from error
