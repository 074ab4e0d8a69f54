"""Files of a training on LiDAR sweeps with the pictures around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.methods.settings import SweepMethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, only_dataset
from concord3d.workflow.training_nodes import MadeTraining

Share = Annotated[float, Field(gt=0, le=1)]
# A byte counts those of a picture.
SuperpixelCount = Annotated[int, Field(ge=1, le=255)]


class CropSettings(StrictModel):
    """How pictures are cropped and mirrored; see :class:`concord3d.geometry.picture_crops.CropRanges`.

    Attributes:
        area: Range of the crop's share of the picture.
        aspect: Range of its width over its height.
        min_pairs: A crop is good if it keeps more pairs of a point and a pixel than this, or more than ``min_share``.
        min_share: See there.
        flip: Probability of mirroring.
    """

    area: tuple[Share, Share]
    aspect: tuple[PositiveFloat, PositiveFloat]
    min_pairs: int = Field(ge=0)
    min_share: float = Field(ge=0, le=1)
    flip: float = Field(ge=0, le=1)


class SweepDataSettings(DataSettings):
    """What a training on sweeps with pictures is told.

    Attributes:
        picture_size: Height and width of a picture as the network sees it, multiples of ``picture_stride``.
        crops: How pictures are cropped; null shows them whole.
        picture_encoder: Frozen trunk whose maps are distilled, by name; ``random`` is the same trunk with weights that
            have seen nothing.
        picture_stride: How many times smaller its map is than the picture.
        verifying_scenes: Whether the scenes that are kept to choose hyper-parameters are trained on as well.
        num_superpixels: Superpixels of a picture, where the method reads some. They are made of the pictures as stored,
            at ``paper`` scale too: the store has nuScenes at 224 x 416 pixels. The published ones are made of the
            files, 900 x 1600 pixels, of which the smoothing by 3 pixels is a smaller part.
    """

    picture_size: tuple[PositiveInt, PositiveInt] = Field(strict=False)
    crops: CropSettings | None
    picture_encoder: str
    picture_stride: Literal[8, 16]
    verifying_scenes: bool
    num_superpixels: SuperpixelCount


SETTINGS = SweepDataSettings


def inputs(
    run: Mapping[str, Any], settings: SweepMethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores and superpixels.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: Several data sets.
    """
    dataset = only_dataset(run, "sweeps")
    files = {"sweeps": [sources.data.store(dataset, "train")]}
    if settings.reads_superpixels:
        files["superpixels"] = [sources.superpixels(dataset, "train", run["data"]["num_superpixels"])]
    return files
