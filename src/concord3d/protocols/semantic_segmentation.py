"""Point accuracy and mIoU of a trained semantic segmenter on blocks of rooms (MM-Point spec 6.5).

A cross-validation over areas is one module with a segmenter per area; every block is labelled by the one that never saw
its area. Intersections and unions are added up over everything that was tested before they are divided.
Shape legend: S blocks, P points per block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.errors import EvaluationError
from concord3d.measures.block_iou import accumulated_iou, block_counts, miou_interval
from concord3d.protocols.evaluation.results import ProtocolResult, record_from_interval
from concord3d.protocols.interface import Protocol
from concord3d.statistics.bootstrap import bootstrap_mean_interval

if TYPE_CHECKING:
    from torch import nn

    from concord3d.data.stores.rooms import RoomBlocks
    from concord3d.protocols.evaluation.job import EvaluationJob


class Settings(StrictModel):
    """Settings of semantic segmentation.

    Attributes:
        batch_size: Blocks per forward pass.
        test_areas: Areas that are tested, whatever split they belong to, each left out of a training (1-6 is the
            published protocol); null tests the data's test split.
    """

    batch_size: PositiveInt = 32
    test_areas: tuple[PositiveInt, ...] | None = None


def _tested(job: EvaluationJob, areas: tuple[int, ...] | None) -> RoomBlocks:
    """Return the blocks that are tested, area by area.

    Raises:
        EvaluationError: An area has no blocks.
    """
    from concord3d.data.stores.rooms import joined_rooms

    if areas is None:
        return job.blocks("test").validated()
    blocks = joined_rooms([job.blocks("train"), job.blocks("test")])
    rows = [np.flatnonzero(blocks.areas == area) for area in areas]
    for area, found in zip(areas, rows, strict=True):
        if not len(found):
            raise EvaluationError(
                f"Area {area} has no blocks",
                where=job.out,
                expected=f"areas among {np.unique(blocks.areas).tolist()}",
                found=area,
            )
    return blocks.subset(np.concatenate(rows)).validated()


def _require_unseen(job: EvaluationJob, module: nn.Module, areas: tuple[int, ...] | None) -> None:
    """Refuse areas that a segmenter was trained on."""
    from concord3d.models.area_segmenters import AreaSegmenters

    left_out = job.run_config["objective"].get("left_out_area")
    unseen = module.areas if isinstance(module, AreaSegmenters) else () if left_out is None else (left_out,)
    if areas is None and not unseen:
        return
    if areas is None or not set(areas) <= set(unseen):
        raise EvaluationError(
            "Areas are tested that the segmenter was trained on",
            where=job.out,
            expected=f"test_areas among {', '.join(map(str, unseen)) or 'none: leave it out'}",
            found="the test split" if areas is None else areas,
        )


def _labels(module: nn.Module, blocks: RoomBlocks, batch_size: int, device: str) -> NDArray[np.int64]:
    """Return (S, P) classes."""
    from concord3d.models.area_segmenters import AreaSegmenters
    from concord3d.protocols.evaluation.labelling import labelled

    if not isinstance(module, AreaSegmenters):
        return labelled(module, [blocks.features], batch_size, device)
    found = np.empty(blocks.labels.shape, dtype=np.int64)
    for area in np.unique(blocks.areas):
        rows = np.flatnonzero(blocks.areas == area)
        found[rows] = labelled(module.of(int(area)), [blocks.features[rows]], batch_size, device)
    return found


def run(job: EvaluationJob, settings: Settings) -> ProtocolResult:
    """Measure point accuracy and mean IoU over classes."""
    module = job.load_module()
    _require_unseen(job, module, settings.test_areas)
    tested = _tested(job, settings.test_areas)
    predicted = _labels(module, tested, settings.batch_size, job.torch_device)
    inter, union = block_counts(predicted, tested.labels, len(tested.class_names))
    right = (predicted == tested.labels).mean(axis=1)
    records = (
        record_from_interval("overall_accuracy", bootstrap_mean_interval(right)),
        record_from_interval("miou", miou_interval(inter, union, tested.rooms)),
    )
    ious = accumulated_iou(inter.sum(axis=0), union.sum(axis=0))
    details = {
        "num_channels": int(tested.features.shape[2]),
        "num_rooms_tested": len(set(tested.rooms)),
        "test_areas": sorted({int(area) for area in tested.areas}),
        "class_iou": [None if np.isnan(iou) else float(100 * iou) for iou in ious],
    }
    reasons = {"miou": "intersections and unions are added up over all blocks before they are divided"}
    return ProtocolResult(records, {"overall_accuracy__last": right}, tested.names, details, without_items=reasons)


PROTOCOL = Protocol(Settings, run, store="rooms")
