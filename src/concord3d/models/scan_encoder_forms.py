"""What encoders of scans may be told, and all that is needed to build one again. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, PositiveInt, field_validator

from concord3d.config.validation import StrictModel
from concord3d.models.encoder_settings import encoder_settings

# Modalities of objects, and of whole scans beside the fused one (CrossOver spec 0).
ObjectModality = Literal["image", "point", "cad", "referral"]
OBJECT_MODALITIES: tuple[str, ...] = get_args(ObjectModality)
SCENE_MODALITIES = ("image", "point", "referral", "floorplan")
FUSED = "fused"


class InstanceEncoderShape(StrictModel):
    """The ``encoder`` section of a training on objects of scans; the defaults are the paper's (CrossOver spec 3.1).

    Attributes:
        name: ``instance_encoder``.
        out_dim: Width of the space that all modalities share.
        attention_width: Width of the attention among objects; null takes the width of the point features.
        num_layers: Its layers.
        num_heads: Its heads.
        mlp_width: Hidden width of its MLPs.
        dropout: In it, and of the features of points and CAD models before it.
    """

    # A number in quotes, or true for 1, is a slip.
    model_config = ConfigDict(strict=True)

    name: Literal["instance_encoder"] = "instance_encoder"
    out_dim: PositiveInt = 768
    attention_width: PositiveInt | None = None
    num_layers: PositiveInt = 4
    num_heads: PositiveInt = 12
    mlp_width: PositiveInt = 2048
    dropout: float = Field(default=0.1, ge=0, lt=1)


class InstanceEncoderForm(StrictModel):
    """An instance encoder, complete.

    Attributes:
        shape: Its sizes.
        widths: Width of the features of each modality.
        spatial: Whether the objects of a scan see one another (Instance CrossOver) or not (Instance Baseline).
        cad_locations: Whether the locations of CAD models in their own frames are added to their features.
        padded_distances: See :class:`concord3d.models.spatial_attention.SpatialEncoder`.
    """

    shape: InstanceEncoderShape
    widths: dict[str, PositiveInt]
    spatial: bool = True
    cad_locations: bool = False
    padded_distances: bool = False


class SceneEncoderShape(StrictModel):
    """The ``encoder`` section of a training on whole scans; the default is the release's (CrossOver spec 3.4).

    Attributes:
        name: ``scene_encoder``.
        points: The encoder of the points, as an ``encoder`` section of its own: ``scene_resnet`` as released, or the
            U-shaped ``mink_unet`` with cubic voxels, of whose map the mean is taken.
    """

    model_config = ConfigDict(strict=True)

    name: Literal["scene_encoder"] = "scene_encoder"
    points: dict[str, Any] = Field(default_factory=lambda: {"name": "scene_resnet"})

    @field_validator("points")
    @classmethod
    def _encodes_scans(cls, section: dict[str, Any]) -> dict[str, Any]:
        parsed = encoder_settings(section, "encoder.points").model_dump()
        if section["name"] not in ("scene_resnet", "mink_unet"):
            raise ValueError("scans are encoded by 'scene_resnet' or 'mink_unet'")
        if section["name"] == "mink_unet" and (parsed["in_channels"], parsed["voxels"]) != (3, "cubic"):
            raise ValueError("a mink_unet of scans has 'in_channels: 3' and 'voxels: cubic'")
        return section


class SceneEncoderForm(StrictModel):
    """An encoder of scans, complete.

    Attributes:
        shape: Its sizes.
        instance: The frozen instance encoder inside.
        pictures: Width of what is known of a frame: pooled features, and the mean of the map.
        floorplan: Width of the features of a floorplan.
        referral: Width of the features of a referral.
        fusion: ``softmax``: weights of the modalities as released; ``others``: the exponential of a weight over the sum
            of the others', as Eq. 2 has it.
        floorplan_path: ``head``: a floorplan goes to the head of pictures alone; ``frames``: it is taken for a frame.
        fused_only: Whether there is nothing but the fusion, which then encodes single modalities of objects too.
    """

    shape: SceneEncoderShape
    instance: InstanceEncoderForm
    pictures: PositiveInt
    floorplan: PositiveInt
    referral: PositiveInt
    fusion: Literal["softmax", "others"] = "softmax"
    floorplan_path: Literal["head", "frames"] = "head"
    fused_only: bool = False

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the encoder has vectors of, the fused one last."""
        if self.fused_only:
            return (*(each for each in OBJECT_MODALITIES if each in self.instance.widths), FUSED)
        return (*SCENE_MODALITIES, FUSED)


def points_modules(section: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the modules that build the encoder of points that a validated section names.

    Args:
        section: ``encoder.points``.
    """
    return (f"concord3d.models.settings.{section['name']}", encoder_settings(section).builder.partition(":")[0])
