"""MM-Mixing: a point encoder aligned with frozen towers, features and clouds of two objects mixed (MM-Mixing spec 3).

Shape legend: B objects, P stored points, N points, C channels, n mixed pairs, D width of tower features. z is a
feature, u a mixture of two features, Q a cloud mixed from two, lambda the weight of a pair's first object.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.batches.objects import ObjectBatch, Targets
from concord3d.errors import ConfigError, DatasetError
from concord3d.geometry.augment import ColouredAugmentation, augment_coloured, coloured_clouds, drop_points, paint_grey
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.pairing import Pairs, draw_weights, paired_in_circle
from concord3d.geometry.mixing.parts import Mixed
from concord3d.losses.info_nce import LogitScale, agreement, info_nce, unit_rows
from concord3d.losses.mixed_info_nce import mixed_info_nce, mixture
from concord3d.methods.interface import Context, LossTerms, Method, feature_width
from concord3d.methods.mm_mixing.settings import MMMixingSettings
from concord3d.methods.mm_mixing.text_prototypes import text_prototypes
from concord3d.models.projected import in_tower_space, input_channels, require_same_form

HELD_OUT_CHUNK = 32

Terms = dict[str, Tensor]


class Clouds(NamedTuple):
    """Augmented clouds of a batch.

    Attributes:
        coloured: (B, N, C), each as its own augmentation left it.
        source: (B, N) int64, which point stands at each place: a dropped one is a copy of point 0.
        grey: (B,) bool, drawn once per object: decides about its clean cloud and about the pair it is the first of.
    """

    coloured: Tensor
    source: Tensor
    grey: Tensor


class MMMixing(Method[ObjectBatch]):
    """The MM-Mixing objective around a point encoder.

    The loss is the weighted sum of the terms ``clean_image`` and ``clean_text`` (L0), ``feature_image`` and
    ``feature_text`` (mixtures of features), ``input_image``, ``input_text`` and ``input_teacher`` (features of mixed
    clouds), or ``shared_image`` and ``shared_text`` (of clouds mixed and unmixed, in one set of candidates), as far as
    the settings have them; with the names of classes in place of targets it is ``clean_class``. The record has
    ``logit_scale`` besides.

    Args:
        settings: The switches.
        encoder: Point encoder with ``in_channels`` 3 or 6, (B, N, in_channels) -> (B, D).
        num_points: Points per cloud drawn at each step.
        teacher: Frozen encoder of the same form; kept in evaluation mode, and outside of parameters and state. None
            where the settings have no term on it.
        prototypes: (K, D) unit text features of the classes; where they are given, they take the place of targets.
    """

    def __init__(
        self,
        settings: MMMixingSettings,
        encoder: nn.Module,
        num_points: int,
        teacher: nn.Module | None = None,
        prototypes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.num_points = num_points
        self.augmentation = ColouredAugmentation(
            settings.scale, settings.shift, settings.rotation_sigma, settings.rotation_clip, settings.spin
        )
        self.point_encoder = encoder
        self.in_channels = input_channels(encoder)
        self.logit_scale = LogitScale()
        # In a tuple a module is no child: it is neither trained nor saved, nor put into training mode.
        self._teacher: tuple[nn.Module, ...] = () if teacher is None else (teacher.requires_grad_(False).eval(),)
        self.teacher_scale = LogitScale() if self._teacher else None
        self.prototypes: Tensor | None
        self.register_buffer("prototypes", prototypes, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> MMMixing:
        super()._apply(fn, recurse)
        for teacher in self._teacher:
            teacher._apply(fn)
        return self

    def saved(self) -> dict[str, nn.Module]:
        """Return the point encoder."""
        return {"point": self.point_encoder}

    def transform(self, batch: ObjectBatch, generator: torch.Generator) -> Clouds:
        """Load and augment the clouds of a batch, each on its own (MM-Mixing spec 1.3)."""
        settings = self.settings
        clouds = self._load(batch, generator)
        draw = torch.rand(len(clouds), generator=generator, device=generator.device)
        grey = (draw < settings.grey_probability).to(clouds.device)
        kept, source = drop_points(clouds, settings.max_dropout, generator)
        return Clouds(augment_coloured(kept, self.augmentation, generator), source, grey)

    def _load(self, batch: ObjectBatch, generator: torch.Generator | None) -> Tensor:
        grey_value = self.settings.grey_value
        return coloured_clouds(batch.points, batch.colors, self.num_points, self.in_channels, grey_value, generator)

    def loss(self, batch: ObjectBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch under fresh augmentations.

        Raises:
            DatasetError: The batch has no tower features.
            ConfigError: The batch holds a single object and mixing is asked for.
        """
        targets = _targets(batch)
        # Coordinates keep float32 where the networks run in half precision.
        with torch.autocast(device_type=batch.points.device.type, enabled=False):
            clouds = self.transform(batch, draw)
        scale = self.logit_scale()
        if self.prototypes is not None:
            terms = {"clean_class": self._class_term(clouds, batch, self.prototypes, scale)}
        elif self.settings.mixes_clouds:
            terms = self._input_level(clouds, targets, scale, draw)
        else:
            terms = self._feature_level(clouds, targets, scale, draw)
        total = torch.stack([self.settings.weight_of(name) * term for name, term in terms.items()]).sum()
        record = {name: term.detach() for name, term in terms.items()}
        return LossTerms(total, {**record, "logit_scale": scale.detach()})

    def _class_term(self, clouds: Clouds, batch: ObjectBatch, prototypes: Tensor, scale: Tensor) -> Tensor:
        if batch.labels is None:
            raise DatasetError(
                "Cross-entropy among classes needs labels", expected="one class index per shape", found="none"
            )
        features = self.point_encoder(paint_grey(clouds.coloured, clouds.grey, self.settings.grey_value))
        with torch.autocast(device_type=features.device.type, enabled=False):
            return functional.cross_entropy(scale * (unit_rows(features) @ prototypes.T), batch.labels)

    def _feature_level(self, clouds: Clouds, targets: Targets, scale: Tensor, generator: torch.Generator) -> Terms:
        # L0 and, in stage 1, L_FM of the same features.
        settings = self.settings
        features = self.point_encoder(paint_grey(clouds.coloured, clouds.grey, settings.grey_value))
        terms = self._clean_terms(features, targets, scale) if settings.w_clean > 0 else {}
        if settings.stage == "feature" and settings.w_mix > 0:
            pairs = paired_in_circle(_random_order(features, generator), len(features))
            terms |= self._mixed_feature_terms(features, targets, pairs, scale, generator)
        return terms

    def _input_level(self, clouds: Clouds, targets: Targets, scale: Tensor, generator: torch.Generator) -> Terms:
        # Stage 2, or both levels at once: one forward pass of some mixed clouds and of the other clouds unmixed.
        settings, device = self.settings, clouds.coloured.device
        num_pairs = self._num_pairs(len(clouds.coloured))
        order = _random_order(clouds.coloured, generator)
        pairs = paired_in_circle(order, num_pairs)
        clean = order[num_pairs:] if settings.w_clean > 0 or settings.stage == "joint" else order[:0]
        with torch.autocast(device_type=device.type, enabled=False):
            first, second = self._pairs_in_one_colour(clouds, pairs)
            sources = clouds.source[pairs.first], clouds.source[pairs.second]
            mixed = self._mixed_clouds(first, second, sources, generator)
            unmixed = paint_grey(clouds.coloured[clean], clouds.grey[clean], settings.grey_value)
        features = self.point_encoder(torch.cat([mixed.points, unmixed]))
        mixed_features, clean_features = features[:num_pairs], features[num_pairs:]
        if settings.targets == "mixed_shared":
            terms = self._shared_terms(features, targets, pairs, mixed.ratio, clean, scale)
        else:
            clean_targets = Targets(*(part[clean] for part in targets))
            terms = self._clean_terms(clean_features, clean_targets, scale) if settings.w_clean > 0 else {}
            if settings.stage == "joint" and settings.w_mix > 0:
                # A single clean object has no partner, and no pair.
                own_pairs = paired_in_circle(torch.arange(len(clean), device=device), len(clean) * (len(clean) > 1))
                terms |= self._mixed_feature_terms(clean_features, clean_targets, own_pairs, scale, generator)
            if settings.w_mix > 0:
                terms |= self._mixed_terms("input", mixed_features, targets, pairs, mixed.ratio, scale)
        if self.teacher_scale is not None:
            of_first, of_second = self._teacher_features(first, second)
            terms["input_teacher"] = self._contrast_mixed(
                mixed_features, of_first, of_second, mixed.ratio, self.teacher_scale()
            )
        return terms

    def _shared_terms(
        self, features: Tensor, targets: Targets, pairs: Pairs, ratio: Tensor, clean: Tensor, scale: Tensor
    ) -> Terms:
        # A clean cloud is a mixture with itself, all of which is the first object.
        first, second = torch.cat([pairs.first, clean]), torch.cat([pairs.second, clean])
        ratios = torch.cat([ratio, ratio.new_ones(len(clean))])
        return self._mixed_terms("shared", features, targets, Pairs(first, second), ratios, scale)

    def _num_pairs(self, num_objects: int) -> int:
        share = self.settings.mix_probability
        if share in (0, 1) or num_objects < 2:
            return math.ceil(share * num_objects)
        return min(max(round(share * num_objects), 1), num_objects - 1)

    def _draw_weights(self, num_pairs: int, generator: torch.Generator, device: torch.device) -> Tensor:
        settings = self.settings
        weights = draw_weights(num_pairs, settings.beta, settings.lambda_per, settings.lambda_fixed, generator)
        return weights.to(device)

    def _pairs_in_one_colour(self, clouds: Clouds, pairs: Pairs) -> tuple[Tensor, Tensor]:
        # One decision about colour for both clouds of a pair: else colour would tell which point is whose.
        grey, value = clouds.grey[pairs.first], self.settings.grey_value
        first, second = (paint_grey(clouds.coloured[index], grey, value) for index in pairs)
        return first, second

    def _mixed_clouds(
        self, first: Tensor, second: Tensor, sources: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> Mixed:
        settings = self.settings
        weights = self._draw_weights(len(first), generator, first.device)
        if len(first) == 0:
            return Mixed(first, weights, None)
        return mix_clouds(settings.operator, first, second, weights, generator, settings.mixing, None, sources)

    def _teacher_features(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        # In the colours of the pair, as the encoder sees their mixture.
        if len(first) == 0:
            nothing = first.new_zeros(0, feature_width(self.point_encoder))
            return nothing, nothing
        with torch.no_grad():
            of_first, of_second = self._teacher[0](torch.cat([first, second])).chunk(2)
        return of_first, of_second

    def _clean_terms(self, features: Tensor, targets: Targets, scale: Tensor) -> Terms:
        gather, chunk_size = self.gather, self.settings.chunk_size
        return {
            "clean_image": info_nce(features, targets.image, scale, gather, None, chunk_size),
            "clean_text": info_nce(features, targets.text, scale, gather, targets.has_text, chunk_size),
        }

    def _mixed_feature_terms(
        self, features: Tensor, targets: Targets, pairs: Pairs, scale: Tensor, generator: torch.Generator
    ) -> Terms:
        ratio = self._draw_weights(len(pairs.first), generator, features.device)
        mixtures = mixture(features[pairs.first], features[pairs.second], ratio)
        return self._mixed_terms("feature", mixtures, targets, pairs, ratio, scale)

    def _mixed_terms(
        self, level: str, mixtures: Tensor, targets: Targets, pairs: Pairs, ratio: Tensor, scale: Tensor
    ) -> Terms:
        terms = {}
        for modality in self.settings.mixed_modalities:
            features = targets.image if modality == "image" else targets.text
            has = (targets.has_text[pairs.first], targets.has_text[pairs.second]) if modality == "text" else None
            first, second = features[pairs.first], features[pairs.second]
            terms[f"{level}_{modality}"] = self._contrast_mixed(mixtures, first, second, ratio, scale, has)
        return terms

    def _contrast_mixed(
        self,
        mixtures: Tensor,
        first: Tensor,
        second: Tensor,
        ratio: Tensor,
        scale: Tensor,
        has: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        soft = self.settings.targets == "soft_label"
        return mixed_info_nce(mixtures, first, second, ratio, scale, has, soft, self.gather, self.settings.chunk_size)

    def held_out(self, batch: ObjectBatch, draw: torch.Generator) -> dict[str, float]:
        """Return how well clean, unaugmented clouds meet their targets.

        Keys: ``cosine_image`` and ``cosine_text`` (mean cosine of a cloud and its own target),
        ``r1_image_to_point``, ``r1_point_to_image``, ``r1_text_to_point``, ``r1_point_to_text`` (recall at 1 in
        percent; among n equally near candidates a hit counts 1/n) and ``r1_chance_image``, ``r1_chance_text``. Figures
        of texts cover the objects that have one, and are absent if none has.
        """
        image, text, has_text = _targets(batch)
        clouds = self._load(batch, None)
        features = torch.cat([self.point_encoder(chunk) for chunk in clouds.split(HELD_OUT_CHUNK)])
        sides = {"image": (features, image), "text": (features[has_text], text[has_text])}
        metrics: dict[str, float] = {}
        for name, (points, others) in sides.items():
            if len(points):
                found = agreement(points, others)
                metrics[f"cosine_{name}"] = found.cosine
                metrics[f"r1_point_to_{name}"], metrics[f"r1_{name}_to_point"] = found.recall_ab, found.recall_ba
                metrics[f"r1_chance_{name}"] = 100 / len(points)
        return metrics


def _targets(batch: ObjectBatch) -> Targets:
    if batch.targets is None:
        raise DatasetError(
            "MM-Mixing needs features of frozen towers", expected="image and text features per shape", found="none"
        )
    image, text, has_text = batch.targets
    return Targets(image.detach(), text.detach(), has_text)


def _random_order(rows: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randperm(len(rows), generator=generator, device=generator.device).to(rows.device)


def build(settings: MMMixingSettings, context: Context) -> MMMixing:
    """Build MM-Mixing.

    An encoder that does not project into a tower's space gets a linear projection (:class:`ProjectedEncoder`) and the
    whole is what is saved and evaluated, unless its output happens to have the tower's width.

    Raises:
        ConfigError: There are no tower features, no teacher or no texts of a class where they are needed, or widths
            differ.
        DatasetError: Names of classes are learnt, and the data have no labels.
    """
    width = context.data.target_dim
    if width < 1:
        raise ConfigError(
            "MM-Mixing needs features of frozen towers",
            where="data.tower",
            expected="a tower",
            found="none",
            next_step="name a tower of this scale in data.tower",
        )
    encoder = in_tower_space(context.point_encoder(), width)
    teacher = None
    if "teacher" in settings.roles:
        if "teacher" not in context.needs:
            raise ConfigError(
                f"Stage '{settings.stage}' with w_teacher > 0 learns from an earlier encoder, and none is given",
                where="objective.w_teacher",
                expected="a teacher",
                found="none",
                next_step="name one under 'needs' of the experiment, or set objective.w_teacher: 0",
            )
        teacher = require_same_form(context.needs["teacher"].module(), encoder)
        if settings.stage == "dual_warm":
            encoder.load_state_dict(teacher.state_dict())
    prototypes = text_prototypes(context.data) if settings.targets == "class_names" else None
    return MMMixing(settings, encoder, context.num_points, teacher, prototypes)
