"""Detection in LiDAR sweeps by centres: fine-tuning and training from scratch (CMCR spec 4.3).

Shape legend: B sweeps, n boxes, K classes of a group, H x W cells of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.batches.boxed_sweeps import BoxedSweepBatch, BoxedSweepData
from concord3d.config.validation import require_known
from concord3d.geometry.centre_targets import CODE_PARTS, encoded_boxes, heat_maps
from concord3d.geometry.sweep_turns import draw_turn, turned, turned_boxes
from concord3d.losses.centre_heat import box_distance, heat_loss
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.methods.settings import method_settings
from concord3d.methods.sweep_detection.settings import SweepDetectionSettings
from concord3d.models.centre_detector import CentreDetector, GroupMaps
from concord3d.models.factory import build_point_encoder
from concord3d.models.voxel_net import VoxelNet
from concord3d.models.weights import load_weights


class SweepDetection(Method[BoxedSweepBatch]):
    """Focal loss of heat maps around centres, and the distance of the boxes at true centres.

    Args:
        settings: The switches.
        detector: The network.
        own_class: (classes of the data,) int64 class of the detector, -1 where it has none.
    """

    own_class: Tensor

    def __init__(self, settings: SweepDetectionSettings, detector: CentreDetector, own_class: Tensor) -> None:
        super().__init__()
        self.settings = settings
        self.detector = detector
        self.register_buffer("own_class", own_class)
        told = zip(settings.code_weights, CODE_PARTS.values(), strict=True)
        self._code_weights = [weight for weight, count in told for _ in range(count)]

    def saved(self) -> dict[str, nn.Module]:
        """Return the detector."""
        return {"detector": self.detector}

    def loss(self, batch: BoxedSweepBatch, draw: torch.Generator) -> LossTerms:
        """Return both losses, added up over the groups."""
        points, boxes = list(batch.points), list(batch.boxes)
        if self.settings.augment:
            turns = [draw_turn(draw) for _ in points]
            points = [turned(each, turn) for each, turn in zip(points, turns, strict=True)]
            boxes = [turned_boxes(each, turn) for each, turn in zip(boxes, turns, strict=True)]
        heat, box = self._terms(self.detector(points), boxes, [self.own_class[each] for each in batch.classes])
        total = self.settings.heat_weight * heat + self.settings.box_weight * box
        return LossTerms(total, {"heat": heat.detach(), "box": box.detach()})

    def held_out(self, batch: BoxedSweepBatch, draw: torch.Generator) -> dict[str, float]:
        """Return ``held_out_heat`` and ``held_out_box``, both losses on sweeps as they are."""
        classes = [self.own_class[each] for each in batch.classes]
        heat, box = self._terms(self.detector(list(batch.points)), list(batch.boxes), classes)
        return {"held_out_heat": float(heat), "held_out_box": float(box)}

    def _terms(self, maps: list[GroupMaps], boxes: list[Tensor], classes: list[Tensor]) -> tuple[Tensor, Tensor]:
        first, heat, box = 0, [], []
        for group in maps:
            count = group.heat.shape[1]
            own = [(each >= first) & (each < first + count) for each in classes]
            chosen = [each[rows] for each, rows in zip(boxes, own, strict=True)]
            numbers = [each[rows] - first for each, rows in zip(classes, own, strict=True)]
            one_heat, one_box = self._group_terms(group, chosen, numbers)
            heat.append(one_heat)
            box.append(one_box)
            first += count
        return torch.stack(heat).sum(), torch.stack(box).sum()

    def _group_terms(self, maps: GroupMaps, boxes: list[Tensor], classes: list[Tensor]) -> tuple[Tensor, Tensor]:
        told, frame = self.settings, self.detector.frame
        targets, found, codes = [], [], []
        for sweep, (every, numbers) in enumerate(zip(boxes, classes, strict=True)):
            _, inside = frame.cells(every)
            own, kinds = every[inside], numbers[inside]
            targets.append(heat_maps(own, kinds, maps.heat.shape[1], frame, told.min_overlap, told.min_radius))
            cells, code = encoded_boxes(own, frame)
            found.append(maps.code[sweep][:, cells[:, 0], cells[:, 1]].T)
            codes.append(code)
        box = box_distance(torch.cat(found), torch.cat(codes), self._code_weights)
        return heat_loss(maps.heat, torch.stack(targets)), box


def build(settings: SweepDetectionSettings, context: Context) -> SweepDetection:
    """Build the detection in sweeps.

    Raises:
        ConfigError: A group names a class that the data lack, or the earlier training had another grid.
        CheckpointCorrupt: The weights of the earlier training cannot be read or do not fit.
    """
    data: BoxedSweepData = context.data
    encoder = context.started_point_encoder()
    assert isinstance(encoder, VoxelNet)
    detector = _detector(settings, encoder)
    own_class = torch.full((len(data.class_names),), -1)
    for number, name in enumerate(detector.class_names):
        require_known(name, data.class_names, "class of the data", "objective.groups")
        own_class[data.class_names.index(name)] = number
    return SweepDetection(settings, detector, own_class)


def _detector(told: SweepDetectionSettings, encoder: VoxelNet) -> CentreDetector:
    return CentreDetector(encoder, told.groups, told.map_widths, told.map_layers, told.map_out_width, told.head_width)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build the detector of a training and load its weights.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    settings = method_settings("sweep_detection", run["objective"])
    assert isinstance(settings, SweepDetectionSettings)
    encoder = build_point_encoder(run["encoder"])
    assert isinstance(encoder, VoxelNet)
    detector = _detector(settings, encoder)
    load_weights(detector, weights)
    return detector
