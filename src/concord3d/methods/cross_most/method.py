"""Cross-modal self-training: a teacher labels weakly changed objects, a student learns from strongly changed ones.

Shape legend: B objects of a batch, S objects, K classes, D width of text features, G groups, g patches per side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.batches.unlabelled import UnlabelledBatch, UnlabelledData
from concord3d.errors import ConfigError
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.token_encoders import TokenEncoder, open_token_encoder
from concord3d.geometry.weak_strong import weak_and_strong
from concord3d.losses.fairness import fairness
from concord3d.losses.masked_reconstruction import masked_groups_loss, masked_pixels_loss, masked_tokens_loss
from concord3d.losses.token_alignment import cross_modal_alignment, global_local
from concord3d.methods.cross_most import adapted as files
from concord3d.methods.cross_most.adapted import Adapted
from concord3d.methods.cross_most.initial_votes import initial_votes
from concord3d.methods.cross_most.picture_encoders import of_trained_tower
from concord3d.methods.cross_most.pseudo_labels import (
    Labels,
    Thresholds,
    Votes,
    coverage_thresholds,
    labels_of,
    vote_of,
)
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.methods.interface import Context, LossTerms, Method, ParameterGroup, Table
from concord3d.methods.settings import TOWER
from concord3d.models.point_transformer import PointTokens, PointTransformer
from concord3d.models.two_branch import BranchOutput, TwoBranchClassifier, picture_patches

# An object that no batch has held yet has no label.
_NONE = -1


class CrossMoST(Method[UnlabelledBatch]):
    """Student, teacher, and the labels that were given last.

    Args:
        settings: See :class:`CrossMoSTSettings`.
        student: As the training starts.
        thresholds: Of labels.
        header: What the file of the saved module says besides.
        num_objects: S.
        are_maps: Whether pictures are maps of a frozen trunk.
    """

    labels_given: Tensor
    confidences: Tensor
    from_points: Tensor
    kept: Tensor

    def __init__(
        self,
        settings: CrossMoSTSettings,
        student: TwoBranchClassifier,
        thresholds: Thresholds,
        header: str,
        num_objects: int,
        are_maps: bool,
    ) -> None:
        super().__init__()
        self.adapted = Adapted(student)
        self.thresholds = thresholds
        self._settings, self._header, self._are_maps = settings, header, are_maps
        # The votes of both branches and the label of each object, as the last batch with it had them.
        self.register_buffer("labels_given", torch.full((num_objects, 3), _NONE))
        self.register_buffer("confidences", torch.zeros(num_objects, 2))
        self.register_buffer("from_points", torch.zeros(num_objects, dtype=torch.bool))
        self.register_buffer("kept", torch.zeros(num_objects, 2, dtype=torch.bool))

    def saved(self) -> dict[str, nn.Module]:
        """Return student and teacher, in one module."""
        return {"adapted": self.adapted}

    def header(self, name: str) -> dict[str, str]:
        """Return what the module is built from."""
        return {files.HEADER: self._header}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return groups by rate: layers of the picture encoder decay from top to bottom; vectors have no weight decay.

        Source: Cross-MoST spec 4.
        """
        network: Any = self.adapted.student.pictures
        trunk, *layers = network.layers()
        count = len(layers)
        rate_of = {id(p): self._settings.layer_decay ** (count - i) for i, layer in enumerate(layers) for p in layer}
        rate_of |= {id(p): self._settings.trunk_rate * self._settings.layer_decay**count for p in trunk}
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for parameter in self.parameters():
            if parameter.requires_grad:
                key = (rate_of.get(id(parameter), 1.0), parameter.ndim > 1)
                groups.setdefault(key, []).append(parameter)
        return [
            ParameterGroup(parameters, rate, None if decays else 0.0) for (rate, decays), parameters in groups.items()
        ]

    def after_step(self, step: int, num_steps: int) -> None:
        """Let the teacher follow, at first more quickly (Cross-MoST spec 3.1)."""
        self.adapted.follow(self._settings.teacher_share(step, num_steps))

    def loss(self, batch: UnlabelledBatch, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch."""
        told, student = self._settings, self.adapted.student
        clouds = weak_and_strong(batch.points, told.clouds, draw)
        votes = self._votes(batch, clouds.weak, draw)
        labels = labels_of(votes, told.labels, self.thresholds, draw)
        self._remember(batch.units, votes, labels)
        terms: dict[str, Tensor] = {}
        pictures = points = None
        if "pictures" in told.branches:
            pictures = student.of_pictures(batch.pictures.strong, self._are_maps, batch.pictures.masks)
            terms |= self._branch_terms("pictures", pictures, labels.pictures, labels.pictures_kept)
            terms |= self._picture_terms(batch, pictures)
        if "points" in told.branches:
            said = student.points.encode(clouds.strong, told.mask_groups, draw, draw)
            points = student.of_points(said)
            terms |= self._branch_terms("points", points, labels.points, labels.points_kept)
            terms |= self._point_terms(said)
        if pictures is not None and points is not None:
            terms["cross_modal"] = cross_modal_alignment(points.feature, pictures.feature, told.cross_modal_scale)
        total = torch.stack([self._weight(name) * term for name, term in terms.items()]).sum()
        record = {name: term.detach() for name, term in terms.items()}
        return LossTerms(total, {**record, **_label_record(votes, labels, batch.labels, told.branches)})

    def _weight(self, term: str) -> float:
        told, what = self._settings, term.partition("/")[0]
        return {
            "self_training": 1.0,
            "fairness": told.fairness_weight,
            "entropy": told.entropy_weight,
            "masked_pictures": told.picture_mask_weight,
            "masked_points": told.point_mask_weight,
            "global_local": told.global_local_weight,
            "cross_modal": told.cross_modal_weight,
        }[what]

    @torch.no_grad()
    def _votes(self, batch: UnlabelledBatch, weak: Tensor, draw: torch.Generator) -> Votes:
        """Return the teacher's votes; a branch that is not trained has none, and is sure of nothing."""
        teacher, branches = self.adapted.teacher, self._settings.branches
        nothing = torch.full_like(batch.units, _NONE), torch.zeros(len(batch.units), device=weak.device)
        pictures = points = nothing
        if "pictures" in branches:
            pictures = vote_of(teacher.of_pictures(batch.pictures.weak, self._are_maps).logits)
        if "points" in branches:
            points = vote_of(teacher.of_points(teacher.points.encode(weak, random_start=draw)).logits)
        return Votes(*pictures, *points)

    def _branch_terms(self, name: str, said: BranchOutput, labels: Tensor, kept: Tensor) -> dict[str, Tensor]:
        terms = {
            f"self_training/{name}": self_training(said.logits, labels, kept),
            f"fairness/{name}": fairness(said.logits, self.gather),
        }
        if self._settings.entropy_weight > 0:
            terms[f"entropy/{name}"] = mean_entropy(said.logits)
        return terms

    def _picture_terms(self, batch: UnlabelledBatch, said: BranchOutput) -> dict[str, Tensor]:
        student = self.adapted.student
        network: Any = student.pictures
        pixels = batch.pictures.pixels
        divisor = said.tokens.shape[1] + 1 if self._settings.mim_norm == "tokens" else pixels.shape[1]
        # What no loss asks for is not computed: most tokens are not hidden.
        hidden = said.tokens[said.mask]
        predicted = student.pixel_decoder.patches(hidden)
        target = picture_patches(pixels, network.patch_size)[batch.pictures.masks]
        whole = of_hidden(said.feature, said.mask)
        return {
            "masked_pictures": masked_pixels_loss(predicted, target, divisor),
            "global_local/pictures": global_local(network.project(hidden), whole),
        }

    def _point_terms(self, said: PointTokens) -> dict[str, Tensor]:
        student, target = self.adapted.student, self._settings.mpm_target
        hidden = said.tokens[said.mask]
        predicted = student.group_head(hidden)
        if target == "points":
            groups = said.neighbourhoods[said.mask]
            loss = masked_groups_loss(predicted.view(groups.shape), groups)
        else:
            tokens = said.targets[said.mask]
            if target == "mask_token":
                tokens = student.points.mask_token.expand_as(tokens)
            loss = masked_tokens_loss(predicted, tokens, len(said.mask))
        whole = of_hidden(student.group_alignment(said.class_token), said.mask)
        return {
            "masked_points": loss,
            "global_local/points": global_local(student.group_alignment(hidden), whole),
        }

    @torch.no_grad()
    def _remember(self, units: Tensor, votes: Votes, labels: Labels) -> None:
        """Keep what a batch was labelled with; the labels of all processes, since the first one exports them."""
        # Where the picture branch is not trained, the cloud's vote is the only one.
        from_points = labels.from_points | (votes.picture_label == _NONE)
        given = torch.where(from_points, votes.point_label, votes.picture_label)
        said = (votes.picture_label, votes.point_label, given, from_points, labels.pictures_kept, labels.points_kept)
        # Whole numbers are exact in float64.
        rows = torch.stack([*(x.double() for x in (units, *said)), *_confidences(votes)], 1)
        everywhere, _ = self.gather(rows)
        whose = everywhere[:, 0].long()
        self.labels_given[whose] = everywhere[:, 1:4].long()
        self.from_points[whose] = everywhere[:, 4].bool()
        self.kept[whose] = everywhere[:, 5:7].bool()
        self.confidences[whose] = everywhere[:, 7:].float()

    def exports(self, epoch: int) -> dict[str, Table]:
        """Return the labels of the epoch: of each object that a batch held, who voted for what, and what was kept."""
        if epoch != 1 and epoch % self._settings.export_every:
            return {}
        seen = (self.labels_given[:, 2] != _NONE).nonzero().flatten().cpu()
        given, confidence, from_points, kept = (
            told.cpu()[seen].numpy() for told in (self.labels_given, self.confidences, self.from_points, self.kept)
        )
        factor = np.float32(self.thresholds.point_factor)
        table = {
            "unit": seen.numpy(),
            "picture_label": given[:, 0],
            "picture_confidence": confidence[:, 0],
            "point_label": given[:, 1],
            "point_confidence": confidence[:, 1],
            "label": given[:, 2],
            "from_points": from_points,
            "confidence": np.where(from_points, factor * confidence[:, 1], confidence[:, 0]),
            "picture_kept": kept[:, 0],
            "point_kept": kept[:, 1],
        }
        return {"pseudo_labels": table}


def _confidences(votes: Votes) -> tuple[Tensor, Tensor]:
    return votes.picture_confidence.double(), votes.point_confidence.double()


def of_hidden(features: Tensor, mask: Tensor) -> Tensor:
    """Return (H, D): for each hidden token of a (B, T) mask the (B, D) feature of its item."""
    return features[:, None].expand(-1, mask.shape[1], -1)[mask]


def self_training(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Return the mean cross-entropy over the rows that are kept, 0 where none is.

    Args:
        logits: (B, K).
        labels: (B,).
        kept: (B,) bool.

    Source: Cross-MoST spec 3.5, L_st; Cross-MoST spec 9, trap 4.
    """
    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    return (losses * kept).sum() / kept.sum().clamp(min=1)


def mean_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of softmax(logits) over rows, in nats (Cross-MoST spec 6.2, A13)."""
    logarithms = logits.float().log_softmax(1)
    return -(logarithms.exp() * logarithms).sum(1).mean()


def _label_record(votes: Votes, labels: Labels, truth: Tensor | None, branches: tuple[str, ...]) -> dict[str, Tensor]:
    """Return shares of the batch: what is kept, and, for the record alone, what of it is right."""
    told = {
        "pictures": (votes.picture_label, labels.pictures, labels.pictures_kept),
        "points": (votes.point_label, labels.points, labels.points_kept),
    }
    kept = labels.pictures_kept | labels.points_kept
    record = {"from_points": (kept & labels.from_points).float().mean()}
    if truth is not None:
        record["right/from_points"] = (kept & labels.from_points & (votes.point_label == truth)).float().mean()
    for branch in branches:
        vote, label, its_kept = told[branch]
        record[f"coverage/{branch}"] = its_kept.float().mean()
        if truth is not None:
            record[f"right/{branch}"] = (its_kept & (label == truth)).float().mean()
            record[f"vote/{branch}"] = (vote == truth).float().mean()
    return record


def build(settings: CrossMoSTSettings, context: Context) -> CrossMoST:
    """Put both branches together, and set the thresholds.

    Raises:
        ConfigError: Widths or data do not fit together.
        TowerWeightsMissing: The weights of a released tower are not there.
        CheckpointCorrupt: Weights of an earlier training or of a tower cannot be read or do not fit.
    """
    points = context.started_point_encoder()
    pictures = _picture_encoder(context)
    network: Any = pictures.network
    data: UnlabelledData = context.data
    if not isinstance(points, PointTransformer):
        raise ConfigError("Cross-MoST trains a point transformer", where="encoder.name", found=type(points).__name__)
    if points.feature_dim != network.out_dim:
        raise ConfigError(
            "Both branches end in the space of the texts",
            where="encoder.out_dim",
            expected=network.out_dim,
            found=points.feature_dim,
        )
    if data.pictures.are_maps and settings.trunk_rate:
        raise ConfigError(
            "Maps that were made once need a frozen trunk",
            where="objective.trunk_rate",
            expected="0, or data.num_strong 0",
            found=settings.trunk_rate,
        )
    if data.class_features.shape[1] != network.out_dim:
        raise ConfigError(
            "The features of the class names are of another tower",
            where="data.tower",
            expected=f"{network.out_dim} wide",
            found=f"{data.class_features.shape[1]} wide",
        )
    classes, predicts_points = torch.from_numpy(data.class_features), settings.mpm_target == "points"
    student = TwoBranchClassifier(network, points, classes, settings.initial_scale, predicts_points)
    student.points.freeze_tokeniser(settings.tokeniser_statistics)
    _freeze(student, settings)
    thresholds = _thresholds(settings, student, data, context)
    header = files.header(pictures.built_from, context.encoder, predicts_points, data.class_names)
    return CrossMoST(settings, student, thresholds, header, len(data), data.pictures.are_maps)


def _picture_encoder(context: Context) -> TokenEncoder:
    """Open the picture encoder of the tower's training, or that of a released tower."""
    if TOWER in context.needs:
        tower = context.needs[TOWER]
        [weights] = tower.weights.values()
        return of_trained_tower(tower.run["encoder"], weights)
    if context.tower is None:
        raise ConfigError("Cross-MoST trains the picture encoder of a tower further", where="data.tower", found=None)
    return open_token_encoder({"model": context.tower["model"]}, context.tower["weights"], context.weights_folder)


def _freeze(student: TwoBranchClassifier, settings: CrossMoSTSettings) -> None:
    network: Any = student.pictures
    if not settings.trunk_rate:
        for parameter in network.layers()[0]:
            parameter.requires_grad_(False)
    of_branch = {
        "pictures": (student.pictures, student.pixel_decoder),
        "points": (student.points, student.group_head, student.group_alignment),
    }
    for name, modules in of_branch.items():
        if name not in settings.branches:
            for module in modules:
                module.requires_grad_(False)


def _thresholds(
    settings: CrossMoSTSettings, student: TwoBranchClassifier, data: UnlabelledData, context: Context
) -> Thresholds:
    factor = settings.number("point_factor", data.dataset)
    if settings.coverage is None:
        names = ("joint_threshold", "picture_threshold", "point_threshold")
        joint, pictures, points = (settings.number(name, data.dataset) for name in names)
        return Thresholds(joint, pictures, points, settings.agreement_threshold, factor)
    units = np.setdiff1d(np.arange(len(data)), context.held_out)
    device = resolve_device(context.device)
    votes = initial_votes(student.eval().to(device), data, units, device)
    student.train().cpu()
    return coverage_thresholds(votes, settings.coverage, factor, settings.agreement_threshold)
