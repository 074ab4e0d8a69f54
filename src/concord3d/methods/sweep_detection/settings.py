"""What the training of a detector in sweeps may be told: the ``objective`` section of a run."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from concord3d.methods.settings import StartedMethodSettings

# YAML has lists alone.
Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
Groups = Annotated[tuple[Names, ...], Field(min_length=1, strict=False)]
CodeWeights = Annotated[tuple[float, float, float, float, float], Field(strict=False)]
Pair = Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False)]

NUSCENES_GROUPS = (
    ("car",),
    ("truck", "construction_vehicle"),
    ("bus", "trailer"),
    ("barrier",),
    ("motorcycle", "bicycle"),
    ("pedestrian", "traffic_cone"),
)


class SweepDetectionSettings(StartedMethodSettings):
    """Settings of detection by centres (CMCR spec 4.3).

    Attributes:
        start: See :class:`concord3d.methods.settings.StartedMethodSettings`.
        groups: Names of classes that share a head, in which similar ones compete.
        map_widths: Channels of the two stages of the trunk on the map.
        map_layers: Convolutions of each of them after its first.
        map_out_width: Channels that each gives.
        head_width: Channels inside of heads.
        min_overlap: Overlap that decides how wide a centre's heat is.
        min_radius: Least radius of the heat, in cells.
        heat_weight: Weight of the focal loss.
        box_weight: Weight of the distance of boxes.
        code_weights: Weights in this distance of offset, height, size, direction and velocity.
        augment: Whether sweeps are turned about z and mirrored.
    """

    data: ClassVar[str] = "boxed_sweeps"
    saved: ClassVar[tuple[str, ...]] = ("detector",)
    rebuilt_by: ClassVar[str | None] = "concord3d.methods.sweep_detection.method"
    encoders: ClassVar[tuple[str, ...] | None] = ("voxel_net",)
    encodes: ClassVar[Literal["clouds", "sweeps"] | None] = "sweeps"
    least_batch: ClassVar[int] = 1

    groups: Groups = NUSCENES_GROUPS
    map_widths: Pair = (128, 256)
    map_layers: PositiveInt = 5
    map_out_width: PositiveInt = 256
    head_width: PositiveInt = 64
    min_overlap: float = Field(default=0.1, gt=0, lt=1)
    min_radius: PositiveInt = 2
    heat_weight: float = Field(default=1.0, ge=0)
    box_weight: float = Field(default=0.25, ge=0)
    code_weights: CodeWeights = (1.0, 1.0, 1.0, 1.0, 0.2)
    augment: bool = True

    @model_validator(mode="after")
    def _names_differ(self) -> SweepDetectionSettings:
        names = [name for group in self.groups for name in group]
        if len(set(names)) < len(names):
            raise ValueError("a class stands in 'groups' twice")
        return self


SETTINGS = SweepDetectionSettings
