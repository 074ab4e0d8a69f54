import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch
from concord3d.errors import ConfigError
from concord3d.geometry.augment import normalise_unit_sphere, sample_points
from concord3d.losses.mutual_information import mutual_information_bound
from concord3d.losses.nt_xent import nt_xent
from concord3d.methods.interface import Context
from concord3d.methods.mm_point.ladder import augment_views
from concord3d.methods.mm_point.method import MMPoint, build, objective, paired_cloud
from concord3d.methods.mm_point.settings import VIEW_AUGMENTATIONS, MMPointSettings
from concord3d.methods.settings import method_settings
from concord3d.models.pointnet import PointNet

NUM_OBJECTS, NUM_POINTS, SIZE = 6, 16, 8


class TinyCloudEncoder(nn.Module):
    feature_dim = 12

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(3, 12)
        self.batches: list[int] = []

    def forward(self, points: Tensor) -> Tensor:
        self.batches.append(len(points))
        return self.lift(points).amax(dim=1)


class TinyImageEncoder(nn.Module):
    feature_dim = 10

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(3 * SIZE * SIZE, 10)
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        return self.lift(images.flatten(1))


def method(**changes: Any) -> MMPoint:
    torch.manual_seed(0)
    return MMPoint(MMPointSettings(**changes), TinyCloudEncoder(), TinyImageEncoder(), NUM_POINTS)


def batch(num_views: int, seed: int = 0, num_objects: int = NUM_OBJECTS) -> tuple[ObjectBatch, torch.Generator]:
    """A batch, and the generator of its step."""
    generator = torch.Generator().manual_seed(9)
    points = torch.randn(num_objects, 2 * NUM_POINTS, 3, generator=generator)
    views = torch.randint(0, 256, (num_objects, num_views, SIZE, SIZE, 1), dtype=torch.uint8, generator=generator)
    return ObjectBatch(points, views), torch.Generator().manual_seed(seed)


def embeddings(seed: int, num_objects: int = 6) -> Tensor:
    return torch.randn(num_objects, 5, generator=torch.Generator().manual_seed(seed))


def test_identical_features_give_the_logarithm_of_the_candidates_in_every_term() -> None:
    same = torch.ones(NUM_OBJECTS, 5)
    loss = objective((same, same), [(same, same)] * 3, MMPointSettings(views=3))
    expected = math.log(2 * NUM_OBJECTS - 1)
    assert loss.terms["intra"].item() == pytest.approx(expected, abs=1e-5)
    assert loss.terms["inter"].item() == pytest.approx(3 * 2 * expected, abs=1e-4)
    assert loss.total.item() == pytest.approx(7 * expected, abs=1e-4)


def test_the_order_of_the_batch_changes_no_term() -> None:
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    intra = (embeddings(0), embeddings(1))
    inter = [(embeddings(2), embeddings(3)), (embeddings(4), embeddings(5))]
    settings = MMPointSettings(views=2)
    loss = objective(intra, inter, settings)
    shuffled = objective((intra[0][order], intra[1][order]), [(a[order], b[order]) for a, b in inter], settings)
    torch.testing.assert_close(shuffled.total, loss.total)
    for name, term in loss.terms.items():
        torch.testing.assert_close(shuffled.terms[name], term)


def test_crosspoint_is_a_setting() -> None:
    crosspoint = method(
        views=1,
        heads="single",
        pairing="mean",
        w_inter=0.5,
        head_dim_intra=256,
        head_dim_inter=256,
        view_augmentation="uniform_crosspoint",
    )
    clouds, views = crosspoint.transform(*batch(1))
    # CrossPoint's loss written out: one 3D head, one 2D head, the mean of both clouds' projections meets the image.
    features = crosspoint.heads_3d["0"](crosspoint.point_encoder(torch.cat([clouds[0], clouds[1]])))
    first, second = features[:NUM_OBJECTS], features[NUM_OBJECTS:]
    image = crosspoint.heads_2d["0"](crosspoint.image_encoder(views[0]))
    assert first.shape[1] == image.shape[1] == 256
    expected = nt_xent(first, second, 0.1) + nt_xent(torch.stack([first, second]).mean(0), image, 0.1)
    torch.testing.assert_close(crosspoint.loss(*batch(1)).total, expected)


@pytest.mark.parametrize("heads", ["per_view", "single", "two_level"])
def test_a_dropped_view_gives_its_heads_no_gradient(heads: str) -> None:
    model = method(views=3, heads=heads)
    intra, inter = model.embed(*model.transform(*batch(3)))
    dropped = 1
    kept = [pair for view, pair in enumerate(inter) if view != dropped]
    objective(intra, kept, model.settings).total.backward()
    gone = {"per_view": {"2"}, "single": set(), "two_level": {"1"}}[heads]
    for name, head in model.heads_2d.items():
        gradients = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in head.parameters()]
        assert any(gradients) == (name not in gone)


@pytest.mark.parametrize("heads", ["per_view", "two_level", "single"])
@pytest.mark.parametrize("pairing", ["split", "mean"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("num_views", [1, 3, 4])
def test_every_parameter_gets_a_gradient(
    heads: str, pairing: str, weights: tuple[float, float], num_views: int
) -> None:
    model = method(views=num_views, heads=heads, pairing=pairing, w_intra=weights[0], w_inter=weights[1])
    loss = model.loss(*batch(num_views))
    loss.total.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert set(loss.terms) == {name for name, w in zip(("intra", "inter"), weights, strict=True) if w > 0}
    assert torch.isfinite(loss.total)


def test_one_forward_pass_serves_both_clouds_and_one_all_views() -> None:
    model = method(views=4)
    model.loss(*batch(4))
    assert model.point_encoder.batches == [2 * NUM_OBJECTS]
    assert model.image_encoder.batches == [4 * NUM_OBJECTS]


def test_head_widths_follow_the_settings() -> None:
    intra, inter = method(views=3).embed(*method(views=3).transform(*batch(3)))
    assert [side.shape[1] for side in intra] == [512, 512]
    assert [side.shape[1] for pair in inter for side in pair] == [128] * 6
    model = method(views=3, heads="two_level")
    _, inter = model.embed(*model.transform(*batch(3)))
    assert [pair[0].shape[1] for pair in inter] == [pair[1].shape[1] for pair in inter] == [512, 128, 512]
    model = method(views=3, heads="single", head_dim_inter=32)
    intra, inter = model.embed(*model.transform(*batch(3)))
    assert {side.shape[1] for pair in (intra, *inter) for side in pair} == {32}


def test_per_view_heads_are_m_plus_one_and_m() -> None:
    model = method(views=4)
    assert len(model.heads_3d) == 5 and len(model.heads_2d) == 4
    assert len(method(views=4, heads="single").heads_3d) == len(method(views=4, heads="single").heads_2d) == 1


def test_split_pairs_the_first_half_of_the_views_with_the_first_cloud() -> None:
    assert [paired_cloud(view, 4) for view in range(4)] == [0, 0, 1, 1]
    assert [paired_cloud(view, 3) for view in range(3)] == [0, 0, 1]
    assert paired_cloud(0, 1) == 0
    model = method(views=4)
    clouds, views = model.transform(*batch(4))
    base = model.eval().embed(clouds, views)
    other = model.embed(torch.stack([clouds[0], clouds[1] + 1]), views)
    same = [torch.equal(a[0], b[0]) for a, b in zip(base.inter, other.inter, strict=True)]
    assert same == [True, True, False, False]


def test_single_head_contrasts_the_same_vector_with_every_view_of_one_cloud() -> None:
    model = method(views=4, heads="single")
    intra, inter = model.embed(*model.transform(*batch(4)))
    assert torch.equal(inter[0][0], inter[1][0]) and torch.equal(inter[0][0], intra[0])
    assert torch.equal(inter[2][0], inter[3][0]) and torch.equal(inter[3][0], intra[1])


def test_mean_divides_the_sum_by_the_number_of_views() -> None:
    inter = [(embeddings(seed), embeddings(seed + 10)) for seed in range(4)]
    total = objective(None, inter, MMPointSettings(inter_reduction="sum")).total
    mean = objective(None, inter, MMPointSettings(inter_reduction="mean")).total
    torch.testing.assert_close(total, 4 * mean)


def test_the_temperature_reaches_every_term() -> None:
    intra, inter = (embeddings(0), embeddings(1)), [(embeddings(2), embeddings(3))]
    loss = objective(intra, inter, MMPointSettings(views=1, temperature=0.7))
    torch.testing.assert_close(loss.terms["intra"], nt_xent(*intra, 0.7))
    torch.testing.assert_close(loss.terms["inter"], 2 * nt_xent(*inter[0], 0.7))


def test_every_term_gathers_over_processes() -> None:
    model, gathered = method(views=2), []

    def gather(rows: Tensor) -> tuple[Tensor, int]:
        gathered.append(len(rows))
        return rows, 0

    model.gather = gather
    model.loss(*batch(2))
    # Both sides of both directions of the intra term and of the two inter terms.
    assert gathered == [NUM_OBJECTS] * 12


def test_weights_scale_the_terms() -> None:
    intra, inter = (embeddings(0), embeddings(1)), [(embeddings(2), embeddings(3))]
    loss = objective(intra, inter, MMPointSettings(views=1, w_intra=0.3, w_inter=2.0))
    torch.testing.assert_close(loss.total, 0.3 * loss.terms["intra"] + 2 * loss.terms["inter"])


def measured(model: MMPoint, num_views: int, seed: int = 0) -> dict[str, float]:
    with torch.no_grad():
        return model.eval().held_out(*batch(num_views, seed, num_objects=40))


def test_held_out_information_is_that_of_stored_clouds_and_views_whatever_the_chunk() -> None:
    model = method(views=2)
    metrics = measured(model, 2)
    names = {"information_num_objects", "information_intra", "information_view_1", "information_view_2"}
    assert set(metrics) == {*names, "information_inter"}
    assert metrics["information_num_objects"] == 40
    assert all(metrics[name] <= math.log(40) for name in set(metrics) - {"information_num_objects"})
    per_view = [metrics[f"information_view_{view}"] for view in (1, 2)]
    assert metrics["information_inter"] == pytest.approx(sum(per_view) / 2)
    held, draw = batch(2, num_objects=40)
    assert held.views is not None
    stored = normalise_unit_sphere(sample_points(held.points, NUM_POINTS, draw))
    with torch.no_grad():
        pairs = model.embed(torch.stack([stored, stored]), augment_views(held.views, "none", draw)).inter
    literal = [float(mutual_information_bound(*pair, 0.1)) for pair in pairs]
    assert per_view == pytest.approx(literal, abs=1e-4)


def test_information_is_measured_alike_in_every_arm() -> None:
    reference = measured(method(views=2), 2)
    for arm in VIEW_AUGMENTATIONS:
        assert measured(method(views=2, view_augmentation=arm), 2) == reference
    # Draws decide the points that are sampled, and nothing of the views.
    model, (held, _) = method(views=1), batch(1, num_objects=40)
    whole = ObjectBatch(held.points[:, :NUM_POINTS], held.views)
    model.num_points = NUM_POINTS
    with torch.no_grad():
        found = [model.eval().held_out(whole, torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    assert found[0]["information_inter"] == pytest.approx(found[1]["information_inter"], abs=1e-5)
    assert found[0]["information_intra"] != pytest.approx(found[1]["information_intra"], abs=1e-5)


def test_an_arm_without_a_term_has_no_information_of_it() -> None:
    assert set(measured(method(views=1, w_intra=0.0), 1)) == {
        "information_num_objects",
        "information_view_1",
        "information_inter",
    }
    assert set(measured(method(w_inter=0.0), 1)) == {"information_num_objects", "information_intra"}


def test_the_loss_falls() -> None:
    model = method(views=2, view_augmentation="none")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        loss = model.loss(*batch(2, seed=step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


@pytest.mark.parametrize(
    ("objective_section", "message"),
    [
        ({"temprature": 0.1}, "did you mean 'temperature'"),
        ({"heads": "many"}, "'heads'.*'per_view', 'two_level' or 'single'.*found 'many'"),
        ({"heads": "per_veiw"}, "did you mean 'per_view'"),
        ({"views": 0}, "'views'"),
        ({"image_encoder": "resnet19"}, "did you mean 'resnet18'"),
        ({"view_augmentation": "multilevel"}, "did you mean 'multi_level'"),
        ({"w_intra": 0, "w_inter": 0}, "nothing to train"),
        ({"point_scale": [1.25, 0.8]}, "'point_scale'.*must rise"),
        ({"point_dropout": 1.0}, "'point_dropout'"),
    ],
)
def test_settings_are_checked_and_the_nearest_name_given(objective_section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_settings("mm_point", objective_section)


def test_the_ranges_of_the_clouds_are_those_of_the_settings() -> None:
    def radii_and_points(**changes: Any) -> tuple[Tensor, int]:
        model = method(w_inter=0, **changes)
        (clouds, _) = model.transform(*batch(1, num_objects=64))
        centred = clouds - clouds.mean(2, keepdim=True)
        return centred.norm(dim=-1).amax(-1), min(len(cloud.unique(dim=0)) for cloud in clouds.flatten(0, 1))

    radii, points = radii_and_points(point_scale=(3.0, 3.0), point_translation=0.0, point_dropout=0.0)
    assert points == NUM_POINTS
    assert (radii - 3).abs().max() < 0.2
    radii, points = radii_and_points()
    assert points < NUM_POINTS / 2
    assert radii.median() < 2


def context(num_views: int) -> Context:
    return Context({"name": "pointnet"}, {"num_points": NUM_POINTS}, SimpleNamespace(num_views=num_views))


def test_it_is_built_as_the_settings_say_and_asks_for_no_more_views_than_are_stored() -> None:
    model = build(MMPointSettings(views=3, image_encoder="resnet10_32"), context(3))
    assert isinstance(model.point_encoder, PointNet) and model.num_points == NUM_POINTS
    assert list(model.saved().items()) == [("point", model.point_encoder)]
    with pytest.raises(ConfigError, match=r"(?s)more views than are stored.*at most 10.*12"):
        build(MMPointSettings(views=12), context(10))


def test_without_inter_terms_there_is_no_image_encoder_and_no_view_is_asked_for() -> None:
    assert MMPointSettings(w_inter=0).num_views == 0 and MMPointSettings(views=5).num_views == 5
    model = build(MMPointSettings(w_inter=0), context(0))
    assert model.num_views == 0 and model.image_encoder is None and len(model.heads_2d) == 0
