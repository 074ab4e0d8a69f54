"""CMCR and its baselines: points are contrasted with their pixels, and both reconstruct what they see.

Shape legend: B sweeps, V cameras, H x W a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from concord3d.batches.sweeps import SweepBatch, SweepData
from concord3d.errors import ConfigError
from concord3d.features.efficientnet_adapter import Lite0Trunk
from concord3d.features.frozen_encoders import new_trunk, open_trunk
from concord3d.geometry.pixel_blocks import block_masks, pair_rows
from concord3d.geometry.sweep_turns import draw_turn
from concord3d.losses.masked_pictures import picture_error
from concord3d.losses.occupancy import occupancy_losses
from concord3d.losses.orthogonality import orthogonality
from concord3d.losses.point_pixel_info_nce import draw_pairs, point_pixel_info_nce
from concord3d.losses.quantised_pairs import code_matching, commitment
from concord3d.losses.standard_normal import standard_normal_kl
from concord3d.losses.superpixel_info_nce import superpixel_info_nce
from concord3d.methods.cmcr import network as files
from concord3d.methods.cmcr.forward import (
    Seen,
    decoded_pictures,
    decoded_queries,
    see,
    shared_and_superpixels,
    shared_of_pairs,
)
from concord3d.methods.cmcr.network import DistillationNetwork
from concord3d.methods.cmcr.settings import CMCRSettings
from concord3d.methods.interface import Context, LossTerms, Method
from concord3d.models.codebook import perplexity
from concord3d.models.sweep_encoders import SweepEncoder

RANDOM = "random"
# The weights of a trunk that has seen nothing are the same for all runs.
_RANDOM_SEED = 0


class CMCR(Method[SweepBatch]):
    """Distillation of a frozen picture encoder into a LiDAR encoder.

    Args:
        settings: See :class:`CMCRSettings`.
        network: What is trained.
        trunk: Frozen; from normalised pictures to maps.
        header: What the file of the network says besides.
    """

    def __init__(self, settings: CMCRSettings, network: DistillationNetwork, trunk: Lite0Trunk, header: str) -> None:
        super().__init__()
        self.network = network
        self._settings, self._header = settings, header
        # Not a submodule: it is frozen, opened by its name, and no part of a checkpoint.
        self._trunk = [trunk]
        self._pairs: tuple[Tensor, Tensor] | None = None

    def saved(self) -> dict[str, nn.Module]:
        """Return the encoder alone, for what is trained next, and the whole network."""
        return {"point": self.network.point, "distillation": self.network}

    def header(self, name: str) -> dict[str, str]:
        """Return what the network is built from."""
        return {files.HEADER: self._header} if name == "distillation" else {}

    def loss(self, batch: SweepBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch."""
        told, network = self._settings, self.network
        turns = torch.stack([draw_turn(draw) for _ in batch.points])
        seen = see(network, self._trunk[0], batch, drawn_masks(told, batch, draw), turns)
        rows = pair_rows(batch.pairs.pixels, seen.masks)
        terms = {"contrast": self._contrast(batch, seen, rows.visible, draw)}
        record: dict[str, Tensor] = {"pairs": torch.tensor(float(len(rows.visible)))}
        if told.codebook:
            again = rows.visible[draw_pairs(len(rows.visible), told.num_pairs, draw).to(rows.visible.device)]
            code_terms, code_record = self._code_terms(*shared_of_pairs(network, batch, seen, again))
            terms, record = terms | code_terms, record | code_record
        if told.decoupled:
            terms |= self._separation_terms(seen, draw)
        if told.occupancy or told.masked_pictures:
            terms |= self._reconstruction_terms(batch, seen, rows.hidden)
        total = torch.stack([self._weight(name) * term for name, term in terms.items()]).sum()
        return LossTerms(total, {name: term.detach() for name, term in (terms | record).items()})

    def _contrast(self, batch: SweepBatch, seen: Seen, visible: Tensor, draw: torch.Generator) -> Tensor:
        told = self._settings
        if told.contrast == "superpixels":
            points, pictures, superpixels = shared_and_superpixels(self.network, batch, seen, visible)
            pixels = batch.pairs.pixels[visible]
            return superpixel_info_nce(points, pixels, pictures, superpixels, told.temperature)
        chosen = visible[draw_pairs(len(visible), told.num_pairs, draw).to(visible.device)]
        return point_pixel_info_nce(*shared_of_pairs(self.network, batch, seen, chosen), told.temperature)

    def _weight(self, term: str) -> float:
        told = self._settings
        return {
            "contrast": 1.0,
            "commitment/points": 1.0,
            "commitment/pixels": 1.0,
            "code_matching": told.matching_weight,
            "orthogonality": told.orthogonality_weight,
            "orthogonality/pictures": told.picture_orthogonality_weight,
            "kl": told.kl_weight,
            "occupancy": told.occupancy_weight,
            "intensity": told.intensity_weight,
            "picture": told.picture_weight,
        }[term]

    def _code_terms(self, points: Tensor, pixels: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return losses of fresh pairs, which then move the codes, and how the codes are used."""
        codebook = self.network.codebook
        assert codebook is not None
        own, other = codebook.assign(points), codebook.assign(pixels)
        of_points, of_pixels = codebook.codes[own], codebook.codes[other]
        self._pairs = points.detach(), pixels.detach()
        terms = {
            "commitment/points": commitment(points, of_points, of_pixels, self._settings.commitment),
            "commitment/pixels": commitment(pixels, of_pixels, of_points, self._settings.commitment),
            "code_matching": code_matching(points, pixels, codebook.codes),
        }
        count = len(codebook.codes)
        record = {
            "perplexity/points": perplexity(own, count),
            "perplexity/pixels": perplexity(other, count),
            "same_code": (own == other).float().sum() / max(1, len(own)),
        }
        return terms, record

    def _separation_terms(self, seen: Seen, draw: torch.Generator) -> dict[str, Tensor]:
        told, terms = self._settings, dict[str, Tensor]()
        if told.occupancy:
            terms["orthogonality"] = orthogonality(*seen.of_voxels, told.orthogonality_rows)
            if told.kl_weight:
                terms["kl"] = standard_normal_kl(seen.of_voxels.specific)
        if seen.of_pixels is not None and told.picture_orthogonality_weight:
            shared, specific = (features.movedim(1, 3).flatten(0, 2) for features in seen.of_pixels)
            some = draw_pairs(len(shared), len(seen.voxels.first), draw).to(shared.device)
            terms["orthogonality/pictures"] = orthogonality(shared[some], specific[some], told.orthogonality_rows)
        return terms

    def _reconstruction_terms(self, batch: SweepBatch, seen: Seen, hidden: Tensor) -> dict[str, Tensor]:
        network, terms = self.network, dict[str, Tensor]()
        quantised = network.quantised(seen.of_voxels.shared)
        if batch.queries is not None:
            decoded = decoded_queries(network, batch, seen, quantised)
            losses = occupancy_losses(decoded, batch.queries.occupied, batch.queries.intensity)
            terms |= {"occupancy": losses.occupancy, "intensity": losses.intensity}
        if seen.of_pixels is not None:
            pictures = decoded_pictures(network, batch, seen, quantised, hidden)
            terms["picture"] = picture_error(pictures, batch.pictures)
        return terms

    def after_step(self, step: int, num_steps: int) -> None:
        """Move the codes towards the pairs that chose them."""
        codebook = self.network.codebook
        if codebook is None or self._pairs is None:
            return
        codebook.update(*self._pairs, gather=self.gather)
        if self._settings.revive_codes:
            codebook.revive(torch.Generator().manual_seed(step), gather=self.gather)
        self._pairs = None


def drawn_masks(told: CMCRSettings, batch: SweepBatch, draw: torch.Generator) -> Tensor:
    """Return (B V, H, W) masks; where no picture is reconstructed, nothing is hidden."""
    height, width = batch.pictures.shape[2:]
    probability = told.mask_probability if told.masked_pictures else 0.0
    return block_masks(len(batch.pictures), (height, width), draw, told.patch, probability, told.mask_ratio)


def build(settings: CMCRSettings, context: Context) -> CMCR:
    """Put encoder, heads and the frozen trunk together.

    Raises:
        ConfigError: An unknown trunk, or pictures that it cannot see.
        TowerWeightsMissing: The weights of the trunk are not there.
    """
    data: SweepData = context.data
    point: Any = context.point_encoder()
    assert isinstance(point, SweepEncoder)
    trunk = open_picture_trunk(context.data_settings, context.weights_folder)
    if any(side % trunk.patch_size for side in data.size):
        raise ConfigError(
            "Pictures have no whole number of patches",
            where="data.picture_size",
            expected=f"multiples of {trunk.patch_size}",
            found=data.size,
        )
    network = DistillationNetwork(settings, point, trunk.channels, data.size)
    header = files.header(settings.model_dump(), context.encoder, trunk.channels, data.size)
    return CMCR(settings, network, trunk, header)


def open_picture_trunk(data: Mapping[str, Any], weights_folder: Path | None) -> Lite0Trunk:
    """Return the frozen trunk that a ``data`` section names; ``random`` is one whose weights have seen nothing.

    Raises:
        ConfigError: An unknown name, or no trunk has such a stride.
        TowerWeightsMissing: The weights are not there.
    """
    name, stride = data["picture_encoder"], data["picture_stride"]
    if name == RANDOM:
        with torch.random.fork_rng():
            torch.manual_seed(_RANDOM_SEED)
            trunk = new_trunk("efficientnet_lite0", stride)
    else:
        trunk = open_trunk(name, weights_folder, stride)
    return trunk.eval().requires_grad_(False)
