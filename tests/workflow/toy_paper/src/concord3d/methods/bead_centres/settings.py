"""What the made-up method may be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from concord3d.config.validation import StrictModel, Where, validate
from concord3d.methods.settings import MethodSettings


class BeadEncoderSettings(StrictModel):
    """The ``encoder`` section."""

    width: PositiveInt


class BeadCentresSettings(MethodSettings):
    """The ``objective`` section.

    Attributes:
        momentum: How slowly the teacher follows.
        start: ``earlier`` begins with the encoder of another training.
    """

    data: ClassVar[str] = "beads"
    saved: ClassVar[tuple[str, ...]] = ("encoder", "teacher")
    exports: ClassVar[bool] = True
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.bead_centres.encoder"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    start: Literal["scratch", "earlier"] = "scratch"

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section."""
        validate(BeadEncoderSettings, dict(encoder), where)
        return ()

    @property
    def roles(self) -> tuple[str, ...]:
        """``start`` where another training is begun with."""
        return ("start",) if self.start == "earlier" else ()


SETTINGS = BeadCentresSettings
