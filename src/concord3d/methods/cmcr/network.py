"""All that a distillation trains: the LiDAR encoder, heads of both modalities, the codebook and the decoders.

Shape legend: M voxels, B pictures, C channels of a frozen map, D channels of a head, h x w a map, H x W a picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.errors import CheckpointCorrupt
from concord3d.files import canonical_json
from concord3d.methods.cmcr.settings import CMCRSettings
from concord3d.methods.settings import method_settings
from concord3d.models.codebook import Codebook
from concord3d.models.decoupled_heads import PictureHeads, VoxelHeads
from concord3d.models.factory import build_point_encoder, load_point_encoder
from concord3d.models.reconstruction_decoders import OccupancyDecoder, PictureDecoder
from concord3d.models.sweep_encoders import SweepEncoder
from concord3d.models.weights import load_weights, read_tensors

HEADER = "distillation"


class DistillationNetwork(nn.Module):
    """Encoder, heads, codebook and decoders; a part that the settings do not ask for is None.

    Args:
        settings: Which parts there are.
        point: The encoder.
        map_channels: C of the frozen trunk.
        size: H and W.
    """

    def __init__(self, settings: CMCRSettings, point: SweepEncoder, map_channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.settings, self.point, width = settings, point, settings.feature_width
        self.voxel_heads = VoxelHeads(point.feature_dim, width)
        self.picture_heads = PictureHeads(map_channels, width, size)
        self.codebook = Codebook(settings.num_codes, width, settings.code_decay) if settings.codebook else None
        self.picture_decoder = PictureDecoder(width) if settings.masked_pictures else None
        self.occupancy_decoder = OccupancyDecoder(width) if settings.occupancy else None
        if not settings.decoupled or not settings.occupancy:
            self.voxel_heads.specific.requires_grad_(False)
        if not settings.decoupled or not settings.masked_pictures:
            self.picture_heads.specific.requires_grad_(False)

    def quantised(self, shared: Tensor) -> Tensor:
        """Return (m, D) shared features as the decoders see them: quantised where there is a codebook."""
        return shared if self.codebook is None else self.codebook.quantise(shared)

    def quantised_pictures(self, shared: Tensor) -> Tensor:
        """Return (B, D, H, W) shared features as the decoders see them."""
        if self.codebook is None:
            return shared
        count, width, *sides = shared.shape
        rows = shared.movedim(1, 3).reshape(-1, width)
        return self.codebook.quantise(rows).view(count, *sides, width).movedim(3, 1)


def header(
    run_settings: Mapping[str, Any], encoder: Mapping[str, Any], map_channels: int, size: tuple[int, int]
) -> str:
    """Return what the weights file must say so that the network can be built again.

    Args:
        run_settings: The run's ``objective`` section.
        encoder: Its ``encoder`` section.
        map_channels: See :class:`DistillationNetwork`.
        size: See there.
    """
    told = {"objective": dict(run_settings), "encoder": dict(encoder), "map_channels": map_channels, "size": list(size)}
    return canonical_json(told)


def rebuilt(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build what a training saved; see :func:`concord3d.methods.interface.saved_module`.

    Raises:
        CheckpointCorrupt: The file cannot be read or does not fit.
    """
    if name == "point":
        return load_point_encoder(run["encoder"], weights)
    _, entries = read_tensors(weights)
    try:
        told = json.loads(entries[HEADER])
        height, width = told["size"]
    except (KeyError, ValueError) as error:
        raise CheckpointCorrupt(
            "Not the network of a distillation", where=weights, expected=f"a header entry '{HEADER}'", found=error
        ) from error
    settings = method_settings("cmcr", told["objective"])
    assert isinstance(settings, CMCRSettings)
    with torch.random.fork_rng():
        point = build_point_encoder(told["encoder"])
        assert isinstance(point, SweepEncoder)
        network = DistillationNetwork(settings, point, told["map_channels"], (height, width))
    load_weights(network, weights)
    return network
