"""A small network on small streets."""

from __future__ import annotations

from typing import Any

import torch
from tests.batches.streets import street_data

from concord3d.batches.sweeps import SweepBatch, SweepData
from concord3d.geometry.picture_crops import CropRanges
from concord3d.methods.cmcr.method import CMCR, build
from concord3d.methods.cmcr.settings import CMCRSettings
from concord3d.methods.interface import Context

ENCODER: dict[str, Any] = {
    "name": "mink_unet", "voxel_mm": 500, "angle_degrees": 4, "stem_width": 4, "down_widths": [6, 8],
    "down_blocks": [1, 1], "up_widths": [8, 6], "up_blocks": [1, 1],
}  # fmt: skip
SMALL = {"feature_width": 8, "num_pairs": 60, "queries_per_sweep": 45, "num_codes": 12, "patch": 8}
# Each adds a part to what is above it.
PARTS: dict[str, dict[str, Any]] = {
    "ppkt": {},
    "slidr": {"contrast": "superpixels"},
    "occupancy": {"occupancy": True},
    "masked_pictures": {"masked_pictures": True},
    "decoupled": {"occupancy": True, "masked_pictures": True, "decoupled": True},
    "codebook": {"occupancy": True, "masked_pictures": True, "decoupled": True, "codebook": True},
    "cmcr": {"occupancy": True, "masked_pictures": True, "decoupled": True, "codebook": True, "geometry": True},
}


def draw(seed: int = 0) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def method_of(name: str, data: SweepData | None = None, **told: Any) -> CMCR:
    """The method with the parts of a name."""
    settings = CMCRSettings(**{**SMALL, **PARTS[name], **told})
    data = data or data_of(settings)
    torch.manual_seed(0)
    return build(settings, Context(ENCODER, {"picture_encoder": "random", "picture_stride": 16}, data))


def data_of(settings: CMCRSettings) -> SweepData:
    """The streets as the method reads them."""
    crops = CropRanges(min_pairs=10)
    return street_data(settings.num_queries, crops, with_superpixels=settings.reads_superpixels)


def batch_of(name: str, seed: int = 1, **told: Any) -> SweepBatch:
    """Two sweeps."""
    return data_of(CMCRSettings(**{**SMALL, **PARTS[name], **told})).read(torch.tensor([0, 2]).numpy(), draw(seed))
