"""CMCR's losses, codebook and heads against their formulas, value by value and gradient by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.parity import literal_cmcr as literal
from torch import Tensor
from torch.nn import functional

from concord3d.geometry.occupancy_queries import near_pairs
from concord3d.losses.lovasz_softmax import lovasz_softmax
from concord3d.losses.masked_pictures import picture_error
from concord3d.losses.occupancy import occupancy_losses
from concord3d.losses.orthogonality import mean_squared_cosine, orthogonality
from concord3d.losses.point_pixel_info_nce import point_pixel_info_nce
from concord3d.losses.quantised_pairs import code_matching, commitment
from concord3d.losses.standard_normal import standard_normal_kl
from concord3d.losses.superpixel_info_nce import superpixel_info_nce
from concord3d.models.codebook import Codebook, perplexity
from concord3d.models.decoupled_heads import PictureHeads, features_at, replaced_at

# Rows and channels.
SHAPES = [(1, 1), (1, 4), (2, 3), (5, 2), (9, 6), (17, 4)]
SEEDS = range(2)


def _drawn(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, generator=draw) for shape in shapes]


def _pixels(seed: int, count: int, *sides: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(side, (count,), generator=draw) for side in sides], 1)


def _has_the_gradient_of_its_value(loss: Callable[..., Tensor], *inputs: Tensor) -> bool:
    return torch.autograd.gradcheck(loss, [values.clone().requires_grad_() for values in inputs])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [0.07, 1.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_points_pick_their_pixels(shape: tuple[int, int], temperature: float, seed: int) -> None:
    points, pixels = (functional.normalize(values, dim=1) for values in _drawn(seed, shape, shape))
    found = point_pixel_info_nce(points, pixels, temperature)
    assert found.item() == pytest.approx(
        literal.ppkt(points.numpy(), pixels.numpy(), temperature), rel=1e-10, abs=1e-12
    )
    assert _has_the_gradient_of_its_value(lambda a, b: point_pixel_info_nce(a, b, temperature), points, pixels)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("pictures", "size", "segments", "pairs", "dim"),
    [(1, (3, 4), 1, 2, 2), (2, (4, 5), 4, 7, 3), (3, (2, 6), 12, 15, 4)],
)
def test_superpixels_pick_each_other(
    pictures: int, size: tuple[int, int], segments: int, pairs: int, dim: int, seed: int
) -> None:
    points, maps = _drawn(seed, (pairs, dim), (pictures, dim, *size))
    pixels, numbers = (
        _pixels(seed, pairs, pictures, *size),
        torch.from_numpy(np.random.default_rng(seed).integers(segments, size=(pictures, *size))),
    )
    expected = literal.slidr(points.numpy(), pixels.numpy(), maps.numpy(), numbers.numpy(), 0.5)
    assert superpixel_info_nce(points, pixels, maps, numbers, 0.5).item() == pytest.approx(
        expected, rel=1e-10, abs=1e-12
    )
    assert _has_the_gradient_of_its_value(lambda a, b: superpixel_info_nce(a, pixels, b, numbers, 0.5), points, maps)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_specific_beside_shared(shape: tuple[int, int], seed: int) -> None:
    shared, specific = _drawn(seed, shape, shape)
    expected = literal.orthogonality(shared.numpy(), specific.numpy())
    assert orthogonality(shared, specific).item() == pytest.approx(expected, rel=1e-10)
    scaled = orthogonality(shared, specific, num_rows=20_000).item()
    assert scaled == pytest.approx(expected * 20_000 / shape[0], rel=1e-10)
    assert _has_the_gradient_of_its_value(orthogonality, shared, specific)
    cosines = [
        float(a @ b / np.sqrt(a @ a * (b @ b))) ** 2 for a, b in zip(shared.numpy(), specific.numpy(), strict=True)
    ]
    assert mean_squared_cosine(shared, specific).item() == pytest.approx(np.mean(cosines), rel=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("known", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 2, 11])
def test_occupancy_and_intensity(count: int, known: float, seed: int) -> None:
    decoded, unit = _drawn(seed, (count, 2), (count, 2))
    occupied = unit[:, 0] > 0
    intensity = torch.where(torch.arange(count) < known * count, unit[:, 1].abs(), -1.0)
    found = occupancy_losses(decoded, occupied, intensity)
    expected = literal.occupancy(decoded.numpy(), occupied.numpy(), intensity.numpy())
    assert [value.item() for value in found] == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert _has_the_gradient_of_its_value(lambda d: sum(occupancy_losses(d, occupied, intensity)), decoded)


@pytest.mark.parametrize("share", [None, 0.0, 0.4, 1.0])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 3, 4, 5)], ids=str)
def test_pictures(shape: tuple[int, ...], share: float | None) -> None:
    predicted, target = _drawn(0, shape, shape)
    draw = torch.Generator().manual_seed(1)
    where = None if share is None else torch.rand(shape[0], *shape[2:], generator=draw) < share
    expected = literal.picture_error(predicted.numpy(), target.numpy(), None if where is None else where.numpy())
    assert picture_error(predicted, target, where).item() == pytest.approx(expected, rel=1e-10)
    assert _has_the_gradient_of_its_value(lambda p: picture_error(p, target, where), predicted)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (1, 3), (6, 2), (15, 4), (8, 12)])
def test_lovasz(rows: int, classes: int, seed: int) -> None:
    logits = _drawn(seed, (rows, classes))[0]
    labels = torch.from_numpy(np.random.default_rng(seed).integers(classes, size=rows))
    expected = literal.lovasz_softmax(logits.softmax(1).numpy(), labels.numpy())
    assert lovasz_softmax(logits.softmax(1), labels).item() == pytest.approx(expected, rel=1e-10, abs=1e-12)
    more = torch.cat([logits, logits[:1]]), torch.cat([labels, torch.tensor([99])])
    assert lovasz_softmax(more[0].softmax(1), more[1], ignored=99).item() == pytest.approx(expected, abs=1e-12)
    assert _has_the_gradient_of_its_value(lambda x: lovasz_softmax(x.softmax(1), labels), logits)


@pytest.mark.parametrize("shape", [(2, 1), (3, 4), (40, 6)], ids=str)
def test_standard_normal(shape: tuple[int, int]) -> None:
    features = 0.5 + 2 * _drawn(0, shape)[0]
    assert standard_normal_kl(features).item() == pytest.approx(literal.standard_normal_kl(features.numpy()), rel=1e-10)
    assert _has_the_gradient_of_its_value(standard_normal_kl, features)


def _codebook(num_codes: int, dim: int, seed: int, decay: float = 0.9) -> Codebook:
    torch.manual_seed(seed)
    return Codebook(num_codes, dim, decay).double()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("num_codes", [1, 3, 12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_losses_of_the_codebook(shape: tuple[int, int], num_codes: int, seed: int) -> None:
    codebook = _codebook(num_codes, shape[1], seed)
    points, pixels = _drawn(seed, shape, shape)
    codes = codebook.codes.numpy()
    own, paired = (codebook.assign(values) for values in (points, pixels))
    assert own.tolist() == [literal.nearest_code(feature, codes) for feature in points.numpy()]

    def committed(values: Tensor) -> Tensor:
        return commitment(values, codebook.codes[own], codebook.codes[paired], 0.25)

    expected = literal.commitment(points.numpy(), pixels.numpy(), codes, 0.25)
    assert committed(points).item() == pytest.approx(expected, rel=1e-10)
    assert _has_the_gradient_of_its_value(committed, points)
    matched = code_matching(points, pixels, codebook.codes).item()
    exact, released = (literal.code_matching(points.numpy(), pixels.numpy(), codes, add) for add in (0.0, 1e-5))
    assert matched == pytest.approx(exact, rel=1e-9, abs=1e-9)
    assert 0 <= released - matched + 1e-9 < 1.1e-5
    assert _has_the_gradient_of_its_value(lambda a, b: code_matching(a, b, codebook.codes), points, pixels)
    assert perplexity(own, num_codes).item() == pytest.approx(literal.perplexity(own.tolist()), rel=1e-5)


@pytest.mark.parametrize("num_processes", [1, 3])
@pytest.mark.parametrize("num_codes", [1, 3, 12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_three_updates_of_the_codebook(shape: tuple[int, int], num_codes: int, num_processes: int) -> None:
    codebooks = [_codebook(num_codes, shape[1], seed=5) for _ in range(num_processes)]
    state = [getattr(codebooks[0], name).numpy().copy() for name in ("codes", "counts", "sums")]
    for step in range(3):
        drawn = _drawn(step, *[shape] * (2 * num_processes))
        pairs = list(zip(drawn[::2], drawn[1::2], strict=True))
        state = list(literal.codebook_update(*state, [(a.numpy(), b.numpy()) for a, b in pairs], 0.9))
        _updated_together(codebooks, pairs)
        for codebook in codebooks:
            found = [getattr(codebook, name).numpy() for name in ("codes", "counts", "sums")]
            for ours, its in zip(found, state, strict=True):
                np.testing.assert_allclose(ours, its, rtol=1e-9, atol=1e-12)


def _updated_together(codebooks: list[Codebook], pairs: list[tuple[Tensor, Tensor]]) -> None:
    """Update codebooks as processes do that gather from one another, in one thread each."""
    from threading import Barrier, Thread

    if len(codebooks) == 1:
        codebooks[0].update(*pairs[0])
        return
    barrier, rows = Barrier(len(codebooks)), [torch.zeros(0)] * len(codebooks)

    def run(rank: int) -> None:
        def gather(values: Tensor) -> tuple[Tensor, int]:
            rows[rank] = values
            barrier.wait()
            joint = torch.cat(rows)
            barrier.wait()
            return joint, rank * len(values)

        codebooks[rank].update(*pairs[rank], gather)

    threads = [Thread(target=run, args=(rank,)) for rank in range(len(codebooks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("map_size", "size"), [((1, 1), (4, 3)), ((2, 3), (5, 9)), ((3, 4), (12, 16)), ((4, 4), (1, 4))]
)
def test_heads_of_pictures(map_size: tuple[int, int], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    heads = PictureHeads(3, 5, size).double()
    maps = _drawn(1, (2, 3, *map_size))[0]
    found = heads(maps)
    specific = literal.bilinear(heads.specific(maps).detach().numpy(), *size)
    np.testing.assert_allclose(found.specific.detach(), specific, rtol=1e-9, atol=1e-10)
    shared = literal.bilinear(heads.shared(maps).detach().numpy(), *size)
    shared = shared / np.linalg.norm(shared, axis=1, keepdims=True)
    np.testing.assert_allclose(found.shared.detach(), shared, rtol=1e-9, atol=1e-10)
    pixels = torch.tensor([[b, r, c] for b in range(2) for r in range(size[0]) for c in range(size[1])])
    torch.testing.assert_close(heads.shared_at(maps, pixels), features_at(found.shared, pixels), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("count", "size"), [(1, (1, 1)), (9, (2, 2)), (5, (4, 6))])
def test_pixels_with_new_features(count: int, size: tuple[int, int]) -> None:
    pictures, features = _drawn(2, (2, 3, *size), (count, 3))
    pixels = _pixels(3, count, 2, *size)
    found = replaced_at(pictures, pixels, features)
    np.testing.assert_allclose(found, literal.replaced(pictures.numpy(), pixels.numpy(), features.numpy()), rtol=1e-12)
    assert _has_the_gradient_of_its_value(lambda a, b: replaced_at(a, pixels, b), pictures, features)


@pytest.mark.parametrize("most", [1, 3, 32])
@pytest.mark.parametrize(("num_queries", "num_points"), [(1, 1), (7, 40), (40, 3)])
def test_points_near_queries(num_queries: int, num_points: int, most: int) -> None:
    queries, points = _drawn(4, (num_queries, 3), (num_points, 3))
    found = near_pairs(queries, points, 1.0, most)
    pairs = list(zip(found.queries.tolist(), found.points.tolist(), strict=True))
    assert pairs == literal.near_pairs(queries.numpy(), points.numpy(), 1.0, most)
