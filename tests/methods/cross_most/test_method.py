"""One step of Cross-MoST: terms, labels, gradients and rates."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.methods.cross_most.pairs import (
    ENCODER,
    NAMES,
    NUM_OBJECTS,
    NUM_POINTS,
    SIZE,
    WIDTH,
    Shown,
    batch_of,
    data_of,
    draw,
    drawn_pictures,
    mapped_data,
    method_of,
    points,
    task_of,
    without_labels,
)
from tests.parity import literal_cross_most as literal
from torch import Tensor, nn

from concord3d.batches.unlabelled import DrawnPictures, UnlabelledBatch
from concord3d.errors import BadCloud, ConfigError
from concord3d.features.picture_strength import PictureStrength
from concord3d.geometry.weak_strong import weak_and_strong
from concord3d.methods.cross_most.method import CrossMoST, self_training
from concord3d.methods.cross_most.pseudo_labels import Thresholds, labels_of
from concord3d.methods.cross_most.settings import CrossMoSTSettings
from concord3d.methods.interface import LossTerms
from concord3d.models.factory import build_point_encoder
from concord3d.models.hybrid_vit import HybridViT
from concord3d.models.two_branch import TwoBranchClassifier
from concord3d.training.train import train

ALONE = {"labels": "per_modality", "cross_modal_weight": 0.0}
NO_THRESHOLDS = {"joint_threshold": None, "picture_threshold": None, "point_threshold": None}
# Nothing is drawn in the networks, so that a loss can be computed twice.
STEADY = {"drop_path": 0.0}
WEIGHTS = {
    "self_training/pictures": 1, "self_training/points": 1, "fairness/pictures": 1, "fairness/points": 1,
    "masked_pictures": 1, "masked_points": 1, "global_local/pictures": 0.2, "global_local/points": 0.2,
    "cross_modal": 1,
}  # fmt: skip


def steady(folder: Path, objective: dict[str, Any] | None = None, **options: Any) -> tuple[Any, UnlabelledBatch]:
    """A method without dropout, and a batch."""
    task = task_of(folder, objective, encoder=STEADY, **options)
    return method_of(task), batch_of(task)


def gradients(method: CrossMoST, found: LossTerms) -> dict[str, Tensor | None]:
    method.zero_grad()
    found.total.backward()
    return {name: parameter.grad for name, parameter in method.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    "objective",
    [{}, {"mim_norm": "channels"}, {"mpm_target": "mask_token"}, {"mpm_target": "points"}, {"labels": "per_modality"}],
)
def test_every_term_is_that_of_its_formula_and_the_total_has_the_published_weights(
    tmp_path: Path, objective: dict[str, Any]
) -> None:
    method, batch = steady(tmp_path, {**objective, "trunk_rate": 1.0})
    found = method.loss(batch, draw(3))
    terms = {name: found.terms[name].item() for name in WEIGHTS}
    assert found.total.item() == pytest.approx(sum(WEIGHTS[name] * value for name, value in terms.items()), rel=1e-5)

    drawn, told, student = draw(3), method._settings, method.adapted.student
    clouds = weak_and_strong(batch.points, told.clouds, drawn)
    with torch.no_grad():
        votes = method._votes(batch, clouds.weak, drawn)
        labels = labels_of(votes, told.labels, method.thresholds, drawn)
        pictures = student.of_pictures(batch.pictures.pixels, False, batch.pictures.masks)
        said = student.points.encode(clouds.strong, told.mask_groups, drawn, drawn)
        clouds_said = student.of_points(said)
        restored, predicted = student.pixel_decoder(pictures.tokens), student.group_head(said.tokens)
        hidden_pixels = batch.pictures.masks.repeat_interleave(16, 1).repeat_interleave(16, 2)
        kept = labels.pictures_kept.tolist(), labels.points_kept.tolist()
        aligned = student.group_alignment.weight
        target = said.targets
        if told.mpm_target == "mask_token":
            target = student.points.mask_token.expand_as(target)
        if told.mpm_target == "points":
            of_points = literal.masked_groups(predicted.view(12, 6, 6, 3), said.neighbourhoods, said.mask)
        else:
            of_points = literal.masked_tokens(predicted, target, said.mask)
        divisor = 3 if told.mim_norm == "channels" else (SIZE // 16) ** 2 + 1
        expected = {
            "self_training/pictures": literal.self_training(pictures.logits, labels.pictures.tolist(), kept[0]),
            "self_training/points": literal.self_training(clouds_said.logits, labels.points.tolist(), kept[1]),
            "fairness/pictures": literal.fairness(pictures.logits),
            "fairness/points": literal.fairness(clouds_said.logits),
            "masked_points": of_points,
            "global_local/pictures": literal.global_local(
                pictures.tokens @ student.pictures.projection.weight.T + student.pictures.projection.bias,
                pictures.feature,
                pictures.mask,
            ),
            "global_local/points": literal.global_local(
                said.tokens @ aligned.T, said.class_token @ aligned.T, said.mask
            ),
            "cross_modal": literal.cross_modal(clouds_said.feature, pictures.feature),
        }
        difference = (restored - batch.pictures.pixels).abs().sum(1)[hidden_pixels]
        expected["masked_pictures"] = difference.sum() / len(difference) / divisor
    assert set(expected) == set(WEIGHTS) and pictures.mask.sum() == 12 * 8 and 0 < said.mask.sum() < said.mask.numel()
    assert terms == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-4, abs=1e-6)


def test_entropy_is_a_term_where_it_has_a_weight(tmp_path: Path) -> None:
    method, batch = steady(tmp_path, {"entropy_weight": 0.7})
    found = method.loss(batch, draw())
    entropies = found.terms["entropy/pictures"] + found.terms["entropy/points"]
    rest = sum(weight * found.terms[name] for name, weight in WEIGHTS.items())
    assert found.total.item() == pytest.approx(float(rest + 0.7 * entropies), rel=1e-5) and entropies > 0


def test_the_temperature_of_the_alignment_is_a_switch(tmp_path: Path) -> None:
    losses = [
        float(steady_loss.terms["cross_modal"])
        for scale in (1.0, 1 / 0.07)
        for method, batch in [steady(tmp_path, {"cross_modal_scale": scale})]
        for steady_loss in [method.loss(batch, draw())]
    ]
    bound = 2 * np.log(12) + 4
    assert 0 < losses[0] < bound and abs(losses[1] - losses[0]) > 0.1


@pytest.mark.parametrize(
    ("objective", "strength"),
    [
        ({}, {}),
        ({"trunk_rate": 1.0}, {}),
        ({"mpm_target": "points"}, {}),
        ({"mpm_target": "mask_token", "mim_norm": "channels"}, {}),
        ({"only": "pictures", **ALONE}, {}),
        ({"only": "points", **ALONE}, {}),
        # Without masks, and so without what is hidden (Cross-MoST spec 6.2, A8).
        ({"mask_groups": [0.0, 0.0]}, {"mask_ratio": 0.0}),
        ({"mask_groups": [0.0, 0.0], "mpm_target": "points"}, {"mask_ratio": 0.0}),
        ({"mask_groups": [1.0, 1.0]}, {"mask_ratio": 1.0}),
    ],
)
def test_every_parameter_that_learns_takes_part_in_every_loss(
    tmp_path: Path, objective: dict[str, Any], strength: dict[str, Any]
) -> None:
    pictures = drawn_pictures(PictureStrength(rand_augment=None, **strength))
    method, batch = steady(tmp_path, objective, data=data_of(pictures))
    found = method.loss(batch, draw())
    values = gradients(method, found)
    assert found.total.isfinite() and all(value is not None and value.isfinite().all() for value in values.values())
    if strength.get("mask_ratio") == 0:
        parts = ("masked_pictures", "masked_points", "global_local/pictures", "global_local/points")
        assert all(found.terms[name] == 0 for name in parts)


# Traps of the released code: Cross-MoST spec 9.


def test_hidden_groups_are_predicted_as_they_were_without_gradient_into_them(tmp_path: Path) -> None:
    """Trap 1: the released code predicts the mask token itself."""
    told = {"fairness_weight": 0.0, "picture_mask_weight": 0.0, "global_local_weight": 0.0, "cross_modal_weight": 0.0}
    never = {"joint_threshold": 1.0}
    method, batch = steady(tmp_path, {**told, **never})
    student = method.adapted.student
    said = student.points.encode(batch.points, (0.3, 0.4), draw())
    assert not said.targets.requires_grad and not torch.allclose(said.targets[0, 0], said.targets[0, 1])
    # The target of the released code is the same for all groups.
    parity, _ = steady(tmp_path, {**told, **never, "mpm_target": "mask_token"})
    with torch.no_grad():
        for one in (method, parity):
            one.adapted.student.group_head.weight.zero_()
            one.adapted.student.group_head.bias.copy_(one.adapted.student.points.mask_token)
    ours, theirs = (float(one.loss(batch, draw()).terms["masked_points"]) for one in (method, parity))
    assert theirs == 0 and ours > 0


def test_reconstruction_of_pictures_is_weaker_by_tokens_than_by_channels(tmp_path: Path) -> None:
    """Trap 2: 197 tokens of 14 x 14 patches in the paper, 17 of 4 x 4 patches here, against 3."""
    found = {}
    for norm in ("tokens", "channels"):
        method, batch = steady(tmp_path, {"mim_norm": norm})
        found[norm] = float(method.loss(batch, draw()).terms["masked_pictures"])
    assert found["channels"] / found["tokens"] == pytest.approx(17 / 3, rel=1e-5)


@pytest.mark.parametrize("rule", ["joint", "per_modality", "random", "agreement", "from_pictures", "from_points"])
def test_without_any_confident_sample_the_loss_is_zero_and_training_goes_on(tmp_path: Path, rule: str) -> None:
    """Trap 4: the released code gives NaN."""
    thresholds = dict.fromkeys([*NO_THRESHOLDS, "agreement_threshold"], 1.0)
    method, batch = steady(tmp_path, {"labels": rule, **thresholds})
    found = method.loss(batch, draw())
    assert found.terms["self_training/pictures"] == 0 == found.terms["self_training/points"]
    assert found.terms["coverage/pictures"] == 0
    assert all(value is not None and value.isfinite().all() for value in gradients(method, found).values())


def test_nothing_kept_has_gradients_of_zero() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = self_training(logits, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize(("only", "others"), [("pictures", "points"), ("points", "pictures")])
def test_the_other_branch_of_an_isolated_training_does_not_move_at_all(tmp_path: Path, only: str, others: str) -> None:
    """Trap 9: the baseline of the released code shares the classifier between both branches."""
    task = task_of(tmp_path, {"only": only, **ALONE, "tokeniser_statistics": True, "trunk_rate": 1.0})
    before = copy.deepcopy(method_of(task).adapted.state_dict())
    train(task)
    after = load(tmp_path)
    moved = {name for name, value in before.items() if not torch.equal(after[name], value)}
    parts = {"pictures": ("pictures.", "pixel_decoder."), "points": ("points.", "group_head.", "group_alignment.")}
    for which in ("student.", "teacher."):
        names = {name.removeprefix(which) for name in moved if name.startswith(which)}
        assert not [name for name in names if name.startswith(parts[others])]
        assert {"classifier", "log_scale"} <= names and [name for name in names if name.startswith(parts[only])]


def load(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    found: dict[str, Tensor] = load_file(folder / "out/weights/adapted.safetensors")
    return found


@pytest.mark.parametrize(("upsampled", "counts"), [("student", (30, 50)), ("both", (50, 50)), ("none", (30, 30))])
def test_clouds_are_upsampled_for_the_student_alone(tmp_path: Path, upsampled: str, counts: tuple[int, int]) -> None:
    """Trap 10: 2,048 points for the teacher and 8,192 for the student in the released code."""
    method, batch = steady(tmp_path, {"clouds": {"num_points": 50, "upsampled": upsampled}})
    seen = []
    for network in (method.adapted.teacher.points, method.adapted.student.points):
        network.groups = lambda clouds, *rest, original=network.groups: (
            seen.append(clouds.shape[1]) or original(clouds, *rest)
        )
    method.loss(batch, draw())
    assert tuple(seen) == counts


@pytest.mark.parametrize("with_statistics", [False, True])
def test_the_frozen_tokeniser_has_its_statistics_or_those_of_the_batch(tmp_path: Path, with_statistics: bool) -> None:
    """Trap 11: the released code leaves the norms of a frozen tokeniser in training mode."""
    method, batch = steady(tmp_path, {"tokeniser_statistics": with_statistics})
    tokeniser = method.adapted.student.points.tokeniser
    assert not any(parameter.requires_grad for parameter in tokeniser.parameters())
    before = {name: value.clone() for name, value in tokeniser.state_dict().items()}
    method.train().loss(batch, draw())
    moved = {name for name, value in tokeniser.state_dict().items() if not torch.equal(value, before[name])}
    assert bool(moved) == with_statistics and all("running" in name or "num_batches" in name for name in moved)
    if with_statistics:
        method.after_step(1, 10)
        name = "norm.running_mean"
        teacher = method.adapted.teacher.points.tokeniser.state_dict()[name]
        torch.testing.assert_close(teacher, before[name].lerp(tokeniser.state_dict()[name], 0.01))


def test_a_batch_is_not_changed_in_place(tmp_path: Path) -> None:
    """Trap 17: the transforms of the released code share memory."""
    method, batch = steady(tmp_path)
    before = copy.deepcopy(batch)
    method.loss(batch, draw())
    assert torch.equal(batch.points, before.points)
    for mine, its in zip(batch.pictures, before.pictures, strict=True):
        assert torch.equal(mine, its)


# Frozen trunks.


def test_stored_maps_and_the_trunk_itself_give_the_same_loss_up_to_half_precision(tmp_path: Path) -> None:
    data = mapped_data()
    method, batch = steady(tmp_path, data=data)
    pixels, _ = steady(tmp_path)
    pixels.load_state_dict(method.state_dict())
    shown = Shown().pixels
    views = [
        next(view for view in (0, 1) if torch.equal(data.pictures.weak(np.array([unit]), view)[0], weak))
        for unit, weak in zip(batch.units.tolist(), batch.pictures.weak, strict=True)
    ]
    # Views are spread evenly: of three stored ones the first two.
    weak = torch.from_numpy(shown[batch.units.numpy(), views]).permute(0, 3, 1, 2).float() / 255
    raw = batch.pictures._replace(weak=(weak - 0.498) / 0.502, strong=batch.pictures.pixels)
    losses = [method.loss(batch, draw()), pixels.loss(replace(batch, pictures=raw), draw())]
    assert losses[0].total.item() == pytest.approx(losses[1].total.item(), rel=2e-3)


def test_hidden_pixels_reach_the_loss_as_what_is_restored_alone(tmp_path: Path) -> None:
    """Of pictures and of maps: what lies under a mask changes no bit but that of the reconstruction."""
    for rate in (0.0, 1.0):
        method, batch = steady(tmp_path, {"trunk_rate": rate})
        masks = batch.pictures.masks.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, None]
        changed = torch.where(masks, 1 - batch.pictures.pixels, batch.pictures.pixels)
        other = replace(batch, pictures=batch.pictures._replace(strong=changed, pixels=changed))
        found = [method.loss(one, draw()).terms for one in (batch, other)]
        differing = {name for name in found[0] if not torch.equal(found[0][name], found[1][name])}
        assert differing == {"masked_pictures"}


# Rates.


class Stem(nn.Module):
    """A trunk of one convolution and one vector."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 16, 16)

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.conv(pixels)
        return found


@pytest.mark.parametrize("trunk_rate", [1.0, 0.5, 0.0])
def test_the_layers_of_the_picture_encoder_have_the_published_rates(trunk_rate: float) -> None:
    """0.65^(13 - i): i = 0 below the blocks, i = k + 1 for block k of 12; 1 for all else (Cross-MoST spec 4)."""
    vit = HybridViT(Stem(), 4, 16, width=8, depth=12, num_heads=2, mlp_width=8, out_dim=WIDTH)
    student = TwoBranchClassifier(vit, build_point_encoder(ENCODER), torch.ones(3, WIDTH))
    vit.trunk.requires_grad_(trunk_rate > 0)
    settings = CrossMoSTSettings(trunk_rate=trunk_rate)
    method = CrossMoST(settings, student, Thresholds(0.5, 0.5, 0.5), "", 5, False)
    groups = method.parameter_groups()
    rate = {id(p): group.rate for group in groups for p in group.parameters}
    decay = {id(p): group.weight_decay for group in groups for p in group.parameters}
    learning = {name: p for name, p in method.named_parameters() if p.requires_grad}
    assert len(rate) == sum(len(group.parameters) for group in groups) == len(learning)
    assert not any(name.startswith("adapted.teacher") for name in learning)
    for name, parameter in learning.items():
        inside = name.removeprefix("adapted.student.pictures.")
        expected = 1.0
        if inside.startswith("blocks."):
            expected = 0.65 ** (12 - int(inside.split(".")[1]))
        elif inside.startswith(("map_norm", "lift", "class_token", "mask_token")) and inside != name:
            expected = 0.65**13
        elif inside.startswith("trunk") and inside != name:
            expected = trunk_rate * 0.65**13
        assert rate[id(parameter)] == pytest.approx(expected), name
        assert decay[id(parameter)] == (None if parameter.ndim > 1 else 0.0), name
    lowest = min(group.rate for group in groups)
    assert pytest.approx(0.0037, abs=5e-5) == 0.65**13 and lowest == pytest.approx(0.65**13 * (trunk_rate or 1))
    assert any(name.startswith("adapted.student.pictures.trunk") for name in learning) == (trunk_rate > 0)


# What fits together, and what does not.


def test_the_thresholds_by_coverage_keep_this_share_of_the_training_objects(tmp_path: Path) -> None:
    told = {**NO_THRESHOLDS, "coverage": 0.6, "point_factor": 0.9, "labels": "joint"}
    task = task_of(tmp_path, told, mapped_data(), encoder=STEADY)
    method: Any = method_of(task)
    data: Any = task.data
    units = task.training_index()
    student = method.adapted.student.eval()
    with torch.no_grad():
        pictures = student.of_pictures(data.pictures.weak(units, 0), True)
        clouds = points()[units]
        clouds = clouds - clouds.mean(1, keepdims=True)
        clouds /= np.linalg.norm(clouds, axis=2).max(1)[:, None, None]
        said = student.of_points(student.points.encode(torch.from_numpy(clouds)))
    shares = pictures.logits.softmax(1).amax(1), said.logits.softmax(1).amax(1)
    kept = torch.maximum(shares[0], 0.9 * shares[1]) > method.thresholds.joint
    assert len(units) == 40 and int(kept.sum()) in (23, 24, 25)
    assert int((shares[0] > method.thresholds.pictures).sum()) in (23, 24, 25)
    assert int((shares[1] > method.thresholds.points).sum()) in (23, 24, 25)


def test_thresholds_by_coverage_read_no_held_out_object_and_leave_the_mode(tmp_path: Path) -> None:
    told = {**NO_THRESHOLDS, "coverage": 0.5}
    data = mapped_data()
    seen: list[int] = []
    original = data.pictures.weak
    data.pictures.weak = lambda units, view: seen.extend(units.tolist()) or original(units, view)
    method = method_of(task_of(tmp_path, told, data))
    assert sorted(seen) == list(range(4, NUM_OBJECTS))
    assert method.adapted.student.training and not method.adapted.teacher.training


def test_coverage_is_not_given_by_the_seed_of_the_generator(tmp_path: Path) -> None:
    """The weights that a training starts from are the same with thresholds of either kind."""
    states = [
        method_of(task_of(tmp_path, told, mapped_data())).adapted.state_dict()
        for told in ({}, {**NO_THRESHOLDS, "coverage": 0.5})
    ]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_the_thresholds_of_a_data_set_are_its_own(tmp_path: Path) -> None:
    told = {"joint_threshold": {"default": 0.1, "boxes": 0.7}, "point_factor": {"default": 0.3, "other": 1}}
    found = method_of(task_of(tmp_path, told)).thresholds
    assert (found.joint, found.point_factor, found.pictures) == (0.7, 0.3, 0.3)


def test_the_start_is_the_earlier_point_encoder_and_the_trained_tower(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    student: Any = method_of(task_of(tmp_path, {"start": "earlier"})).adapted.student
    for network, file, prefix in ((student.points, "point", ""), (student.pictures, "pictures", "vit.")):
        stored = load_file(tmp_path / f"{file}.safetensors")
        found = network.state_dict()
        assert all(torch.equal(value, stored[f"{prefix}{name}"]) for name, value in found.items())
    columns = student.classifier.detach().norm(dim=0)
    torch.testing.assert_close(columns, torch.ones(len(NAMES)))
    assert student.log_scale.exp().item() == pytest.approx(20)


def test_one_view_of_each_object_is_enough(tmp_path: Path) -> None:
    method, batch = steady(tmp_path, data=data_of(drawn_pictures(num_views=1)))
    assert torch.equal(
        batch.pictures.weak, batch_of(task_of(tmp_path, data=data_of(drawn_pictures(num_views=1)))).pictures.weak
    )
    assert method.loss(batch, draw()).total.isfinite()


def test_a_class_that_is_never_predicted_keeps_the_loss_finite(tmp_path: Path) -> None:
    method, batch = steady(tmp_path)
    student = method.adapted.student
    with torch.no_grad():
        student.classifier[:, 2] = -1e4 * student.points.encode(batch.points).feature.mean(0)
    found = method.loss(batch, draw())
    assert found.total.isfinite() and found.terms["fairness/points"] > 5
    assert all(value is not None and value.isfinite().all() for value in gradients(method, found).values())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"data": lambda: mapped_data(), "objective": {"trunk_rate": 1.0}}, ConfigError, "need a frozen trunk"),
        ({"encoder": {"out_dim": WIDTH + 1}}, ConfigError, f"encoder.out_dim.*expected: {WIDTH}"),
        ({"data": lambda: data_of(class_features=np.ones((4, 7), np.float32))}, ConfigError, "another tower.*7 wide"),
        ({"data": lambda: data_of(points=points(5))}, BadCloud, "fewer points than groups"),
        ({"encoder": {"name": "pointnet"}}, ConfigError, "point transformer"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, options: dict[str, Any], error: Any, words: str) -> None:
    told = {key: value() if callable(value) else value for key, value in options.items()}
    if "name" in told.get("encoder", {}):
        task = task_of(tmp_path)
        run = {**task.run, "encoder": {"name": "pointnet"}}
        task = replace(task, run=run)
    else:
        task = task_of(tmp_path, **told)
    with pytest.raises(error, match=f"(?s){words}"):
        method_of(task).loss(batch_of(task), draw())


def test_too_small_clouds_are_named_before_the_first_step_where_thresholds_follow_from_coverage(tmp_path: Path) -> None:
    with pytest.raises(BadCloud, match="fewer points than groups"):
        method_of(task_of(tmp_path, {**NO_THRESHOLDS, "coverage": 0.5}, data_of(points=points(5))))


def test_a_record_of_labels_is_no_part_of_the_loss(tmp_path: Path) -> None:
    method, batch = steady(tmp_path)
    found = [method.loss(one, draw()) for one in (batch, without_labels(batch))]
    assert torch.equal(found[0].total, found[1].total)
    extra = set(found[0].terms) - set(found[1].terms)
    assert extra == {"right/pictures", "right/points", "right/from_points", "vote/pictures", "vote/points"}
    known = replace(batch, labels=None)
    votes = method.labels_given[batch.units]
    assert known.labels is None and batch.labels is not None
    share = (votes[:, 0] == batch.labels).float().mean()
    assert torch.equal(found[0].terms["vote/pictures"], share)
    assert batch.points.shape[1] == NUM_POINTS and isinstance(task_of(tmp_path).data.pictures, DrawnPictures)


def test_labels_of_all_processes_are_exported(tmp_path: Path) -> None:
    """The other process has the other half of the objects, and says the same of them."""
    task = task_of(tmp_path, encoder=STEADY)
    method, half = method_of(task), NUM_OBJECTS // 2
    batch = task.units.read(np.arange(half), draw())

    def gather(rows: Tensor) -> tuple[Tensor, int]:
        if rows.dtype != torch.float64:
            return rows, 0
        others = rows.clone()
        others[:, 0] += half
        return torch.cat([rows, others]), 0

    method.gather = gather
    method.loss(batch, draw())
    found = method.exports(1)["pseudo_labels"]
    assert found["unit"].tolist() == list(range(2 * half)) and (found["picture_confidence"] > 0).all()
    for name in set(found) - {"unit"}:
        np.testing.assert_array_equal(found[name][:half], found[name][half:])


@pytest.mark.parametrize("only", ["pictures", "points"])
def test_labels_of_a_branch_that_is_trained_alone_are_exported(tmp_path: Path, only: str) -> None:
    method, batch = steady(tmp_path, {**ALONE, "only": only})
    method.loss(batch, draw())
    found = method.exports(1)["pseudo_labels"]
    mine, other = ("point", "picture") if only == "points" else ("picture", "point")
    assert found["unit"].tolist() == sorted(batch.units.tolist())
    assert (found[f"{mine}_label"] >= 0).all() and (found[f"{other}_label"] == -1).all()
    np.testing.assert_array_equal(found["label"], found[f"{mine}_label"])
    assert (found["from_points"] == (only == "points")).all() and not found[f"{other}_kept"].any()


@pytest.mark.parametrize("labels", ["joint", "random", "from_pictures", "from_points"])
def test_an_exported_label_says_whose_it_is_and_how_sure(tmp_path: Path, labels: str) -> None:
    method, batch = steady(tmp_path, {"labels": labels, "point_factor": 0.9})
    method.loss(batch, draw())
    found = method.exports(1)["pseudo_labels"]
    for row in range(len(found["unit"])):
        votes = {False: ("picture", 1.0), True: ("point", 0.9)}
        name, factor = votes[bool(found["from_points"][row])]
        assert found["label"][row] == found[f"{name}_label"][row]
        assert found["confidence"][row] == pytest.approx(factor * found[f"{name}_confidence"][row])
        if labels == "joint":
            assert found["confidence"][row] >= max(
                found["picture_confidence"][row], 0.9 * found["point_confidence"][row]
            )
    if labels.startswith("from"):
        assert (found["from_points"] == (labels == "from_points")).all()
