"""Clouds seen through an aligned tower: the mean over its features of each cloud's depth pictures.

After PointCLIP V2, with a projection that was fitted on such pictures in place of CLIP. Nothing here learns.

Shape legend: B clouds, N points, V views, D width of the tower's features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import BadCloud, CheckpointCorrupt
from concord3d.features import frozen_encoders
from concord3d.features.aligned_tower import FrozenPair, open_projection
from concord3d.features.depth_form import DepthForm
from concord3d.features.frozen_encoders import PictureEncoder
from concord3d.features.projection import Projection
from concord3d.files import canonical_json
from concord3d.models.weights import load_weights, read_tensors, size_in
from concord3d.render.clouds import cloud_pictures

# Header entry of the weights: the form of the clouds.
FORM_ENTRY = "depth_form"


class DepthViews(nn.Module):
    """Maps clouds to features in the space of a tower's texts.

    Each cloud is drawn exactly as the clouds that the tower was fitted on. The module holds the weights of the picture
    encoder and of the projection, so that its weights file is all that it needs.

    Args:
        form: How clouds are drawn.
        pictures: The frozen picture encoder.
        projection: The projection into the space of the texts.

    Attributes:
        in_channels: Channels per point: coordinates alone.
        feature_dim: D.
    """

    in_channels = 3

    def __init__(self, form: DepthForm, pictures: PictureEncoder, projection: Projection) -> None:
        super().__init__()
        self.form, self._pictures = form, pictures
        self.network, self.projection = pictures.network, projection
        self.feature_dim = len(projection.text_mean)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> DepthViews:
        """Stay in evaluation mode: a frozen encoder's statistics never move."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, clouds: Tensor) -> Tensor:
        """Return (B, D) means over V unit features, of (B, N, 3) clouds, y up.

        Raises:
            BadCloud: Another number of points than that of the clouds that the tower was fitted on, or coordinates that
                are not finite.
        """
        if clouds.shape[1] != self.form.num_points:
            raise BadCloud(
                "Clouds have another number of points than those that the tower was fitted on",
                where=self.form.view_set,
                expected=self.form.num_points,
                found=clouds.shape[1],
                next_step="set num_points in the protocol's settings, or fit a tower on clouds of this size",
            )
        drawn = cloud_pictures(clouds, self.form.views)
        features = self._pictures.encode_images(drawn.flatten(0, 1).cpu().numpy())
        projected = self.projection(torch.from_numpy(features).to(clouds.device))
        return functional.normalize(projected, dim=1).unflatten(0, drawn.shape[:2]).mean(dim=1)

    def header(self) -> dict[str, str]:
        """Return the header entry of its weights file."""
        return {FORM_ENTRY: canonical_json(self.form.model_dump())}


def through_tower(form: DepthForm, projection: Path, weights_folder: Path | None = None) -> DepthViews:
    """Make the module of a tower, on the CPU.

    Args:
        form: How clouds are drawn.
        projection: Weights of the tower's projection.
        weights_folder: Where the weights of the frozen encoders may lie.

    Raises:
        TowerMismatch: The projection was trained between other encoders.
        TowerWeightsMissing: There is no file of the projection, or an encoder's weights are not there.
        CheckpointCorrupt: The file of the projection cannot be read, or is none.
    """
    pair = FrozenPair(form.tower, "cpu", weights_folder)
    return DepthViews(form, pair.pictures, open_projection(pair, projection))


def load_depth_views(path: Path) -> DepthViews:
    """Build the module that a weights file holds, on the CPU.

    Args:
        path: Written with :meth:`DepthViews.header` in its header.

    Raises:
        CheckpointCorrupt: The file cannot be read, or holds something else.
    """
    tensors, header = read_tensors(path)
    module = depth_views_of(tensors, header, path)
    load_weights(module, path)
    return module


def depth_views_of(
    tensors: Mapping[str, Tensor], header: Mapping[str, str], path: Path, prefix: str = ""
) -> DepthViews:
    """Build the module, without its weights, in the form that a weights file says.

    Args:
        tensors: The weights in the file.
        header: Its header.
        path: The file, for messages.
        prefix: What the names of the module's tensors begin with.

    Raises:
        CheckpointCorrupt: The file holds something else.
    """
    if FORM_ENTRY not in header:
        raise CheckpointCorrupt(
            "Not the weights of a tower that sees clouds",
            where=path,
            expected=f"a header entry '{FORM_ENTRY}'",
            found=sorted(header),
            next_step="use the file 'point' of a training by the method depth_views",
        )
    form = DepthForm.model_validate(json.loads(header[FORM_ENTRY]))
    side = form.tower.pictures
    pictures = frozen_encoders.build_picture_encoder(side.encoder, side.image_size)
    text_dim = size_in(tensors, f"{prefix}projection.text_mean", path)
    return DepthViews(form, pictures, Projection(pictures.dim, text_dim, form.tower.projection.hidden_width))
