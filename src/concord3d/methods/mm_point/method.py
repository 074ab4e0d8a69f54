"""MM-Point: one point encoder aligned with many rendered views at once (MM-Point spec 2.5 and 3).

CrossPoint is the setting heads=single, pairing=mean, views=1, inter_reduction=sum, w_inter=0.5, head widths 256,
view_augmentation=uniform_crosspoint.

Shape legend: B objects, P stored points, N points, m views, D embedding width, h point feature, u image feature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch
from concord3d.errors import ConfigError
from concord3d.geometry.augment import PointAugmentation, augment_points, normalise_unit_sphere, sample_points
from concord3d.losses.embeddings import Gather, no_gather
from concord3d.losses.mutual_information import mutual_information_bound
from concord3d.losses.nt_xent import directional_nt_xent, nt_xent
from concord3d.methods.interface import Context, LossTerms, Method, feature_width
from concord3d.methods.mm_point.ladder import augment_views
from concord3d.methods.mm_point.settings import MMPointSettings, ViewAugmentation
from concord3d.models.heads import projection_head_2d, projection_head_3d
from concord3d.models.image_resnet import image_encoder

HIDDEN_3D = 1024
HIDDEN_2D = 512
HELD_OUT_CHUNK = 32
# How views are changed where information is measured, in every arm.
MEASURED_VIEWS: ViewAugmentation = "none"

Pair = tuple[Tensor, Tensor]


class Embeddings(NamedTuple):
    """Projected features of one batch.

    Attributes:
        intra: The two augmented clouds, each (B, D), or None if the intra term is off.
        inter: For each view, the cloud side and the view side, each (B, D); empty if the inter terms are off.
    """

    intra: Pair | None
    inter: tuple[Pair, ...]


def paired_cloud(view: int, num_views: int) -> int:
    """Return which augmented cloud (0 or 1) a 0-based view meets under ``pairing=split`` (MM-Point spec 2.5)."""
    return 0 if view < math.ceil(num_views / 2) else 1


def objective(
    intra: Pair | None, inter: Sequence[Pair], settings: MMPointSettings, gather: Gather = no_gather
) -> LossTerms:
    """Return L = w_intra L_intra + w_inter L_inter+ (MM-Point spec 3).

    Args:
        intra: The two clouds' embeddings, each (B, D), or None.
        inter: (cloud side, view side) of each view, each (B, D).
        settings: Weights, reduction and temperature.
        gather: Collects embeddings over processes.

    Returns:
        The loss with the terms ``intra`` and ``inter`` before weighting.
    """
    terms: dict[str, Tensor] = {}
    parts = []
    if intra is not None:
        terms["intra"] = nt_xent(*intra, settings.temperature, gather)
        parts.append(settings.w_intra * terms["intra"])
    if inter:
        both_ways = [
            directional_nt_xent(cloud, view, settings.temperature, gather)
            + directional_nt_xent(view, cloud, settings.temperature, gather)
            for cloud, view in inter
        ]
        stacked = torch.stack(both_ways)
        terms["inter"] = stacked.sum() if settings.inter_reduction == "sum" else stacked.mean()
        parts.append(settings.w_inter * terms["inter"])
    return LossTerms(torch.stack(parts).sum(), {name: term.detach() for name, term in terms.items()})


class MMPoint(Method[ObjectBatch]):
    """The MM-Point objective around a point encoder and an image encoder.

    Args:
        settings: The switches.
        encoder: Point encoder with ``feature_dim``, (B, N, 3) -> (B, feature_dim).
        images: Image encoder with ``feature_dim``, (B, 3, H, W) -> (B, feature_dim); None when ``w_inter`` is 0.
        num_points: Points per cloud drawn for each augmented cloud.
    """

    def __init__(
        self,
        settings: MMPointSettings,
        encoder: nn.Module,
        images: nn.Module | None,
        num_points: int,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.num_points = num_points
        self.augmentation = PointAugmentation(
            scale=settings.point_scale,
            translation=settings.point_translation,
            max_dropout=settings.point_dropout,
        )
        self.point_encoder = encoder
        self.image_encoder = images if settings.w_inter > 0 else None
        self.num_views = settings.num_views
        # Only heads that some term reads are made: a parameter without gradient would stall distributed training.
        used = sorted({self._head_of_view(view) for view in range(self.num_views)})
        used_3d = sorted({0, *used}) if settings.w_intra > 0 else used
        width_3d, width_2d = feature_width(encoder), 0 if images is None else feature_width(images)
        self.heads_3d = nn.ModuleDict(
            {str(i): projection_head_3d(width_3d, HIDDEN_3D, self._width(i)) for i in used_3d}
        )
        self.heads_2d = nn.ModuleDict({str(i): projection_head_2d(width_2d, HIDDEN_2D, self._width(i)) for i in used})

    def _head_of_view(self, view: int) -> int:
        # Head 0 is the intra head; which head a 0-based view uses.
        return {"per_view": view + 1, "two_level": view % 2, "single": 0}[self.settings.heads]

    def _width(self, head: int) -> int:
        if self.settings.heads == "single" or head > 0:
            return self.settings.head_dim_inter
        return self.settings.head_dim_intra

    def embed(self, clouds: Tensor, views: Tensor | None) -> Embeddings:
        """Project two augmented clouds and the augmented views.

        Args:
            clouds: (2, B, N, 3) float32; both go through one forward pass, so that batch normalisation sees both.
            views: (m, B, 3, H, W) float32, likewise one forward pass; None if the inter terms are off.
        """
        num_objects = clouds.shape[1]
        features = self.point_encoder(clouds.flatten(0, 1))
        if views is None or self.image_encoder is None:
            return self._project(features.unflatten(0, (2, num_objects)), None)
        images = self.image_encoder(views.flatten(0, 1))
        return self._project(features.unflatten(0, (2, num_objects)), images.unflatten(0, (len(views), num_objects)))

    def _project(self, h: Tensor, u: Tensor | None) -> Embeddings:
        # h (2, B, d), u (m, B, d'). A head shared by several terms is applied once, to everything that it serves.
        num_objects = h.shape[1]
        settings = self.settings
        whole: dict[int, Tensor] = {}

        def both_clouds(head: int) -> Tensor:
            if head not in whole:
                whole[head] = self.heads_3d[str(head)](h.flatten(0, 1)).unflatten(0, (2, num_objects))
            return whole[head]

        intra = None
        if settings.w_intra > 0:
            first, second = both_clouds(0).unbind(0)
            intra = (first, second)
        if u is None:
            return Embeddings(intra, ())
        view_side = self._project_views(u)
        inter = []
        for view in range(len(u)):
            head = self._head_of_view(view)
            if settings.pairing == "mean":
                cloud_side = both_clouds(head).mean(dim=0)
            elif settings.heads == "per_view":
                cloud_side = self.heads_3d[str(head)](h[paired_cloud(view, len(u))])
            else:
                cloud_side = both_clouds(head)[paired_cloud(view, len(u))]
            inter.append((cloud_side, view_side[view]))
        return Embeddings(intra, tuple(inter))

    def _project_views(self, u: Tensor) -> dict[int, Tensor]:
        served: dict[int, list[int]] = {}
        for view in range(len(u)):
            served.setdefault(self._head_of_view(view), []).append(view)
        projected: dict[int, Tensor] = {}
        for head, views in served.items():
            joint = self.heads_2d[str(head)](u[views].flatten(0, 1)).unflatten(0, (len(views), u.shape[1]))
            projected.update(zip(views, joint.unbind(0), strict=True))
        return projected

    def saved(self) -> dict[str, nn.Module]:
        """Return the point encoder."""
        return {"point": self.point_encoder}

    def transform(self, batch: ObjectBatch, draw: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Draw the two augmented clouds (2, B, N, 3) and the augmented views (m, B, 3, H, W) of a batch."""
        # Coordinates and pixels keep float32 where the networks run in half precision.
        with torch.autocast(device_type=batch.points.device.type, enabled=False):
            clouds = self._augmented_clouds(batch.points, draw)
            if self.num_views == 0 or batch.views is None:
                return clouds, None
            return clouds, augment_views(batch.views, self.settings.view_augmentation, draw)

    def _augmented_clouds(self, points: Tensor, draw: torch.Generator) -> Tensor:
        # (B, P, 3) -> (2, B, N, 3)
        return torch.stack(
            [augment_points(sample_points(points, self.num_points, draw), self.augmentation, draw) for _ in range(2)]
        )

    def loss(self, batch: ObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch under fresh augmentations (MM-Point spec 3)."""
        embeddings = self.embed(*self.transform(batch, draw))
        return objective(embeddings.intra, embeddings.inter, self.settings, self.gather)

    def held_out(self, batch: ObjectBatch, draw: torch.Generator) -> dict[str, float]:
        """Return lower bounds on mutual information in nats (MM-Point spec 3).

        Clouds and views are paired as they are stored, without the transforms of the training: under these an arm with
        a stronger ladder would be measured on harder views. The two clouds of the intra term get the same transform in
        every arm.

        Keys: ``information_num_objects`` (the N that limits a value to log N), ``information_intra``,
        ``information_view_<j>`` for j = 1..m and their mean ``information_inter``.
        """
        with torch.autocast(device_type=batch.points.device.type, enabled=False):
            # Drawn first, so that every arm of one seed sees the same points.
            stored = normalise_unit_sphere(sample_points(batch.points, self.num_points, draw))
            transformed = self._augmented_clouds(batch.points, draw)
            views = batch.views if self.num_views > 0 else None
            pictures = None if views is None else augment_views(views, MEASURED_VIEWS, draw)
        metrics: dict[str, float] = {"information_num_objects": len(batch.points)}
        if self.settings.w_intra > 0:
            of_clouds = self._embed_in_chunks(transformed, None)
            metrics["information_intra"] = self._bound([e.intra for e in of_clouds])
        if pictures is not None:
            paired = self._embed_in_chunks(stored.expand(2, -1, -1, -1), pictures)
            per_view = [self._bound([e.inter[view] for e in paired]) for view in range(self.num_views)]
            metrics |= {f"information_view_{view}": value for view, value in enumerate(per_view, start=1)}
            metrics["information_inter"] = sum(per_view) / len(per_view)
        return metrics

    def _embed_in_chunks(self, clouds: Tensor, views: Tensor | None) -> list[Embeddings]:
        # clouds (2, S, N, 3), views (m, S, 3, H, W): S may be too many objects for one forward pass.
        chunks = clouds.split(HELD_OUT_CHUNK, dim=1)
        of_views = [None] * len(chunks) if views is None else views.split(HELD_OUT_CHUNK, dim=1)
        return [self.embed(*pair) for pair in zip(chunks, of_views, strict=True)]

    def _bound(self, pairs: Sequence[Pair | None]) -> float:
        first, second = (torch.cat(side) for side in zip(*(p for p in pairs if p is not None), strict=True))
        return float(mutual_information_bound(first, second, self.settings.temperature))


def build(settings: MMPointSettings, context: Context) -> MMPoint:
    """Build MM-Point.

    Raises:
        ConfigError: The objective asks for more views than are stored.
    """
    stored = context.data.num_views
    if settings.num_views > stored:
        raise ConfigError(
            "The objective asks for more views than are stored",
            where="objective.views",
            expected=f"at most {stored}",
            found=settings.views,
            next_step="lower objective.views or render a view set with more views",
        )
    encoder = context.point_encoder()
    images = image_encoder(settings.image_encoder) if settings.w_inter > 0 else None
    return MMPoint(settings, encoder, images, context.num_points)
