"""How clouds become features of an aligned tower that was fitted on depth pictures of clouds. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, PositiveInt

from concord3d.config.validation import Places, StrictModel, Where
from concord3d.errors import ConfigError
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.render.view_spec import MIN_PIXELS, POINT_SETS, ViewSpec, cloud_view_spec


class DepthForm(StrictModel):
    """The tower, and the pictures of each cloud that it sees.

    Attributes:
        tower: The frozen encoders, and the shape of the projection between them.
        view_set: The pictures, one of :data:`concord3d.render.view_spec.POINT_SETS`.
        image_size: Their H = W in pixels.
        num_points: Points of each cloud that is drawn: fewer or more give another texture of pictures.
    """

    tower: AlignedTowerConfig
    view_set: str
    image_size: int = Field(ge=MIN_PIXELS)
    num_points: PositiveInt

    @property
    def views(self) -> ViewSpec:
        """The specification of the pictures."""
        return cloud_view_spec(self.view_set, self.image_size)


def depth_form(data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> DepthForm:
    """Return the form of clouds that a tower was fitted on.

    Args:
        data: The ``data`` section of a run: ``view_set``, ``image_size`` and ``num_points``.
        tower: Resolved configuration of the tower's training.
        where: Place of the section, for messages.

    Raises:
        ConfigError: The tower is no aligned one, or was fitted on other pictures than the section names.
    """

    def place(key: str) -> object:
        return where.of((key,)) if isinstance(where, Places) else f"{where}.{key}"

    if tower["method"] != "aligned":
        raise ConfigError(
            "Clouds are seen through an aligned tower, and this is another kind",
            where=place("tower"),
            expected="a tower whose training has 'method: aligned'",
            found=tower["method"],
        )
    fitted = tower["data"]
    if fitted["view_sets"] != [data["view_set"]] or data["view_set"] not in POINT_SETS:
        raise ConfigError(
            "A tower names the pictures that it was fitted on, and these are others",
            where=place("view_set"),
            expected=f"the one set of the tower, {' + '.join(fitted['view_sets'])}, among {', '.join(POINT_SETS)}",
            found=data["view_set"],
        )
    if fitted["image_size"] != data["image_size"]:
        raise ConfigError(
            "A tower was fitted on pictures of another size",
            where=place("image_size"),
            expected=fitted["image_size"],
            found=data["image_size"],
        )
    return DepthForm(
        tower=AlignedTowerConfig.model_validate(dict(tower["encoder"])),
        view_set=data["view_set"],
        image_size=data["image_size"],
        num_points=data["num_points"],
    )
