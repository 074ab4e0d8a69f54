"""A distillation's network on single sweeps that it has not seen.

Shape legend: n pairs of a point and a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from concord3d.batches.sweeps import SweepBatch, SweepData
from concord3d.features.efficientnet_adapter import Lite0Trunk
from concord3d.geometry.pixel_blocks import block_masks, pair_rows
from concord3d.layout import TOWER_WEIGHTS
from concord3d.losses.masked_pictures import picture_error
from concord3d.losses.orthogonality import mean_squared_cosine
from concord3d.losses.point_pixel_info_nce import draw_pairs
from concord3d.methods.cmcr.forward import Seen, decoded_pictures, decoded_queries, see, shared_of_pairs
from concord3d.methods.cmcr.method import open_picture_trunk
from concord3d.methods.cmcr.network import DistillationNetwork
from concord3d.models.codebook import perplexity

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob


class Distillation(NamedTuple):
    """A trained network and the frozen trunk below it, in evaluation mode on one device."""

    network: DistillationNetwork
    trunk: Lite0Trunk
    device: torch.device


def opened_distillation(job: EvaluationJob, max_sweeps: int | None) -> tuple[Distillation, SweepData]:
    """Open the network of a job and its test sweeps, shown whole.

    Args:
        job: The job.
        max_sweeps: Sweeps that are taken, evenly spread; None takes all.
    """
    network = job.load_module()
    assert isinstance(network, DistillationNetwork)
    data, device = job.run_config["data"], torch.device(job.torch_device)
    trunk = open_picture_trunk(data, TOWER_WEIGHTS)
    split = job.sweeps("test").validated()
    rows = np.unique(np.linspace(0, len(split) - 1, min(max_sweeps or len(split), len(split))).round().astype(np.int64))
    height, width = data["picture_size"]
    sweeps = SweepData(split, rows, (height, width), None, network.settings.num_queries)
    sweeps.validated()
    return Distillation(network.eval().to(device), trunk.to(device), device), sweeps


@torch.inference_mode()
def measured_sweep(told: Distillation, data: SweepData, unit: int, num_pairs: int, seed: int) -> dict[str, float]:
    """Return the figures of one sweep that the network has parts for.

    Args:
        told: The network.
        data: The sweeps.
        unit: Which of them.
        num_pairs: n.
        seed: Of masks, queries and pairs, beside the number of the sweep.

    Returns:
        By metric. ``pair_top1``: points that pick their own pixel among n. ``masked_error``: mean squared error of
        hidden pixels. ``occupancy_accuracy``: queries near a point that are decoded rightly;
        ``occupancy_accuracy_shared_alone``: likewise without specific features. ``squared_cosine``: of shared and
        specific features of voxels. ``same_code_share``: pairs whose point and pixel have one code.
        ``code_perplexity``: of the points' codes.
    """
    network = told.network
    draw = torch.Generator().manual_seed(100_003 * seed + unit)
    batch: SweepBatch = data.read(np.array([unit]), draw).to(told.device)
    height, width = batch.pictures.shape[2:]
    settings = network.settings
    masks = block_masks(len(batch.pictures), (height, width), draw, settings.patch, 1.0, settings.mask_ratio)
    # What needs no masks is measured on whole pictures, as a network that never saw masks is used to.
    turns = torch.eye(3)[None]
    whole = see(network, told.trunk, batch, torch.zeros_like(masks), turns)
    found = _of_pairs(network, batch, whole, num_pairs, draw)
    quantised = network.quantised(whole.of_voxels.shared)
    if batch.queries is not None:
        for name, with_specific in (("occupancy_accuracy", True), ("occupancy_accuracy_shared_alone", False)):
            logits = decoded_queries(network, batch, whole, quantised, with_specific)[:, 0]
            found[name] = float(((logits > 0) == batch.queries.occupied).float().mean())
    if settings.decoupled:
        found["squared_cosine"] = float(mean_squared_cosine(*whole.of_voxels))
    if settings.masked_pictures:
        masked = see(network, told.trunk, batch, masks, turns)
        hidden = pair_rows(batch.pairs.pixels, masked.masks).hidden
        pictures = decoded_pictures(network, batch, masked, network.quantised(masked.of_voxels.shared), hidden)
        found["masked_error"] = float(picture_error(pictures, batch.pictures, masked.masks))
    return found


def _of_pairs(
    network: DistillationNetwork, batch: SweepBatch, seen: Seen, num_pairs: int, draw: torch.Generator
) -> dict[str, float]:
    rows = draw_pairs(len(batch.pairs.points), num_pairs, draw).to(batch.pairs.points.device)
    points, pixels = shared_of_pairs(network, batch, seen, rows)
    own = torch.arange(len(rows), device=rows.device)
    found = {"pair_top1": float(((points @ pixels.T).argmax(1) == own).float().mean())}
    if network.codebook is not None:
        codes = network.codebook.assign(points), network.codebook.assign(pixels)
        found["same_code_share"] = float((codes[0] == codes[1]).float().mean())
        found["code_perplexity"] = float(perplexity(codes[0], len(network.codebook.codes)))
    return found
