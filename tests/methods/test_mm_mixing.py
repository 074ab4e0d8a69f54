import math
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch, Targets
from concord3d.errors import BadCloud, ConfigError, DatasetError
from concord3d.geometry.mixing.settings import OPERATORS
from concord3d.losses.info_nce import info_nce, unit_rows
from concord3d.losses.mixed_info_nce import mixture
from concord3d.methods.interface import Context
from concord3d.methods.mm_mixing import method as mm_mixing
from concord3d.methods.mm_mixing.method import MMMixing, build
from concord3d.methods.mm_mixing.settings import MMMixingSettings
from concord3d.methods.settings import method_settings
from concord3d.models.point_transformer import PointTransformer
from concord3d.models.pointnet import PointNet
from concord3d.models.projected import ProjectedEncoder

NUM_OBJECTS, NUM_POINTS, DIM = 8, 16, 6
STAGES = ("align", "feature", "dual", "joint")
# Transforms that leave a cloud as it is.
STILL = {"max_dropout": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "rotation_sigma": 0.0, "spin": 0.0}


class TinyEncoder(nn.Module):
    def __init__(self, in_channels: int = 6, dim: int = DIM, norm: bool = False) -> None:
        super().__init__()
        self.in_channels, self.feature_dim = in_channels, dim
        self.lift = nn.Linear(in_channels, 16)
        self.norm = nn.BatchNorm1d(16) if norm else nn.Identity()
        self.out = nn.Linear(16, dim)
        self.seen: list[Tensor] = []

    def forward(self, points: Tensor) -> Tensor:
        self.seen.append(points.detach())
        return self.out(self.norm(self.lift(points).relu().mean(dim=1)))


class Fixed(nn.Module):
    """An encoder that knows the answer, whatever the clouds."""

    in_channels, feature_dim = 3, DIM

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer.clone())
        self.asked = 0

    def forward(self, points: Tensor) -> Tensor:
        answer = self.answer[self.asked : self.asked + len(points)]
        self.asked = (self.asked + len(points)) % len(self.answer)
        return answer


def method(in_channels: int = 6, teacher: nn.Module | None = None, **changes: Any) -> MMMixing:
    torch.manual_seed(0)
    if changes.get("stage") == "dual" and teacher is None:
        changes.setdefault("w_teacher", 0.0)
    return MMMixing(MMMixingSettings(**changes), TinyEncoder(in_channels), NUM_POINTS, teacher)


Given = tuple[ObjectBatch, torch.Generator]


def batch(num_objects: int = NUM_OBJECTS, seed: int = 0, has_text: Tensor | None = None, colors: bool = True) -> Given:
    """A batch, and the generator of its step."""
    draw = torch.Generator().manual_seed(9)
    points = torch.randn(num_objects, 2 * NUM_POINTS, 3, generator=draw)
    rgb = torch.randint(0, 256, points.shape, dtype=torch.uint8, generator=draw)
    image, text = (torch.randn(num_objects, DIM, generator=draw) for _ in range(2))
    has = torch.ones(num_objects, dtype=torch.bool) if has_text is None else has_text
    targets = Targets(image, torch.where(has[:, None], text, 0.0), has)
    colours = rgb if colors else None
    return ObjectBatch(points, colors=colours, targets=targets), torch.Generator().manual_seed(seed)


class Spy:
    """Records the arguments and results of a function of the method's module, and calls it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.calls: list[tuple[tuple[Any, ...], Any]] = []
        original = getattr(mm_mixing, name)

        def record(*arguments: Any) -> Any:
            result = original(*arguments)
            self.calls.append((arguments, result))
            return result

        monkeypatch.setattr(mm_mixing, name, record)


def terms_of(model: MMMixing, **options: Any) -> dict[str, Tensor]:
    return model.loss(*batch(**options)).terms


def test_align_is_the_sum_of_both_alignments_of_the_augmented_clouds() -> None:
    model = method()
    loss = model.loss(*batch())
    clouds = model.point_encoder.seen[0]
    features, targets = model.point_encoder(clouds), batch()[0].targets
    assert clouds.shape == (NUM_OBJECTS, NUM_POINTS, 6)
    expected = info_nce(features, targets.image, model.logit_scale()) + info_nce(
        features, targets.text, model.logit_scale()
    )
    torch.testing.assert_close(loss.total, expected)
    assert set(loss.terms) == {"clean_image", "clean_text", "logit_scale"}
    assert loss.terms["logit_scale"].item() == pytest.approx(14.28, rel=1e-5)


@pytest.mark.parametrize("targets", ["mixed", "soft_label"])
@pytest.mark.parametrize("texts", ["all", "some"])
def test_with_lambda_one_the_mixed_loss_of_stage_one_is_the_loss_without_mixing(targets: str, texts: str) -> None:
    has = None if texts == "all" else torch.arange(NUM_OBJECTS) % 3 > 0
    found = terms_of(method(stage="feature", lambda_fixed=1.0, targets=targets), has_text=has)
    torch.testing.assert_close(found["feature_image"], found["clean_image"])
    torch.testing.assert_close(found["feature_text"], found["clean_text"])


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("targets", ["mixed", "soft_label"])
def test_with_lambda_one_stage_two_sees_clean_clouds_and_clean_targets(operator: str, targets: str) -> None:
    model = method(stage="dual", lambda_fixed=1.0, mix_probability=1.0, operator=operator, targets=targets)
    found = terms_of(model)
    model = method(stage="align")
    expected = terms_of(model)
    torch.testing.assert_close(found["input_image"], expected["clean_image"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["input_text"], expected["clean_text"], atol=1e-4, rtol=1e-4)


def test_points_that_equal_their_images_stay_equal_under_mixing() -> None:
    image = batch()[0].targets.image
    model = MMMixing(MMMixingSettings(stage="feature", modalities="image"), Fixed(image), NUM_POINTS)
    with torch.no_grad():
        model.logit_scale.log_scale.fill_(math.log(100))
    order = torch.randperm(NUM_OBJECTS, generator=torch.Generator().manual_seed(3))
    for ratio in torch.linspace(0, 1, 11):
        mixed = [mixture(side, side[order], ratio.expand(NUM_OBJECTS)) for side in (model.point_encoder.answer, image)]
        torch.testing.assert_close((mixed[0] * mixed[1]).sum(1), torch.ones(NUM_OBJECTS))
    # Both losses then stand where they are smallest: every row is its own target.
    found = model.loss(*batch()).terms
    assert found["clean_image"] < 0.05 and found["feature_image"] < 0.1


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("stage", ["dual", "joint"])
def test_the_realised_ratio_mixes_the_targets(monkeypatch: pytest.MonkeyPatch, operator: str, stage: str) -> None:
    mixing, contrasts = Spy(monkeypatch, "mix_clouds"), Spy(monkeypatch, "mixed_info_nce")
    method(stage=stage, operator=operator).loss(*batch())
    ((name, first, second, *_), mixed) = mixing.calls[0]
    assert name == operator and len(first) == len(second) == NUM_OBJECTS // 2
    used = [arguments[3] for arguments, _ in contrasts.calls][-2:]
    assert all(torch.equal(ratio, mixed.ratio) for ratio in used)


def test_a_dropped_point_does_not_count_in_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    mixing = Spy(monkeypatch, "mix_clouds")
    method(stage="dual").loss(*batch())
    arguments, mixed = mixing.calls[0]
    assert (arguments[-1][0] == 0).sum() > NUM_OBJECTS // 2, "points are dropped"
    for pair, (cloud, from_first) in enumerate(zip(mixed.points, mixed.from_first, strict=True)):
        of_first, of_second = (
            len({tuple(point) for point in cloud[own].tolist()}) for own in (from_first, ~from_first)
        )
        assert mixed.ratio[pair] == pytest.approx(of_first / (of_first + of_second))


@pytest.mark.parametrize("stage", ["feature", "dual", "joint"])
def test_nothing_meets_itself_and_no_pair_occurs_both_ways(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    pairing = Spy(monkeypatch, "paired_in_circle")
    model = method(stage=stage, mix_probability=0.6)
    for seed in range(5):
        model.loss(*batch(seed=seed))
    sizes = {"feature": {NUM_OBJECTS}, "dual": {5}, "joint": {3, 5}}[stage]
    assert {len(pairs.first) for _, pairs in pairing.calls} == sizes
    for _, pairs in pairing.calls:
        both_ways = {tuple(pair) for pair in torch.stack(pairs).T.tolist()}
        assert not any((b, a) in both_ways for a, b in both_ways)


def test_features_and_targets_of_a_pair_are_mixed_with_one_partner_and_one_lambda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairing, contrasts = Spy(monkeypatch, "paired_in_circle"), Spy(monkeypatch, "mixed_info_nce")
    model = method(stage="feature")
    model.loss(*batch())
    features, targets = model.point_encoder(model.point_encoder.seen[0]), batch()[0].targets
    (_, pairs), (image, text) = pairing.calls[0], contrasts.calls
    ratio = image[0][3]
    assert torch.equal(ratio, text[0][3]) and len(ratio.unique()) == NUM_OBJECTS
    torch.testing.assert_close(image[0][0], mixture(features[pairs.first], features[pairs.second], ratio))
    for (arguments, _), side in ((image, targets.image), (text, targets.text)):
        assert torch.equal(arguments[1], side[pairs.first]) and torch.equal(arguments[2], side[pairs.second])


def test_one_lambda_may_serve_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    contrasts = Spy(monkeypatch, "mixed_info_nce")
    method(stage="feature", lambda_per="batch").loss(*batch())
    assert len(contrasts.calls[0][0][3].unique()) == 1


def test_beta_decides_how_far_lambda_is_from_a_half(monkeypatch: pytest.MonkeyPatch) -> None:
    contrasts = Spy(monkeypatch, "mixed_info_nce")
    for beta in (1000.0, 0.01):
        method(stage="feature", beta=beta).loss(*batch())
    near, far = (contrasts.calls[call][0][3] for call in (0, 2))
    assert ((near - 0.5).abs() < 0.1).all() and ((far - 0.5).abs() > 0.4).any()


def test_the_ranges_of_the_augmentation_are_those_of_the_settings() -> None:
    ranges = {"scale": (0.5, 0.6), "shift": 0.01, "rotation_sigma": 0.02, "rotation_clip": 0.03, "spin": 0.04}
    assert asdict(method(**ranges).augmentation) == ranges


@pytest.mark.parametrize("stage", STAGES)
def test_every_contrast_gathers_over_processes_and_holds_as_many_rows_as_set(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    clean, mixed = Spy(monkeypatch, "info_nce"), Spy(monkeypatch, "mixed_info_nce")
    model = method(stage=stage, chunk_size=3, teacher=TinyEncoder() if stage == "dual" else None)
    model.gather = lambda embeddings: (embeddings, 0)
    model.loss(*batch())
    assert len(clean.calls) == 2 and len(mixed.calls) == {"align": 0, "feature": 2, "dual": 3, "joint": 4}[stage]
    for arguments, _ in clean.calls:
        assert arguments[3] is model.gather and arguments[5] == 3
    for arguments, _ in mixed.calls:
        assert arguments[7] is model.gather and arguments[8] == 3


def test_one_forward_pass_serves_mixed_and_clean_clouds_and_another_the_teacher() -> None:
    teacher = TinyEncoder()
    model = method(stage="dual", teacher=teacher, mix_probability=0.5)
    model.loss(*batch())
    assert [len(seen) for seen in model.point_encoder.seen] == [NUM_OBJECTS]
    assert [len(seen) for seen in teacher.seen] == [NUM_OBJECTS]
    model = method(stage="dual", w_clean=0.0)
    model.loss(*batch())
    assert [len(seen) for seen in model.point_encoder.seen] == [NUM_OBJECTS // 2]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_teacher_term_meets_mixtures_of_the_teachers_features_of_the_clean_clouds(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    contrasts, mixing = Spy(monkeypatch, "mixed_info_nce"), Spy(monkeypatch, "mix_clouds")
    teacher = TinyEncoder()
    model = method(stage="dual", teacher=teacher, mix_probability=share)
    model.loss(*batch())
    (_, first, second, *_), mixed = mixing.calls[0]
    _, left, right, ratio, *_ = contrasts.calls[-1][0]
    torch.testing.assert_close(left, teacher(first))
    torch.testing.assert_close(right, teacher(second))
    assert torch.equal(ratio, mixed.ratio)


def test_the_teacher_stays_frozen_outside_of_the_state_and_moves_with_the_method() -> None:
    teacher = TinyEncoder(norm=True)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    model = method(stage="dual", teacher=teacher).train()
    model.loss(*batch()).total.backward()
    assert not teacher.training and all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    own = {id(parameter) for parameter in model.parameters()}
    assert own.isdisjoint({id(parameter) for parameter in teacher.parameters()})
    assert set(model.state_dict()) == {
        *(f"point_encoder.{name}" for name in model.point_encoder.state_dict()),
        "logit_scale.log_scale",
        "teacher_scale.log_scale",
    }
    model.double()
    assert {parameter.dtype for parameter in teacher.parameters()} == {torch.float64}


@pytest.mark.parametrize("targets", ["mixed", "soft_label"])
@pytest.mark.parametrize("stage", STAGES)
def test_no_gradient_reaches_the_targets(stage: str, targets: str) -> None:
    example, draw = batch()
    for side in example.targets[:2]:
        side.requires_grad_()
    method(stage=stage, targets=targets).loss(example, draw).total.backward()
    assert all(side.grad is None for side in example.targets[:2])


@pytest.mark.parametrize("targets", ["mixed", "soft_label"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("lambda_fixed", [None, 0.0, 1.0])
def test_what_stands_in_the_place_of_missing_texts_is_never_read(
    stage: str, targets: str, lambda_fixed: float | None
) -> None:
    has = torch.arange(NUM_OBJECTS) % 3 > 0
    results = []
    for filling in (0.0, 5.0, torch.nan):
        model = method(stage=stage, targets=targets, lambda_fixed=lambda_fixed)
        example, draw = batch(has_text=has)
        example.targets.text[~has] = filling
        loss = model.loss(example, draw)
        loss.total.backward()
        results.append((loss.total.detach(), [parameter.grad for parameter in model.parameters()]))
    assert torch.isfinite(results[0][0])
    for total, gradients in results[1:]:
        torch.testing.assert_close(total, results[0][0])
        for mine, theirs in zip(gradients, results[0][1], strict=True):
            torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_without_any_text_trains_on_images_alone(stage: str) -> None:
    nothing = torch.zeros(NUM_OBJECTS, dtype=torch.bool)
    model = method(stage=stage)
    loss = model.loss(*batch(has_text=nothing))
    loss.total.backward()
    assert {name for name, term in loss.terms.items() if term == 0} == {n for n in loss.terms if n.endswith("_text")}
    assert loss.total > 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_a_batch_without_any_text_teaches_a_loss_on_texts_nothing() -> None:
    model = method(stage="feature", modalities="text", w_clean=0.0)
    loss = model.loss(*batch(has_text=torch.zeros(NUM_OBJECTS, dtype=torch.bool)))
    loss.total.backward()
    assert loss.total.item() == 0
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in model.parameters())


def test_a_single_object_has_no_loss_to_align_and_no_partner_to_mix_with() -> None:
    assert method(stage="align").loss(*batch(1)).total.item() == pytest.approx(0, abs=1e-6)
    assert method(stage="dual", mix_probability=0.0).loss(*batch(1)).total.item() == pytest.approx(0, abs=1e-6)
    for stage in ("feature", "dual", "joint"):
        with pytest.raises(ConfigError, match=r"(?s)needs a partner.*training.batch_size"):
            method(stage=stage).loss(*batch(1))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("num_objects", [2, 3])
def test_two_or_three_objects_are_enough(stage: str, num_objects: int) -> None:
    model = method(stage=stage)
    loss = model.loss(*batch(num_objects))
    loss.total.backward()
    assert torch.isfinite(loss.total)


@pytest.mark.parametrize("share, pairs", [(0.0, 0), (0.01, 1), (0.25, 2), (0.5, 4), (0.75, 6), (0.99, 7), (1.0, 8)])
def test_the_mix_probability_divides_the_batch(monkeypatch: pytest.MonkeyPatch, share: float, pairs: int) -> None:
    contrasts = Spy(monkeypatch, "mixed_info_nce")
    model = method(stage="dual", mix_probability=share, teacher=TinyEncoder())
    loss = model.loss(*batch())
    loss.total.backward()
    assert len(model.point_encoder.seen[0]) == NUM_OBJECTS
    assert {len(arguments[0]) for arguments, _ in contrasts.calls} == {pairs}
    assert (loss.terms["input_image"] == 0) == (pairs < 2) and (loss.terms["clean_image"] == 0) == (pairs > 6)
    assert all(parameter.grad is not None for parameter in model.parameters())


WEIGHTS = {"w_clean": 0.3, "w_mix": 2.0, "w_teacher": 0.7}
NAMES = {
    "align": {"clean_image": 0.3, "clean_text": 0.3},
    "feature": {"clean_image": 0.3, "clean_text": 0.3, "feature_image": 2.0, "feature_text": 2.0},
    "dual": {"clean_image": 0.3, "clean_text": 0.3, "input_image": 2.0, "input_text": 2.0, "input_teacher": 0.7},
    "joint": {
        "clean_image": 0.3,
        "clean_text": 0.3,
        "feature_image": 2.0,
        "feature_text": 2.0,
        "input_image": 2.0,
        "input_text": 2.0,
    },
}


@pytest.mark.parametrize(
    "stage, off",
    [(stage, off) for stage in STAGES for off in (None, "w_clean", "w_mix") if (stage, off) != ("align", "w_clean")],
)
@pytest.mark.parametrize("targets", ["mixed", "soft_label"])
@pytest.mark.parametrize("modalities", ["both", "text", "image"])
def test_terms_have_names_and_weights_and_every_parameter_a_gradient(
    stage: str, targets: str, modalities: str, off: str | None
) -> None:
    weights = {**WEIGHTS, **({off: 0.0} if off else {})}
    model = method(
        stage=stage,
        targets=targets,
        modalities=modalities,
        teacher=TinyEncoder() if stage == "dual" else None,
        **weights,
    )
    loss = model.loss(*batch())
    expected = {
        name: weight
        for name, weight in NAMES[stage].items()
        if not (off == "w_clean" and weight == 0.3)
        and not (off == "w_mix" and weight == 2.0)
        and (weight != 2.0 or modalities == "both" or name.endswith(modalities))
    }
    assert set(loss.terms) == {*expected, "logit_scale"}
    total = sum(weight * loss.terms[name] for name, weight in expected.items())
    torch.testing.assert_close(loss.total.detach(), total)
    loss.total.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_colour_is_kept_or_lost_by_both_clouds_of_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    mixing = Spy(monkeypatch, "mix_clouds")
    model = method(stage="dual", mix_probability=1.0)
    for seed in range(8):
        model.loss(*batch(seed=seed))
    grey = [[(c[..., 3:] == 0.4).all(2).all(1) for c in arguments[1:3]] for arguments, _ in mixing.calls]
    first, second = (torch.cat(side) for side in zip(*grey, strict=True))
    assert torch.equal(first, second)
    assert first.float().mean().item() == pytest.approx(0.5, abs=0.2)
    # In a mixed cloud of a pair that keeps its colour, every colour belongs to one of the two objects.
    arguments, mixed = mixing.calls[0]
    for clouds in zip(*arguments[1:3], mixed.points, strict=True):
        own = {tuple(row) for cloud in clouds[:2] for row in cloud[:, 3:].tolist()}
        assert {tuple(row) for row in clouds[2][:, 3:].tolist()} <= own


@pytest.mark.parametrize("probability, value", [(0.0, 0.4), (1.0, 0.25)])
def test_the_grey_probability_and_value_reach_the_clouds(probability: float, value: float) -> None:
    model = method(grey_probability=probability, grey_value=value)
    model.loss(*batch())
    colors = model.point_encoder.seen[0][..., 3:]
    assert bool((colors == value).all()) == (probability == 1)


def test_clouds_without_colour_are_grey_and_an_encoder_of_three_channels_sees_coordinates() -> None:
    model = method(stage="dual", grey_probability=0.0)
    model.loss(*batch(colors=False))
    assert (model.point_encoder.seen[0][..., 3:] == 0.4).all()
    for stage in STAGES:
        model = method(3, stage=stage)
        model.loss(*batch())
        assert model.point_encoder.seen[0].shape == (NUM_OBJECTS, NUM_POINTS, 3)


def test_each_cloud_is_normalised_and_its_ranges_come_from_the_settings() -> None:
    model = method(3, **{**STILL, "scale": (2.0, 2.0)})
    model.loss(*batch())
    radius = model.point_encoder.seen[0].norm(dim=2).amax(1)
    torch.testing.assert_close(radius, torch.full((NUM_OBJECTS,), 2.0))
    with pytest.raises(BadCloud, match="fewer points"):
        MMMixing(MMMixingSettings(), TinyEncoder(), 2 * NUM_POINTS + 1).loss(*batch())


@pytest.mark.parametrize("stage", STAGES)
def test_the_generator_decides_the_loss(stage: str) -> None:
    model = method(stage=stage)
    first, again, other = (model.loss(*batch(seed=seed)).total for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("stage", STAGES)
def test_coordinates_and_loss_keep_float32_under_bf16_and_chunks_change_nothing(stage: str) -> None:
    whole, chunked = (method(stage=stage, chunk_size=chunk) for chunk in (None, 3))
    torch.testing.assert_close(whole.loss(*batch()).total, chunked.loss(*batch()).total)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = whole.loss(*batch()).total
    assert loss.dtype == torch.float32
    assert torch.equal(whole.point_encoder.seen[0], whole.point_encoder.seen[1])


def test_held_out_figures_of_an_encoder_that_knows_the_answer_and_of_a_constant_one() -> None:
    example, draw = batch(40, has_text=torch.arange(40) % 4 > 0)
    facts = MMMixingSettings()
    knowing = MMMixing(facts, Fixed(example.targets.image), NUM_POINTS).eval()
    with torch.no_grad():
        found = knowing.held_out(example, draw)
    assert found["cosine_image"] == pytest.approx(1) and found["r1_point_to_image"] == 100
    assert found["r1_image_to_point"] == 100 and found["r1_chance_image"] == 2.5
    assert found["r1_chance_text"] == pytest.approx(100 / 30)
    has = example.targets.has_text
    cosines = unit_rows(example.targets.image[has]) * unit_rows(example.targets.text[has])
    assert found["cosine_text"] == pytest.approx(cosines.sum(1).mean().item(), abs=1e-6)
    constant = MMMixing(facts, Fixed(torch.ones(40, DIM)), NUM_POINTS).eval()
    with torch.no_grad():
        found = constant.held_out(example, draw)
    assert found["r1_image_to_point"] == pytest.approx(2.5) and found["r1_point_to_image"] == pytest.approx(2.5)


def test_held_out_figures_without_texts_say_nothing_about_texts_and_nothing_is_augmented() -> None:
    model = method().eval()
    with torch.no_grad():
        found = model.held_out(*batch(has_text=torch.zeros(NUM_OBJECTS, dtype=torch.bool)))
        model.held_out(*batch(seed=5))
    assert found and all("text" not in name for name in found)
    assert torch.equal(model.point_encoder.seen[0], model.point_encoder.seen[1])
    torch.testing.assert_close(model.point_encoder.seen[0][..., 3:], batch()[0].colors[:, :NUM_POINTS] / 255)


# Four classes of boxes with their own extents; prototypes with noise stand for the towers' features.
PROTOTYPES = torch.randn(4, DIM, generator=torch.Generator().manual_seed(1))
EXTENTS = torch.tensor([[1, 0.2, 0.2], [0.2, 1, 0.2], [1, 1, 0.2], [1, 1, 1]])


def boxes(step: int) -> tuple[Given, Tensor]:
    """A batch of boxes, the generator of its step, and the classes of its objects."""
    source = torch.Generator().manual_seed(step)
    labels = torch.randint(4, (24,), generator=source)
    points = (torch.rand(24, 2 * NUM_POINTS, 3, generator=source) - 0.5) * EXTENTS[labels][:, None]
    noisy = [PROTOTYPES[labels] + 0.1 * torch.randn(24, DIM, generator=source) for _ in range(2)]
    targets = Targets(noisy[0], noisy[1], torch.rand(24, generator=source) > 0.2)
    return (ObjectBatch(points, targets=targets), source), labels


def accuracy_on_boxes(encoder: nn.Module) -> float:
    (example, _), labels = boxes(10_000)
    model = MMMixing(MMMixingSettings(), encoder, NUM_POINTS).eval()
    with torch.no_grad():
        features = unit_rows(encoder(model._load(example, None)))
    return float(((features @ unit_rows(PROTOTYPES).T).argmax(1) == labels).float().mean())


def train_on_boxes(encoder: nn.Module, teacher: nn.Module | None = None, **told: Any) -> nn.Module:
    model = MMMixing(MMMixingSettings(spin=0.0, max_dropout=0.3, **told), encoder, NUM_POINTS, teacher)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(80):
        optimizer.zero_grad()
        model.loss(*boxes(step)[0]).total.backward()
        optimizer.step()
    return encoder


@pytest.mark.parametrize("operator", ["point_cut_mix_r", "point_mixup"])
def test_both_stages_learn_classes_from_prototypes(operator: str) -> None:
    def train(stage: str, teacher: nn.Module | None) -> nn.Module:
        torch.manual_seed(2)
        encoder = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 32))
        whole = ProjectedEncoder(_Pooled(encoder), DIM)
        return train_on_boxes(whole, teacher, stage=stage, operator=operator)

    first = train("feature", None)
    second = train("dual", first)
    assert accuracy_on_boxes(first) > 0.6 and accuracy_on_boxes(second) > 0.6


def test_the_point_tower_of_cross_most_learns_classes_by_alignment_alone() -> None:
    torch.manual_seed(2)
    tower = PointTransformer(DIM, num_groups=6, group_size=6, token_width=16, width=24, depth=2, num_heads=3)
    assert built(tower).point_encoder is tower
    before = accuracy_on_boxes(tower)
    train_on_boxes(tower, stage="align")
    assert before < 0.6 < 0.8 < accuracy_on_boxes(tower)
    with pytest.raises(ConfigError, match=rf"(?s)differ in width.*encoder.out_dim: {DIM + 1}"):
        built(tower, dim=DIM + 1)


class _Pooled(nn.Module):
    in_channels, feature_dim = 3, 32

    def __init__(self, points: nn.Module) -> None:
        super().__init__()
        self.points = points

    def forward(self, clouds: Tensor) -> Tensor:
        return self.points(clouds).amax(dim=1)


@dataclass(frozen=True)
class Told(Context):
    """What the method is told, with an encoder that is there already."""

    given: nn.Module = field(default_factory=TinyEncoder)

    def point_encoder(self) -> nn.Module:
        return self.given


def built(
    encoder: nn.Module | None = None, teacher: nn.Module | None = None, dim: int = DIM, **changes: Any
) -> MMMixing:
    needs = {} if teacher is None else {"teacher": SimpleNamespace(module=lambda: teacher)}
    data = SimpleNamespace(target_dim=dim)
    told = Told({}, {"num_points": NUM_POINTS}, data, needs=needs, given=encoder or TinyEncoder())
    return build(MMMixingSettings(**changes), told)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"w_claen": 1}, "did you mean 'w_clean'"),
        ({"mixing": {"match_pionts": 9}}, r"(?s)'mixing\.match_pionts'; did you mean 'match_points'.*where: objective"),
        ({"operator": "cutmix"}, "'operator'.*found 'cutmix'"),
        ({"operator": "point_mixupp"}, "did you mean 'point_mixup'"),
        ({"scale": [2.0, 1.0]}, "'scale'.*the lower end first"),
        ({"lambda_fixed": 1.5}, "'lambda_fixed'.*found 1.5"),
        ({"beta": 0}, "'beta'.*greater than 0.*found 0"),
        ({"beta": -3}, "'beta'.*greater than 0.*found -3"),
        ({"stage": "two"}, "'stage'.*found 'two'"),
        ({"w_clean": float("nan")}, "'w_clean'"),
    ],
)
def test_settings_are_checked_and_the_nearest_name_given(objective: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_settings("mm_mixing", objective)


def test_settings_of_the_operators_reach_the_method() -> None:
    model = built(mixing={"match_points": 9}, scale=[1.0, 1.0])
    assert model.settings.mixing.match_points == 9 and model.settings.reads_targets
    assert model.saved() == {"point": model.point_encoder}


@pytest.mark.parametrize(
    "settings",
    [
        {"stage": "align", "w_clean": 0},
        {"stage": "feature", "w_clean": 0, "w_mix": 0},
        {"stage": "dual", "w_clean": 0, "mix_probability": 0, "w_teacher": 0},
        {"stage": "dual", "w_mix": 0, "mix_probability": 1, "w_teacher": 0},
        {"stage": "joint", "w_clean": 0, "w_mix": 0},
    ],
)
def test_an_objective_without_terms_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="nothing to train"):
        method_settings("mm_mixing", settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"stage": "feature", "targets": "mixed_shared"},
        {"stage": "joint", "targets": "mixed_shared"},
        {"stage": "dual", "targets": "mixed_shared", "w_clean": 0.5},
        {"stage": "dual", "targets": "mixed_shared", "w_clean": 0.0, "w_mix": 0.0},
        {"stage": "dual", "targets": "mixed_shared", "modalities": "text"},
        {"stage": "dual_warm", "w_teacher": 0.0},
    ],
)
def test_switches_that_do_not_fit_together_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"mixed_shared needs|dual_warm starts|nothing to train"):
        method_settings("mm_mixing", settings)


def test_a_warm_start_has_the_weights_of_its_teacher_and_leaves_them_alone() -> None:
    teacher, encoder = TinyEncoder(norm=True), TinyEncoder(norm=True)
    with torch.no_grad():
        teacher.lift.weight.fill_(0.5)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    model = built(encoder, stage="dual_warm", teacher=teacher)
    assert all(torch.equal(model.point_encoder.state_dict()[name], value) for name, value in before.items())
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model.loss(*batch()).total.backward()
    optimizer.step()
    assert not torch.equal(model.point_encoder.lift.weight, before["lift.weight"])
    assert all(torch.equal(teacher.state_dict()[name], value) for name, value in before.items())
    cold = built(TinyEncoder(norm=True), stage="dual", teacher=teacher)
    assert not torch.equal(cold.point_encoder.lift.weight, before["lift.weight"])


@pytest.mark.parametrize("texts", ["all", "some"])
def test_one_set_of_candidates_holds_the_targets_of_clouds_mixed_and_unmixed(
    monkeypatch: pytest.MonkeyPatch, texts: str
) -> None:
    has = None if texts == "all" else torch.arange(NUM_OBJECTS) % 3 > 0
    contrasts, mixing = Spy(monkeypatch, "mixed_info_nce"), Spy(monkeypatch, "mix_clouds")
    model = method(stage="dual", targets="mixed_shared", mix_probability=0.25, teacher=TinyEncoder())
    example, draw = batch(has_text=has)
    loss = model.loss(example, draw)
    assert set(loss.terms) == {"shared_image", "shared_text", "input_teacher", "logit_scale"}
    # Who is mixed with whom is found again by the targets.
    _, first, second, ratio, *_ = contrasts.calls[0][0]
    row = {tuple(target.tolist()): index for index, target in enumerate(example.targets.image)}
    of_first, of_second = ([row[tuple(target.tolist())] for target in side] for side in (first, second))
    num_mixed = len(mixing.calls[0][1].ratio)
    assert num_mixed == 2 and torch.equal(ratio[:2], mixing.calls[0][1].ratio) and bool((ratio[2:] == 1).all())
    assert sorted(of_first) == list(range(NUM_OBJECTS)) and of_first[num_mixed:] == of_second[num_mixed:]
    features = model.point_encoder(model.point_encoder.seen[0])
    for name, targets in (("image", example.targets.image), ("text", example.targets.text)):
        present = [
            name == "image" or bool(example.targets.has_text[a] and example.targets.has_text[b])
            for a, b in zip(of_first, of_second, strict=True)
        ]
        rows = [index for index in range(NUM_OBJECTS) if present[index]]
        one, other = (targets[torch.tensor(side)[rows]] for side in (of_first, of_second))
        wanted = mixture(one, other, ratio[rows])
        expected = info_nce(features[rows], wanted, model.logit_scale())
        torch.testing.assert_close(loss.terms[f"shared_{name}"], expected.detach())
    shared = loss.terms["shared_image"] + loss.terms["shared_text"]
    torch.testing.assert_close(loss.total.detach(), 2 * shared + loss.terms["input_teacher"])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_without_mixing_the_shared_loss_is_twice_that_of_no_mixing_on_the_same_clouds(share: float) -> None:
    model = method(stage="dual", targets="mixed_shared", lambda_fixed=1.0, mix_probability=share, **STILL)
    found = model.loss(*batch())
    plain = method(stage="align", **STILL).loss(*batch())
    torch.testing.assert_close(found.terms["shared_image"], plain.terms["clean_image"])
    torch.testing.assert_close(found.total, 2 * plain.total)


def test_a_teacher_is_needed_where_a_term_has_it() -> None:
    roles = {
        ("dual", 1.0): ("teacher",),
        ("dual_warm", 1.0): ("teacher",),
        ("dual", 0.0): (),
        ("feature", 1.0): (),
        ("joint", 1.0): (),
        ("align", 1.0): (),
    }
    for (stage, weight), expected in roles.items():
        assert MMMixingSettings(stage=stage, w_teacher=weight).roles == expected


def test_towers_and_teachers_must_be_there_and_fit() -> None:
    with pytest.raises(ConfigError, match=r"(?s)frozen towers.*data.tower"):
        built(dim=0)
    with pytest.raises(ConfigError, match=r"(?s)none is given.*objective.w_teacher"):
        built(stage="dual")
    for teacher in (TinyEncoder(dim=DIM + 1), TinyEncoder(in_channels=3)):
        with pytest.raises(ConfigError, match="teacher's output width or input channels"):
            built(stage="dual", teacher=teacher)
    assert built(stage="dual", w_teacher=0).teacher_scale is None
    assert built(stage="dual", teacher=TinyEncoder()).teacher_scale is not None
    assert built(stage="feature", teacher=TinyEncoder()).teacher_scale is None
    example, draw = batch()
    with pytest.raises(DatasetError, match="features of frozen towers"):
        method().loss(replace(example, targets=None), draw)


def test_an_encoder_without_projection_gets_one_and_others_must_have_the_right_width() -> None:
    model = built(PointNet())
    assert isinstance(model.point_encoder, ProjectedEncoder) and model.point_encoder.feature_dim == DIM
    assert torch.isfinite(model.loss(*batch()).total)
    with pytest.raises(ConfigError, match=rf"(?s)differ in width.*encoder.out_dim: {DIM}"):
        built(ProjectedEncoder(PointNet(), DIM + 1))
    projected = ProjectedEncoder(PointNet(in_channels=6), DIM)
    assert built(projected).point_encoder is projected
    with pytest.raises(ConfigError, match=r"(?s)encoder.in_channels.*found: 4"):
        built(TinyEncoder(in_channels=4))
