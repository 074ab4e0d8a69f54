import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.mixing.assignment import match_clouds
from concord3d.geometry.mixing.operators import mix_clouds
from concord3d.geometry.mixing.pairing import draw_weights, paired_in_circle
from concord3d.geometry.mixing.parts import Mixed
from concord3d.geometry.mixing.patches import partition
from concord3d.geometry.mixing.settings import OPERATORS, MixingSettings

SMALL = MixingSettings(match_points=16, num_patches=4)
INTERPOLATING = ("point_mixup", "sage_mix")
# Draw points of a cloud to mix around.
ANCHORED = ("point_cut_mix_k", "rsmix", "sage_mix")
COPYING = tuple(name for name in OPERATORS if name not in INTERPOLATING)
# Operators whose points of the second cloud keep their places.
FIXED = tuple(name for name in COPYING if name != "rsmix")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(num_clouds: int, num_points: int, channels: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two batches whose colour is a function of the place (first: 0.5 x + 1, second: 0.5 x + 2)."""
    draw = generator(seed)
    pair = []
    for offset in (1, 2):
        points = torch.randn(num_clouds, num_points, 3, generator=draw)
        pair.append(torch.cat([points, 0.5 * points + offset], dim=2)[..., :channels])
    return pair[0], pair[1]


def mix(operator: str, pair: tuple[Tensor, Tensor], weight: Tensor, seed: int = 0, **options: Any) -> Mixed:
    return mix_clouds(operator, *pair, weight, generator(seed), options.pop("constants", SMALL), **options)


def as_sets(batch: Tensor) -> list[list[tuple[float, ...]]]:
    return [sorted(tuple(point) for point in cloud.tolist()) for cloud in batch]


@settings(max_examples=60)
@given(st.sampled_from(OPERATORS), st.integers(1, 4), st.integers(1, 40), st.sampled_from([3, 6]), st.integers(0, 99))
def test_every_operator_keeps_shape_and_range_for_any_batch(
    operator: str, num_clouds: int, num_points: int, channels: int, seed: int
) -> None:
    pair = clouds(num_clouds, num_points, channels, seed)
    mixed = mix(operator, pair, torch.rand(num_clouds, generator=generator(seed + 1)), seed)
    assert mixed.points.shape == pair[0].shape and mixed.points.dtype == torch.float32
    assert torch.isfinite(mixed.points).all()
    assert mixed.ratio.shape == (num_clouds,) and ((mixed.ratio >= 0) & (mixed.ratio <= 1)).all()
    assert (mixed.from_first is None) == (operator in INTERPOLATING)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_ratio_counts_copies_of_a_point_once(operator: str, weight: float) -> None:
    first, second = clouds(3, 24)
    source = torch.arange(24).expand(3, -1).masked_fill(torch.rand(3, 24, generator=generator(5)) < 0.6, 0)
    first = first.gather(1, source[:, :, None].expand(-1, -1, 6))
    weights = torch.full((3,), weight)
    own = torch.arange(24).expand(3, -1)
    mixed = mix(operator, (first, second), weights, sources=(source, own))
    plain = mix(operator, (first, second), weights)
    assert operator in ANCHORED or torch.equal(mixed.points, plain.points)
    if mixed.from_first is None:
        assert operator in ANCHORED or torch.equal(mixed.ratio, plain.ratio)
        return
    expected = []
    for cloud, from_first in zip(mixed.points, mixed.from_first, strict=True):
        counts = [
            len({tuple(point) for point in cloud[own_points].tolist()}) for own_points in (from_first, ~from_first)
        ]
        expected.append(counts[0] / sum(counts))
    assert mixed.ratio.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("num_points", [1, 2, 37, 64])
@pytest.mark.parametrize("operator", OPERATORS)
def test_all_weight_on_the_first_cloud_gives_it_as_a_set(operator: str, num_points: int) -> None:
    pair = clouds(3, num_points)
    mixed = mix(operator, pair, torch.ones(3))
    assert as_sets(mixed.points) == as_sets(pair[0])
    assert torch.equal(mixed.ratio, torch.ones(3))


@pytest.mark.parametrize("num_points", [1, 2, 37, 64])
@pytest.mark.parametrize("operator", OPERATORS)
def test_no_weight_on_the_first_cloud_gives_the_second_as_a_set(operator: str, num_points: int) -> None:
    pair = clouds(3, num_points)
    mixed = mix(operator, pair, torch.zeros(3), constants=MixingSettings(match_points=16, rsmix_max_share=1.0))
    if operator == "rsmix":
        # The second cloud is moved as a whole.
        pair = (pair[0], pair[1][..., 3:])
        mixed = mixed._replace(points=mixed.points[..., 3:])
    assert as_sets(mixed.points) == as_sets(pair[1])
    assert torch.equal(mixed.ratio, torch.zeros(3))


@settings(max_examples=60)
@given(st.sampled_from(COPYING), st.integers(1, 40), st.integers(0, 99))
def test_the_ratio_is_the_share_of_the_points_of_the_first_cloud(operator: str, num_points: int, seed: int) -> None:
    pair = clouds(3, num_points, seed=seed)
    weight = torch.rand(3, generator=generator(seed + 1))
    mixed = mix(operator, pair, weight, seed)
    # The colours of the second cloud are larger by one, whatever an operator does to the places of whole patches.
    first, second = (as_sets(cloud[..., 3:]) for cloud in pair)
    for cloud, points in enumerate(mixed.points[..., 3:].tolist()):
        counted = sum(tuple(point) in first[cloud] for point in points)
        assert counted == mixed.from_first[cloud].sum() and mixed.ratio[cloud] == pytest.approx(counted / num_points)
        assert [tuple(point) in first[cloud] for point in points] == mixed.from_first[cloud].tolist()
        assert sum(tuple(point) in second[cloud] for point in points) == num_points - counted
        # Nothing is taken twice.
        assert len({tuple(point) for point in points}) == num_points
    lowest = int(SMALL.rsmix_max_share * num_points) if operator == "rsmix" else num_points
    wanted = [max(int(w * num_points + 0.5), num_points - lowest) for w in weight.double().tolist()]
    found = (mixed.ratio * num_points).round().int().tolist()
    if operator == "point_patch_mix":
        # Whole patches: half a patch, and half a point of those left over, away at most.
        patch = num_points // min(SMALL.num_patches, num_points)
        assert all(abs(a - b) <= patch / 2 + 1.5 for a, b in zip(wanted, found, strict=True))
    else:
        assert found == wanted


@pytest.mark.parametrize("operator", FIXED)
def test_colour_moves_with_its_point_where_points_are_copied(operator: str) -> None:
    mixed = mix(operator, clouds(4, 30), torch.tensor([0.0, 0.3, 0.7, 1.0]))
    offset = torch.where(mixed.from_first, 1.0, 2.0)[:, :, None]
    torch.testing.assert_close(mixed.points[..., 3:], 0.5 * mixed.points[..., :3] + offset)


@pytest.mark.parametrize("operator", INTERPOLATING)
def test_colour_is_interpolated_with_the_weights_of_its_point(operator: str) -> None:
    mixed = mix(operator, clouds(4, 30), torch.tensor([0.0, 0.3, 0.7, 1.0]))
    # Colour minus half the place is 1 for the first cloud and 2 for the second: 2 minus the weight of the first.
    share = 2 - (mixed.points[..., 3:] - 0.5 * mixed.points[..., :3])
    torch.testing.assert_close(share, share[..., :1].expand_as(share), atol=1e-5, rtol=0)
    torch.testing.assert_close(share[..., 0].mean(dim=1), mixed.ratio, atol=1e-5, rtol=0)


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_generator_decides_everything_and_inputs_stay_as_they_are(operator: str) -> None:
    pair = clouds(3, 50)
    copies = [cloud.clone() for cloud in pair]
    weight = torch.tensor([0.2, 0.5, 0.8])
    results = [mix(operator, pair, weight, seed) for seed in (1, 1, 2)]
    assert torch.equal(results[0].points, results[1].points) and torch.equal(results[0].ratio, results[1].ratio)
    assert not torch.equal(results[0].points, results[2].points)
    assert all(torch.equal(cloud, copy) for cloud, copy in zip(pair, copies, strict=True))


@pytest.mark.parametrize("operator", OPERATORS)
def test_clouds_of_coinciding_points_are_mixed_like_others(operator: str) -> None:
    pair = (torch.zeros(2, 20, 6), torch.ones(2, 20, 6))
    mixed = mix(operator, pair, torch.tensor([0.25, 1.0]))
    assert torch.isfinite(mixed.points).all()
    assert mixed.ratio.tolist() == pytest.approx([0.5 if operator == "rsmix" else 0.25, 1.0], abs=0.051)


def test_both_subsets_of_point_cut_mix_r_are_uniform_and_independent() -> None:
    num_points, num_clouds = 6, 4000
    index = torch.arange(num_points).float()[None, :, None].expand(num_clouds, -1, 3)
    mixed = mix("point_cut_mix_r", (index, index + 10), torch.full((num_clouds,), 0.5))
    chosen = mixed.points[..., 0].long()
    first = torch.zeros(num_clouds, 20).scatter_(1, chosen, 1.0)
    shares = first.mean(dim=0)[[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]]
    assert ((shares - 0.5).abs() < 0.04).all()
    together = torch.corrcoef(torch.cat([first[:, :6], first[:, 10:16]], 1).T)[:6, 6:]
    assert together.abs().max() < 0.08


@pytest.mark.parametrize("operator", ["point_cut_mix_k", "rsmix"])
def test_neighbourhoods_are_replaced_as_a_whole(operator: str) -> None:
    pair = clouds(5, 60)
    mixed = mix(operator, pair, torch.full((5,), 0.7))
    for cloud in range(5):
        hole = pair[0][cloud, ~mixed.from_first[cloud], :3]
        around = [torch.cdist(point[None], pair[0][cloud, :, :3])[0].argsort()[: len(hole)] for point in hole]
        nearest = [set(order.tolist()) for order in around]
        assert set((~mixed.from_first[cloud]).nonzero()[:, 0].tolist()) in nearest


def test_rsmix_moves_a_neighbourhood_rigidly_onto_the_hole() -> None:
    pair = clouds(5, 60)
    mixed = mix("rsmix", pair, torch.full((5,), 0.7))
    for cloud in range(5):
        pasted = mixed.points[cloud, ~mixed.from_first[cloud]]
        shift = pasted[:, :3] - 2 * (pasted[:, 3:] - 2)
        torch.testing.assert_close(shift, shift[:1].expand_as(shift), atol=1e-5, rtol=0)
        # Some point of the first cloud's hole, its centre, is where the centre of what is pasted comes to lie.
        hole = pair[0][cloud, ~mixed.from_first[cloud], :3]
        assert torch.cdist(hole, pasted[:, :3]).min() < 1e-5


def test_fps_mix_takes_points_that_lie_farther_apart_than_random_ones() -> None:
    def spacing(operator: str) -> float:
        mixed = mix(operator, clouds(20, 200), torch.full((20,), 0.1))
        gaps = []
        for points, own in zip(mixed.points, mixed.from_first, strict=True):
            distances = torch.cdist(points[own, :3], points[own, :3]).fill_diagonal_(torch.inf)
            gaps.append(distances.amin(dim=1).min())
        return float(torch.stack(gaps).mean())

    assert spacing("fps_mix") > 2 * spacing("point_cut_mix_r")


def test_point_mixup_lies_between_matched_points_and_one_assignment_is_the_best() -> None:
    pair = clouds(2, 7)
    mixed = mix("point_mixup", pair, torch.full((2,), 0.25))
    for cloud in range(2):
        first, second = (part[cloud, :, :3].double().numpy() for part in pair)
        cost = np.linalg.norm(first[:, None] - second[None], axis=2)
        best = min(itertools.permutations(range(7)), key=lambda order: sum(cost[i, j] for i, j in enumerate(order)))
        expected = 0.25 * first + 0.75 * second[list(best)]
        np.testing.assert_allclose(mixed.points[cloud, :, :3].double().numpy(), expected, atol=1e-5)


@settings(max_examples=20)
@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 99))
def test_a_match_is_a_permutation_also_in_blocks(num_points: int, max_points: int, seed: int) -> None:
    first, second = clouds(2, num_points, seed=seed)
    matches = match_clouds(first, second, max_points, generator(seed))
    assert [sorted(row) for row in matches.tolist()] == [list(range(num_points))] * 2


def test_larger_blocks_match_nearer_points() -> None:
    first, second = clouds(4, 96)

    def distance(max_points: int) -> float:
        matches = match_clouds(first, second, max_points, generator())
        return float((first - second.gather(1, matches[:, :, None].expand(-1, -1, 6)))[..., :3].norm(dim=2).mean())

    exact, blocks, alone = distance(96), distance(24), distance(1)
    assert exact < blocks < 0.7 * alone


def test_sage_mix_keeps_each_cloud_near_its_anchor() -> None:
    pair = clouds(1, 80)
    salient = torch.zeros(1, 80)
    salient[0, 11] = 1
    only = torch.zeros(1, 80)
    far = (pair[1][0, :, :3] - pair[0][0, 11, :3]).norm(dim=1).argmax()
    only[0, far] = 1
    constants = MixingSettings(sage_sigma=0.3, match_points=80)
    mixed = mix("sage_mix", pair, torch.tensor([0.5]), saliency=(salient, only), constants=constants)
    share = 2 - (mixed.points[..., 3] - 0.5 * mixed.points[..., 0])[0]
    torch.testing.assert_close(mixed.points[0, 11], pair[0][0, 11], atol=1e-3, rtol=0)
    matched = match_clouds(*pair, 80, generator())[0].argsort()
    torch.testing.assert_close(mixed.points[0, matched[far]], pair[1][0, far], atol=1e-3, rtol=0)
    # The formula, with Gaussian kernels around the two anchors.
    partner = pair[1][0, match_clouds(*pair, 80, generator())[0], :3].double()
    kernels = [
        torch.exp(-(points - anchor).square().sum(1) / (2 * 0.3**2))
        for points, anchor in (
            (pair[0][0, :, :3].double(), pair[0][0, 11, :3].double()),
            (partner, pair[1][0, far, :3].double()),
        )
    ]
    known = (kernels[0] + kernels[1]) > 1e-30
    expected = (kernels[0] / (kernels[0] + kernels[1]))[known]
    torch.testing.assert_close(share[known].double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("operator", ANCHORED)
def test_copies_of_a_dropped_point_are_no_anchors(operator: str) -> None:
    # Point 0, far from the others, stands at three quarters of the places: drawn by place, most anchors would be it.
    num, num_clouds = 64, 400
    source = torch.arange(num).masked_fill(torch.arange(num) % 4 > 0, 0).expand(num_clouds, -1)
    pair = clouds(num_clouds, num)
    for cloud in pair:
        cloud[:, 0, :3] += 50
    pair = tuple(cloud.gather(1, source[:, :, None].expand_as(cloud)) for cloud in pair)
    constants = MixingSettings(sage_sigma=0.3, match_points=num, rsmix_max_share=1.0)
    mixed = mix(operator, pair, torch.full((num_clouds,), 0.97), sources=(source, source), constants=constants)
    if operator == "sage_mix":
        # The first cloud keeps what lies near its anchor, here alone the copies of point 0.
        at_copies = (mixed.points[:, 1, :3] - pair[0][:, 0, :3]).norm(dim=1) < 1e-3
    else:
        # The nearest two places to the anchor are replaced, which are copies where point 0 is the anchor.
        assert mixed.from_first is not None
        at_copies = (~mixed.from_first & (source == 0)).any(dim=1)
    assert at_copies.float().mean() < 0.2, "one distinct point of sixteen, and not three places of four"


def test_a_saliency_must_fit_and_belongs_to_sage_mix() -> None:
    pair, half = clouds(2, 10), torch.full((2,), 0.5)
    good = (torch.ones(2, 10), torch.zeros(2, 10))
    assert torch.isfinite(mix("sage_mix", pair, half, saliency=good).points).all()
    for bad in (-torch.ones(2, 10), torch.full((2, 10), torch.nan), torch.ones(2, 9)):
        with pytest.raises(ConfigError, match="saliency does not fit"):
            mix("sage_mix", pair, half, saliency=(bad, good[1]))
    places = torch.arange(10).expand(2, -1)
    for sources in (None, (places, places)):
        with pytest.raises(ConfigError, match="saliency does not fit"):
            mix("sage_mix", pair, half, saliency=(torch.ones(2, 1), good[1]), sources=sources)
    with pytest.raises(ConfigError, match="Only sage_mix"):
        mix("rsmix", pair, half, saliency=good)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 10), st.integers(0, 99))
def test_patches_are_a_partition_into_equal_parts(num_points: int, num_patches: int, seed: int) -> None:
    num_patches = min(num_patches, num_points)
    patches, rest = partition(clouds(2, num_points, seed=seed)[0], num_patches, generator(seed))
    assert patches.shape == (2, num_patches, num_points // num_patches)
    joined = torch.cat([patches.flatten(1), rest], dim=1)
    assert [sorted(row) for row in joined.tolist()] == [list(range(num_points))] * 2


def test_patch_mix_changes_whole_patches() -> None:
    # Four groups of five points far apart are the patches.
    corners = torch.tensor([[0.0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]]).repeat_interleave(5, 0)
    first = (corners + torch.randn(6, 20, 3, generator=generator(3))).contiguous()
    second = (corners + torch.randn(6, 20, 3, generator=generator(4)))[:, torch.randperm(20, generator=generator(5))]
    mixed = mix("point_patch_mix", (first, second), torch.full((6,), 0.5))
    groups = mixed.from_first.view(6, 4, 5)
    assert torch.equal(groups.all(dim=2), groups.any(dim=2))
    assert torch.equal(groups.any(dim=2).sum(dim=1), torch.full((6,), 2))
    # A patch gives way to the one at the same corner.
    torch.testing.assert_close(mixed.points, corners.expand(6, -1, -1), atol=6, rtol=0)


def test_bad_input_is_refused_by_name() -> None:
    pair, half = clouds(2, 10), torch.full((2,), 0.5)
    with pytest.raises(ConfigError, match="did you mean 'point_mixup'"):
        mix("pointmixup", pair, half)
    for weight in (torch.tensor([0.5, 1.1]), torch.tensor([-0.1, 0.5]), torch.tensor([0.5, torch.nan]), half[:1]):
        with pytest.raises(ConfigError, match="Weights"):
            mix("rsmix", pair, weight)
    for shapes in ((pair[0], pair[1][:, :9]), (pair[0][..., :2], pair[1][..., :2]), (pair[0][:, :0], pair[1][:, :0])):
        with pytest.raises(BadCloud, match="cannot be mixed"):
            mix("rsmix", shapes, half)


@settings(max_examples=40)
@given(st.integers(2, 30), st.integers(0, 99), st.data())
def test_partners_form_a_circle(num_objects: int, seed: int, data: st.DataObject) -> None:
    num_pairs = data.draw(st.integers(0, num_objects))
    order = torch.randperm(num_objects, generator=generator(seed))
    pairs = paired_in_circle(order, num_pairs)
    partner = dict(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(partner) == num_pairs and all(a != b for a, b in partner.items())
    assert len(set(partner.values())) == num_pairs
    if num_objects >= 3:
        assert not any(partner.get(b) == a for a, b in partner.items())


def test_two_objects_are_paired_both_ways_and_one_has_no_partner() -> None:
    assert {tuple(pair) for pair in torch.stack(paired_in_circle(torch.tensor([1, 0]), 2)).T.tolist()} == {
        (0, 1),
        (1, 0),
    }
    assert len(paired_in_circle(torch.tensor([0]), 0).first) == 0
    with pytest.raises(ConfigError, match=r"(?s)partner.*training.batch_size.*two or more"):
        paired_in_circle(torch.tensor([0]), 1)


@pytest.mark.parametrize("concentration", [0.2, 1.0, 2.0])
def test_weights_follow_the_beta_distribution(concentration: float) -> None:
    drawn = draw_weights(20000, concentration, "sample", None, generator())
    assert drawn.dtype == torch.float32 and ((drawn >= 0) & (drawn <= 1)).all()
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.01)
    assert drawn.var().item() == pytest.approx(1 / (4 * (2 * concentration + 1)), rel=0.03)
    assert torch.equal(drawn, draw_weights(20000, concentration, "sample", None, generator()))
    assert not torch.equal(drawn, draw_weights(20000, concentration, "sample", None, generator(1)))


def test_weights_may_be_one_per_batch_or_fixed() -> None:
    drawn = draw_weights(9, 1.0, "batch", None, generator())
    assert drawn.shape == (9,) and len(drawn.unique()) == 1 and 0 < drawn[0] < 1
    assert torch.equal(draw_weights(9, 1.0, "sample", 1.0, generator()), torch.ones(9))
    assert len(draw_weights(0, 1.0, "sample", None, generator())) == 0
