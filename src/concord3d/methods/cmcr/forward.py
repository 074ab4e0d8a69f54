"""What a distillation's network says of a batch, in training and in tests alike.

Shape legend: B sweeps, V cameras, M voxels, n pairs of a point and a pixel, m pairs of a query and a point, C channels
of a frozen map, D channels of a head, h x w a map, H x W a picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.batches.sweeps import SweepBatch
from concord3d.features.efficientnet_adapter import Lite0Trunk, preprocess_at
from concord3d.geometry.pixel_blocks import hide_pixels
from concord3d.geometry.sweep_turns import turned
from concord3d.geometry.sweep_voxels import SweepVoxels
from concord3d.methods.cmcr.network import DistillationNetwork
from concord3d.models.decoupled_heads import SharedAndSpecific, features_at, replaced_at


class Seen(NamedTuple):
    """What both branches say of a batch.

    Attributes:
        voxels: Of the turned sweeps.
        of_voxels: (M, D) features.
        maps: (B V, C, h, w) of the masked pictures.
        of_pixels: (B V, D, H, W) features, where the network reconstructs pictures; else None.
        masks: (B V, H, W) bool, True where hidden.
        turns: (B, 3, 3) of the sweeps.
    """

    voxels: SweepVoxels
    of_voxels: SharedAndSpecific
    maps: Tensor
    of_pixels: SharedAndSpecific | None
    masks: Tensor
    turns: Tensor


def see(network: DistillationNetwork, trunk: Lite0Trunk, batch: SweepBatch, masks: Tensor, turns: Tensor) -> Seen:
    """Encode turned sweeps and masked pictures.

    Args:
        network: The network.
        trunk: Frozen, from normalised pictures to maps.
        batch: The batch.
        masks: (B V, H, W) bool, True where a picture is hidden.
        turns: (B, 3, 3).
    """
    sweeps = [turned(points, turn) for points, turn in zip(batch.points, turns, strict=True)]
    voxels, features = network.point.encode(sweeps)
    masks = masks.to(batch.pictures.device)
    maps = frozen_maps(trunk, hide_pixels(batch.pictures, masks))
    of_pixels = None if network.picture_decoder is None else network.picture_heads(maps)
    return Seen(voxels, network.voxel_heads(features), maps, of_pixels, masks, turns)


@torch.no_grad()
def frozen_maps(trunk: Lite0Trunk, pictures: Tensor) -> Tensor:
    """Return the frozen (B V, C, h, w) maps of (B V, 3, H, W) pictures in [0, 1]."""
    found: Tensor = trunk.to(pictures.device)(preprocess_at(pictures.shape[2]).normalize(pictures))
    return found


def shared_of_pairs(network: DistillationNetwork, batch: SweepBatch, seen: Seen, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (n, D) shared features of the points and of the pixels of some pairs."""
    voxels, pixels = _voxels_of_pairs(batch, seen, rows), batch.pairs.pixels[rows]
    if seen.of_pixels is None:
        # Without a picture to reconstruct, no other pixel is looked at.
        return seen.of_voxels.shared[voxels], network.picture_heads.shared_at(seen.maps, pixels)
    return seen.of_voxels.shared[voxels], features_at(seen.of_pixels.shared, pixels)


def shared_and_superpixels(
    network: DistillationNetwork, batch: SweepBatch, seen: Seen, rows: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a contrast of superpixels compares.

    Args:
        network: The network.
        batch: With superpixels.
        seen: What was seen of it.
        rows: Visible pairs.

    Returns:
        (n, D) shared features of the points of the pairs, (B V, D, H, W) shared features of all pixels, and (B V, H, W)
        superpixels; hidden pixels have a number that no visible pair has.
    """
    assert batch.superpixels is not None
    numbers = batch.superpixels.masked_fill(seen.masks, int(batch.superpixels.max()) + 1)
    pictures = network.picture_heads.shared_everywhere(seen.maps) if seen.of_pixels is None else seen.of_pixels.shared
    return seen.of_voxels.shared[_voxels_of_pairs(batch, seen, rows)], pictures, numbers


def decoded_queries(
    network: DistillationNetwork, batch: SweepBatch, seen: Seen, quantised: Tensor, with_specific: bool = True
) -> Tensor:
    """Decode occupancy and intensity at queries, which turn with their sweep.

    Args:
        network: With a decoder of occupancy.
        batch: With queries.
        seen: What was seen of it.
        quantised: (M, D) shared features of the voxels, quantised where there is a codebook.
        with_specific: Whether the decoder also gets the specific features, if there are any.

    Returns:
        (m, 2): logit of occupancy, intensity.
    """
    queries, decoder = batch.queries, network.occupancy_decoder
    assert queries is not None and decoder is not None
    features = quantised + seen.of_voxels.specific if network.settings.decoupled and with_specific else quantised
    ways = (seen.turns.to(queries.ways)[queries.sweeps] @ queries.ways[:, :, None])[:, :, 0]
    decoded: Tensor = decoder(features[seen.voxels.rows(queries.sweeps, queries.points)], ways)
    return decoded


def decoded_pictures(
    network: DistillationNetwork, batch: SweepBatch, seen: Seen, quantised: Tensor, hidden: Tensor
) -> Tensor:
    """Reconstruct pictures; with geometry, hidden pixels take what the voxels that they show say.

    Args:
        network: With a decoder of pictures.
        batch: The batch.
        seen: What was seen of it.
        quantised: (M, D) shared features of the voxels, quantised where there is a codebook.
        hidden: Pairs whose pixel is hidden.

    Returns:
        (B V, 3, H, W) in [0, 1].

    Source: CMCR spec 3.4.
    """
    decoder, of_pixels = network.picture_decoder, seen.of_pixels
    assert decoder is not None and of_pixels is not None
    features = network.quantised_pictures(of_pixels.shared)
    if network.settings.geometry:
        voxels = _voxels_of_pairs(batch, seen, hidden)
        features = replaced_at(features, batch.pairs.pixels[hidden], quantised[voxels])
    if network.settings.decoupled:
        features = features + of_pixels.specific
    pictures: Tensor = decoder(features)
    return pictures


def _voxels_of_pairs(batch: SweepBatch, seen: Seen, rows: Tensor) -> Tensor:
    return seen.voxels.rows(batch.pairs.sweeps[rows], batch.pairs.points[rows])
