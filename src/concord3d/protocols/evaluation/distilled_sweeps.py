"""A distillation's network on single sweeps that it has not seen.

Shape legend: n pairs of a point and a pixel, V cameras, H x W a picture, K codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from concord3d.protocols.evaluation.tested_sweeps import tested_sweeps

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
    split = tested_sweeps(job).validated()
    rows = np.unique(np.linspace(0, len(split) - 1, min(max_sweeps or len(split), len(split))).round().astype(np.int64))
    height, width = data["picture_size"]
    sweeps = SweepData(split, rows, (height, width), None, network.settings.num_queries)
    sweeps.validated()
    return Distillation(network.eval().to(device), trunk.to(device), device), sweeps


class DrawnSweep(NamedTuple):
    """One sweep, and what is asked about it.

    Attributes:
        batch: The sweep alone.
        masks: (V, H, W) bool, True where a picture is hidden.
        rows: (n,) int64 pairs.
    """

    batch: SweepBatch
    masks: Tensor
    rows: Tensor


class MeasuredSweep(NamedTuple):
    """What :func:`measured_sweep` finds.

    Attributes:
        figures: By metric.
        code_counts: (2, K) int64 points and pixels of pairs by their code; None without a codebook.
    """

    figures: dict[str, float]
    code_counts: NDArray[np.int64] | None


def drawn_sweep(told: Distillation, data: SweepData, unit: int, num_pairs: int, seed: int) -> DrawnSweep:
    """Read one sweep and draw what is asked about it: the same for all networks, whatever parts they have.

    Args:
        told: The network.
        data: The sweeps.
        unit: Which of them.
        num_pairs: n.
        seed: Of masks, queries and pairs, beside the number of the sweep.
    """
    # A generator for each: networks without queries would draw other masks and pairs from a shared one.
    for_queries, for_masks, for_pairs = (torch.Generator().manual_seed(100_003 * seed + unit) for _ in range(3))
    batch: SweepBatch = data.read(np.array([unit]), for_queries).to(told.device)
    height, width = batch.pictures.shape[2:]
    settings = told.network.settings
    masks = block_masks(len(batch.pictures), (height, width), for_masks, settings.patch, 1.0, settings.mask_ratio)
    return DrawnSweep(batch, masks, draw_pairs(len(batch.pairs.points), num_pairs, for_pairs).to(told.device))


@torch.inference_mode()
def measured_sweep(told: Distillation, drawn: DrawnSweep) -> MeasuredSweep:
    """Return the figures of one sweep that the network has parts for.

    Args:
        told: The network.
        drawn: The sweep.

    Returns:
        By metric. ``pair_top1``: points that pick their own pixel among n. ``masked_error``: mean squared error of
        hidden pixels. ``occupancy_accuracy``: queries near a point that are decoded rightly;
        ``occupancy_accuracy_shared_alone``: likewise without specific features. ``squared_cosine``: of shared and
        specific features of voxels. ``same_code_share``: pairs whose point and pixel have one code.
        ``code_perplexity``: of the points' codes.
    """
    network, batch = told.network, drawn.batch
    # What needs no masks is measured on whole pictures, as a network that never saw masks is used to.
    turns = torch.eye(3)[None]
    whole = see(network, told.trunk, batch, torch.zeros_like(drawn.masks), turns)
    found, code_counts = _of_pairs(network, batch, whole, drawn.rows)
    quantised = network.quantised(whole.of_voxels.shared)
    if batch.queries is not None:
        for name, with_specific in (("occupancy_accuracy", True), ("occupancy_accuracy_shared_alone", False)):
            logits = decoded_queries(network, batch, whole, quantised, with_specific)[:, 0]
            found[name] = float(((logits > 0) == batch.queries.occupied).float().mean())
    if network.settings.decoupled:
        found["squared_cosine"] = float(mean_squared_cosine(*whole.of_voxels))
    if network.settings.masked_pictures:
        rebuilt = rebuilt_pictures(told, drawn)
        found["masked_error"] = float(picture_error(rebuilt, batch.pictures, drawn.masks.to(rebuilt.device)))
    return MeasuredSweep(found, code_counts)


def rebuilt_pictures(told: Distillation, drawn: DrawnSweep) -> Tensor:
    """Return the (V, 3, H, W) pictures that a network with a decoder of pictures makes of masked ones."""
    network, batch = told.network, drawn.batch
    masked = see(network, told.trunk, batch, drawn.masks, torch.eye(3)[None])
    hidden = pair_rows(batch.pairs.pixels, masked.masks).hidden
    return decoded_pictures(network, batch, masked, network.quantised(masked.of_voxels.shared), hidden)


def _of_pairs(
    network: DistillationNetwork, batch: SweepBatch, seen: Seen, rows: Tensor
) -> tuple[dict[str, float], NDArray[np.int64] | None]:
    points, pixels = shared_of_pairs(network, batch, seen, rows)
    own = torch.arange(len(rows), device=rows.device)
    found = {"pair_top1": float(((points @ pixels.T).argmax(1) == own).float().mean())}
    if network.codebook is None:
        return found, None
    num = len(network.codebook.codes)
    codes = network.codebook.assign(points), network.codebook.assign(pixels)
    found["same_code_share"] = float((codes[0] == codes[1]).float().mean())
    found["code_perplexity"] = float(perplexity(codes[0], num))
    return found, torch.stack([torch.bincount(of_one, minlength=num) for of_one in codes]).cpu().numpy()
