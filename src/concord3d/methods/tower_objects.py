"""What methods share that see the objects of scans through an aligned tower, which ``data.tower`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from concord3d.config.validation import Places, Where, validate
from concord3d.errors import ConfigError
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.settings import EXTRACTOR, MethodSettings
from concord3d.models.forward_pass import ForwardPass


class TowerObjectSettings(MethodSettings):
    """Base of the settings of methods that project objects into the space of an aligned tower, and train nothing.

    The ``encoder`` section holds a name alone, that of the method, because the tower says everything.
    """

    data: ClassVar[str] = "scan_objects"
    saved: ClassVar[tuple[str, ...]] = ("objects",)
    is_trained: ClassVar[bool] = False
    starts_fitted: ClassVar[bool] = True
    through_tower: ClassVar[bool] = True
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = None

    @classmethod
    def encoder_modules(cls, encoder: Mapping[str, Any], where: Where = "encoder") -> tuple[str, ...]:
        """Validate the ``encoder`` section."""
        [name] = cls.encoders or ()
        named_alone(encoder, name, where)
        return ("concord3d.features.object_projections",)

    @property
    def roles(self) -> tuple[str, ...]:
        """The training whose point encoder has seen the objects."""
        return (EXTRACTOR,)

    def check_tower(self, data: Mapping[str, Any], tower: Mapping[str, Any], where: Where = "data") -> None:
        """Refuse a tower of another form, or between other encoders than those that have seen the scans."""
        if tower["method"] != "aligned":
            raise ConfigError(
                "Objects are averaged in the space of an aligned tower",
                where=_place(where, "tower"),
                expected="a tower by the method aligned",
                found=tower["method"],
            )
        config = validate(AlignedTowerConfig, dict(tower["encoder"]), where)
        own = {
            "picture_encoder": config.pictures.encoder,
            "picture_size": config.pictures.image_size,
            "sentence_encoder": config.texts.encoder,
        }
        for key, value in own.items():
            if data.get(key) != value:
                raise ConfigError(
                    "The tower has another encoder than that which has seen the scans",
                    where=_place(where, key),
                    expected=value,
                    found=data.get(key),
                )

    def forward_passes(self, run: Mapping[str, Any]) -> tuple[ForwardPass, ...]:
        """Nothing: there is nothing to train."""
        return ()


def named_alone(encoder: Mapping[str, Any], name: str, where: Where = "encoder") -> None:
    """Refuse an ``encoder`` section that is more than one name.

    Raises:
        ConfigError: Another name, or a further key.
    """
    further = next((key for key in encoder if key != "name"), None)
    if further is not None or encoder.get("name") != name:
        key = further or "name"
        raise ConfigError(
            "There is no encoder to describe",
            where=_place(where, key),
            expected=f"name: {name}, and nothing else",
            found=encoder.get(key),
        )


def _place(where: Where, key: str) -> object:
    return where.of((key,)) if isinstance(where, Places) else f"{where}.{key}"
